"""A namespace of its own for one fault, and how its objects are made."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import local_cluster
from pytest_k8s_job.cluster.kubeconfig import read_plain

__all__ = ["IMAGE", "Place", "create_many", "kubectl", "open_place", "wait_until"]

IMAGE = "weather-test:0.1.0"  # Python, on every node of the local cluster
SECONDS = 60.0
SIDE_BY_SIDE = 8  # requests that create many objects
Object = dict[str, Any]


def kubectl(*words: str, text: str | None = None, check: bool = True) -> str:
    """Run kubectl on the local cluster and return what it says."""
    command = [str(local_cluster.kubectl()), "--kubeconfig", str(local_cluster.kubeconfig())]
    done = subprocess.run(
        [*command, *words], input=text, capture_output=True, text=True, timeout=120, check=False
    )
    if check and done.returncode:
        raise RuntimeError(f"kubectl {' '.join(words[:4])}: {done.stderr.strip()}")
    return done.stdout


def create_many(namespace: str, objects: Iterable[tuple[str, Object]]) -> None:
    """Create (resource of the core group, object) pairs, many times faster than kubectl does."""
    found = read_plain(str(local_cluster.kubeconfig()), None)
    assert found is not None
    connection = found

    def create(each: tuple[str, Object]) -> None:
        path = f"/api/v1/namespaces/{namespace}/{each[0]}"
        connection.request("POST", path, SECONDS, each[1]).drain_conn()

    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        list(threads.map(create, objects))


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Wait until `condition` holds; raise TimeoutError with `what` if it never does."""
    end = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {SECONDS:g} s for {what}")
        time.sleep(0.2)


@dataclass
class Place:
    """A namespace; `url`, `kubeconfig` and `clock_ahead` are what the diagnosis is given.

    Attributes:
        name: the namespace.
        folder: for files of the fault.
        url: the target to look at, if any.
        kubeconfig: the kubeconfig of the diagnosis.
        clock_ahead: seconds by which the diagnosis' clock is wrong.
        touched: when something was last done to the namespace, in monotonic seconds.
        since: when the noise was there, in seconds since the epoch; 0: there is none.
    """

    name: str
    folder: Path
    url: str = ""
    kubeconfig: Path = field(default_factory=local_cluster.kubeconfig)
    clock_ahead: float = 0.0
    touched: float = 0.0
    since: float = 0.0

    def apply(self, *objects: Object) -> None:
        """Create objects in the namespace."""
        text = yaml.safe_dump_all(objects)
        self.touched = time.monotonic()
        kubectl("-n", self.name, "apply", "-f", "-", text=text)

    def kubectl(self, *words: str, text: str | None = None) -> str:
        """Run kubectl in the namespace."""
        self.touched = time.monotonic()
        return kubectl("-n", self.name, *words, text=text)

    def get(self, *words: str) -> list[Object]:
        """Return the objects that `kubectl get` lists."""
        found = json.loads(self.kubectl("get", *words, "-o", "json"))
        return list(found.get("items", [found]))

    def wait_ready(self, label: str = "app=api") -> None:
        """Wait until the pods with a label are ready."""
        self.kubectl("wait", "pod", "-l", label, "--for=condition=Ready", "--timeout=60s")

    def wait_running(self, label: str) -> None:
        """Wait until a pod with a label runs."""

        def running() -> bool:
            pods = self.get("pods", "-l", label)
            return any(pod["status"].get("phase") == "Running" for pod in pods)

        wait_until(running, f"a running pod with {label}")

    def change_kubeconfig(self, change: Callable[[Object], None]) -> None:
        """Let the diagnosis use a changed copy of the kubeconfig."""
        config = yaml.safe_load(self.kubeconfig.read_text())
        change(config)
        self.kubeconfig = self.folder / "changed.kubeconfig"
        self.kubeconfig.write_text(yaml.safe_dump(config))


@contextmanager
def open_place(folder: Path, prefix: str = "diagnosis") -> Iterator[Place]:
    """Make a namespace and delete it in the end."""
    name = f"{prefix}-{secrets.token_hex(3)}"
    folder = folder / name
    folder.mkdir(parents=True)
    kubectl("create", "namespace", name)
    # A pod needs it, and the controller takes a moment.
    wait_until(
        lambda: kubectl("-n", name, "get", "serviceaccount", "default", check=False),
        "the default service account",
    )
    try:
        yield Place(name, folder)
    finally:
        kubectl("delete", "namespace", name, "--wait=false", check=False)
