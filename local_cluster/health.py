"""How the cluster is: one line a part, as `status` shows it and as `up` waits for it."""

import json
import socket
import ssl
import struct
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_cluster import settings as s
from local_cluster.commands import direct
from local_cluster.components import Component
from local_cluster.settings import Paths
from local_cluster.supervision import Supervisor, can_connect

PROBE_SECONDS = 2.0
DNS_SECONDS = 1.0
API_NAME = "kubernetes.default.svc.cluster.local"


@dataclass(frozen=True)
class Part:
    """One line of the status table."""

    name: str
    well: bool
    detail: str


def parts(paths: Paths, components: list[Component], kubectl: Path) -> list[Part]:
    """Every part of the cluster, whether it is up or not."""
    supervisor = Supervisor(paths)
    if not supervisor.running():
        return [Part("supervisord", False, "not running")]
    processes = {p["name"]: p for p in supervisor.processes()}
    found = [Part("supervisord", True, f"pid {supervisor.pid()}")]
    found += [component_part(paths, c, processes.get(c.name, {})) for c in components]
    return found + objects(paths, kubectl)


def component_part(paths: Paths, component: Component, process: dict[str, Any]) -> Part:
    """State of one process after supervisord, then after its own health check."""
    if process.get("statename") not in ("RUNNING", "STARTING"):
        said = process.get("spawnerr") or process.get("description") or "unknown"
        log = paths.logs / f"{component.name}.log"
        return Part(
            component.name, False, f"{process.get('statename', 'ABSENT')}: {said}; log: {log}"
        )
    failure = ""
    if component.health:
        failure = probe(component.health)
    elif component.name == "containerd" and not can_connect(paths.containerd_socket):
        failure = f"no answer at {paths.containerd_socket}"
    return Part(component.name, not failure, failure or str(process.get("description", "")))


def probe(url: str) -> str:
    """Empty if the address answers 200, else what is wrong.

    The certificate is not verified: nothing is sent, and the address is our own.
    """
    context = ssl._create_unverified_context()  # noqa: S323
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(url, timeout=PROBE_SECONDS):
            return ""
    except urllib.error.HTTPError as error:
        error.close()
        return f"{url} answers {error.code}"
    except OSError as error:
        return f"{url}: {getattr(error, 'reason', error)}"


def objects(paths: Paths, kubectl: Path) -> list[Part]:
    """Node, DNS and StorageClass, after the API server."""
    names = (f"node/{s.NODE}", "storageclass/standard")
    done = subprocess.run(
        [
            *(str(kubectl), "--kubeconfig", str(paths.kubeconfig), "--request-timeout=5s"),
            *("-n", "kube-system", "get", "--ignore-not-found", "-o", "json", *names),
        ],
        capture_output=True,
        text=True,
        env=direct(),
        check=False,
    )
    if done.returncode:
        return [Part("API", False, (done.stderr.strip() or "no answer").splitlines()[-1])]
    items = {o["kind"]: o for o in json.loads(done.stdout or "{}").get("items", [])}
    return [
        Part("node", *_condition(items.get("Node"), "Ready")),
        dns_part(),
        _storage_part("StorageClass" in items),
    ]


def _storage_part(there: bool) -> Part:
    return Part("StorageClass", there, "standard" if there else "absent")


def dns_part() -> Part:
    """DNS by asking it: the Deployment's state may be from before a crash.

    The question goes to the Service's address, so the answer vouches for kube-proxy, containerd and
    kubelet too.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(DNS_SECONDS)
        try:
            client.sendto(_question(API_NAME), (s.DNS_IP, 53))
            answer = client.recv(512)
        except OSError as error:
            return Part("DNS", False, f"no answer from {s.DNS_IP}: {error}")
    found = answer[3] & 0x0F == 0 and answer[6:8] != b"\0\0"  # response code, number of answers
    return Part("DNS", found, f"{API_NAME} {'resolves' if found else 'is unknown'}")


def _question(name: str) -> bytes:
    """A DNS query for the A record of `name`, after RFC 1035 section 4.1."""
    header = struct.pack(">6H", 1, 0x0100, 1, 0, 0, 0)  # id, recursion desired, one question
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return header + labels + b"\0" + struct.pack(">2H", 1, 1)  # type A, class IN


def _condition(thing: dict[str, Any] | None, kind: str) -> tuple[bool, str]:
    """Whether the object's condition is True, and the words for it."""
    if thing is None:
        return False, "absent"
    for condition in thing.get("status", {}).get("conditions", []):
        if condition["type"] == kind:
            well = condition["status"] == "True"
            return well, kind if well else str(condition.get("message") or f"not {kind}")
    return False, f"not {kind} yet"
