"""Kubeconfig files that need no authentication library.

The official client costs a quarter of a second of imports, most of it for OAuth. A file with one
plain server, a certificate or a token, as kind, k3s, kubeadm and minikube write it, is read here;
for every other one `read_plain` returns None, and the official client has to read it.
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import urllib3
import yaml
from urllib3.util.ssl_ import create_urllib3_context

from pytest_k8s_job.cluster.connection import Connection

__all__ = ["read_plain"]

POOL_SIZE = 32  # connections kept open: a log stream for each shard, and the requests
CLUSTER_KEYS = {"server", "certificate-authority", "certificate-authority-data"}
USER_KEYS = {
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "token",
}


def read_plain(kubeconfig: str | None, context: str | None) -> Connection | None:
    """Return the connection that a plain kubeconfig describes, None if it is not plain."""
    name = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    # What is wrong with a file is said by the official client, which then reads it again.
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        file = Path(name).expanduser()
        return _read(yaml.safe_load(file.read_text("utf-8")), context, file.parent)
    return None


def _read(content: Mapping[str, Any], context: str | None, folder: Path) -> Connection | None:
    chosen = context or content["current-context"]
    place = _named(content["contexts"], chosen)["context"]
    cluster = _named(content["clusters"], place["cluster"])["cluster"]
    user = _named(content["users"], place["user"])["user"] or {}
    server = cluster["server"].rstrip("/")
    scheme = server.partition(":")[0]
    plain = cluster.keys() <= CLUSTER_KEYS and user.keys() <= USER_KEYS
    if not plain or {scheme, "all"} & getproxies().keys():
        return None
    options: dict[str, Any] = {"maxsize": POOL_SIZE, "retries": False}
    if scheme == "https":
        options["ssl_context"] = _ssl_context(cluster, user, folder)
    header = f"Bearer {user['token']}" if "token" in user else None
    namespace = place.get("namespace") or "default"
    pool = urllib3.PoolManager(**options)
    return Connection(server, chosen, namespace, pool, lambda: header)


def _named(entries: list[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    (found,) = (each for each in entries if each["name"] == name)
    return found


def _ssl_context(
    cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path
) -> ssl.SSLContext:
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    authority = _read_pem(cluster, "certificate-authority", folder)
    context.load_verify_locations(cadata=authority.decode("ascii"))
    if any(key.startswith("client-") for key in user):
        pair = [_read_pem(user, key, folder) for key in ("client-certificate", "client-key")]
        # Python takes a certificate from files only; this one is gone before anybody looks.
        with tempfile.NamedTemporaryFile(prefix="k8s-job-") as file:  # readable by us alone
            file.write(b"\n".join(pair))
            file.flush()
            context.load_cert_chain(file.name)
    return context


def _read_pem(entry: Mapping[str, Any], key: str, folder: Path) -> bytes:
    data = entry.get(f"{key}-data")
    return base64.b64decode(data) if data else (folder / entry[key]).read_bytes()
