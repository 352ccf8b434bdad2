"""Faults that hit a run: its pod, its node, the cluster's processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from local_cluster.settings import Paths
from local_cluster.supervision import Supervisor
from tests.chaos.scene import Running, Scene, wait_until
from tests.tool.run.test_on_cluster import kubectl

__all__ = [
    "delete_pod",
    "drain_node",
    "evict_pod",
    "force_delete_pod",
    "kill",
    "without_right",
]

RULES = (
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create", "delete"]},
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]},
    {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]},
)


def delete_pod(run: Running) -> None:
    """Delete the pod; it gets SIGTERM and its two seconds."""
    kubectl("-n", run.scene.namespace, "delete", "pod", run.pod, "--wait=false")


def force_delete_pod(run: Running) -> None:
    """Delete the pod from the API at once."""
    kubectl("-n", run.scene.namespace, "delete", "pod", run.pod, "--grace-period=0", "--force")


def evict_pod(run: Running) -> None:
    """Evict the pod through the API, as an autoscaler does."""
    name = run.pod
    path = f"/api/v1/namespaces/{run.scene.namespace}/pods/{name}/eviction"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    kubectl("create", "--raw", path, "-f", "-", text=json.dumps(eviction))


def drain_node(run: Running) -> None:
    """Cordon the node and drain it of this run's pod alone: others use the node too."""
    node = kubectl("get", "node", "-o", "jsonpath={.items[0].metadata.name}")
    try:
        kubectl("drain", node, f"--pod-selector=job-name={run.job}", "--force")
    finally:
        kubectl("uncordon", node)


def kill(component: str) -> None:
    """Kill a process of the cluster with SIGKILL and wait until its successor works."""
    old = _pid(component)
    os.kill(old, signal.SIGKILL)
    wait_until(lambda: _pid(component) not in (0, old), f"another {component}")
    wait_until(_node_ready, f"the node after {component}")


def _pid(component: str) -> int:
    """Return its process id, 0 while it is down."""
    processes = Supervisor(Paths.of_user()).processes()
    return next(int(each["pid"]) for each in processes if each["name"] == component)


def _node_ready() -> bool:
    path = "jsonpath={.items[0].status.conditions[?(@.type=='Ready')].status}"
    try:
        return kubectl("get", "node", "-o", path) == "True"
    except subprocess.CalledProcessError:
        return False


@contextmanager
def without_right(scene: Scene, forbidden: str) -> Iterator[Path]:
    """Yield a kubeconfig whose user may do what a collector does, but for `forbidden`."""
    where = ("-n", scene.namespace)
    name = f"without-{forbidden.replace('/', '-')}"
    rules = [rule for rule in RULES if forbidden not in rule["resources"]]
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "rules": rules}
    kubectl(*where, "create", "serviceaccount", name)
    kubectl(*where, "apply", "-f", "-", text=json.dumps({**role, "metadata": {"name": name}}))
    account = f"--serviceaccount={scene.namespace}:{name}"
    kubectl(*where, "create", "rolebinding", name, f"--role={name}", account)
    config = yaml.safe_load(scene.kubeconfig.read_text())
    token = kubectl(*where, "create", "token", name).strip()
    config["users"] = [{"name": each["name"], "user": {"token": token}} for each in config["users"]]
    path = scene.folder / f"{name}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    yield path
    for kind in ("rolebinding", "role", "serviceaccount"):
        kubectl(*where, "delete", kind, name)
