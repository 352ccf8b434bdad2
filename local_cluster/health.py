"""How the cluster is: one line a part, as `status` shows it and as `up` waits for it."""

import json
import ssl
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
    names = (f"node/{s.NODE}", "deployment/coredns", "storageclass/standard")
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
        Part("DNS", *_condition(items.get("Deployment"), "Available")),
        Part("StorageClass", "StorageClass" in items, "standard" if items else "absent"),
    ]


def _condition(thing: dict[str, Any] | None, kind: str) -> tuple[bool, str]:
    """Whether the object's condition is True, and the words for it."""
    if thing is None:
        return False, "absent"
    for condition in thing.get("status", {}).get("conditions", []):
        if condition["type"] == kind:
            well = condition["status"] == "True"
            return well, kind if well else str(condition.get("message") or f"not {kind}")
    return False, f"not {kind} yet"
