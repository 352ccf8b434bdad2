"""Kubeconfig files that need no authentication library.

The official client costs a quarter of a second of imports, most of it for OAuth. A file with one
plain server, a certificate or a token, as kind, k3s, kubeadm and minikube write it, is read here,
and so is the service account of a pod, where the client would take a third of the memory. For
everything else the functions return None, and the official client has to read it.
"""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import getproxies

import urllib3
import yaml
from urllib3.util.ssl_ import create_urllib3_context

from pytest_k8s_job.cluster.connection import Connection

__all__ = ["read_in_cluster", "read_plain"]

POOL_SIZE = 32  # connections kept open: a log stream for each shard, and the requests
CLUSTER_KEYS = {"server", "certificate-authority", "certificate-authority-data"}
USER_KEYS = {
    "client-certificate",
    "client-certificate-data",
    "client-key",
    "client-key-data",
    "token",
    "tokenFile",
}
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_SECONDS = 60.0  # between two readings of a token's file, which is renewed now and then


def read_plain(kubeconfig: str | None, context: str | None) -> Connection | None:
    """Return the connection that a plain kubeconfig describes, None if it is not plain."""
    name = kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    # What is wrong with a file is said by the official client, which then reads it again.
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        file = Path(name).expanduser()
        return _read(yaml.safe_load(file.read_text("utf-8")), context, file.parent)
    return None


def read_in_cluster(folder: Path = SERVICE_ACCOUNT) -> Connection | None:
    """Return the connection of a pod by its service account, None without one."""
    if os.environ.get("KUBECONFIG") or Path("~/.kube/config").expanduser().exists():
        return None
    with suppress(OSError, ValueError, KeyError):
        host, port = (os.environ[f"KUBERNETES_SERVICE_{each}"] for each in ("HOST", "PORT"))
        host = f"[{host}]" if ":" in host else host
        name, files = "in-cluster", {"certificate-authority": "ca.crt"}
        place = {"cluster": name, "user": name, "namespace": (folder / "namespace").read_text()}
        content = {
            "contexts": [{"name": name, "context": place}],
            "clusters": [{"name": name, "cluster": {"server": f"https://{host}:{port}", **files}}],
            "users": [{"name": name, "user": {"tokenFile": "token"}}],
        }
        return _read(content, name, folder)
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
    authorization = Token(folder / user["tokenFile"]) if "tokenFile" in user else lambda: header
    namespace = place.get("namespace") or "default"
    pool = urllib3.PoolManager(**options)
    return Connection(server, chosen, namespace, pool, authorization)


class Token:
    """The header with the token of a file, which is read again and again."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read_at = -TOKEN_SECONDS
        self._header = ""
        self()  # what is wrong with it shows at once

    def __call__(self) -> str:
        """Return the header; safe to be asked by several threads."""
        now = time.monotonic()
        if now - self._read_at >= TOKEN_SECONDS or not self._header:
            self._header = f"Bearer {self._file.read_text('ascii').strip()}"
            self._read_at = now
        return self._header


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
