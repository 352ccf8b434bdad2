"""Many targets in one namespace, and one validator that watches them all.

Each target is a Deployment whose pod runs nowhere (bare_pods.py); the runs on them are real Jobs.
"""

# ruff: noqa: T201 (what is wrong is printed)

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

import local_cluster
from pytest_k8s_job.cluster.client import KubernetesCluster, connect
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.target.discovery import find_targets
from pytest_k8s_job.validation.follow import Place
from pytest_k8s_job.validation.key import rollout_keys
from pytest_k8s_job.validation.policy import TARGET
from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.validation.store import Store
from pytest_k8s_job.validation.template import read_templates
from tests.checkout import CHECKOUT, inherited
from tests.deploys.bare_pods import LABEL, SCHEDULER, run_bare_pods
from tests.tool.diagnosis.place import IMAGE
from tests.tool.run.test_shards_on_cluster import kubeconfig_of
from tests.tool.target.shop import open_runs
from tests.tool.validation.account import apply_account, rights_of

__all__ = ["ROLLOUT_SECONDS", "SETTLE_SECONDS", "Fleet", "open_fleet"]

SUITE = "def test_one():\n    pass\n"
ROLLOUT_SECONDS = 60.0  # for all of them together
VERDICT_SECONDS = 20.0  # for each target: runs follow each other
SETTLE_SECONDS = 35.0  # for the looks that the last verdicts have caused
SIDE_BY_SIDE = 8  # requests
TICKS = os.sysconf("SC_CLK_TCK")
Object = dict[str, Any]


@dataclass(frozen=True)
class Fleet:
    """The targets and the validator."""

    namespace: str
    cluster: KubernetesCluster
    count: int
    watch: subprocess.Popen[bytes]
    requests: Path
    keys: set[tuple[str, str]] = field(default_factory=set)

    def roll_out(self, version: int) -> float:
        """Give all Deployments a version; return the seconds until all rollouts are over."""
        began = time.monotonic()
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments"

        def apply(number: int) -> None:
            made = deployment(number, version)
            if version == 1:
                self.cluster.send("POST", path, made)
            else:
                self.cluster.send("PATCH", f"{path}/{name(number)}", {"spec": made["spec"]})

        _side_by_side(apply, self.count)
        _wait(lambda: not self._unsettled(), ROLLOUT_SECONDS, "all rollouts")
        return time.monotonic() - began

    def _unsettled(self) -> list[Object]:
        path = f"/apis/apps/v1/namespaces/{self.namespace}/deployments"
        items: list[Object] = self.cluster.send("GET", path)["items"]
        return [each for each in items if not _is_over(each)]

    def verdicts(self) -> list[Validation]:
        """Return all kept verdicts; the API server may restart meanwhile."""
        store, end = Store(self.cluster, Place(self.namespace)), time.monotonic() + ROLLOUT_SECONDS
        while True:
            try:
                return [each for found in store.read_all().values() for each in found]
            except ClusterError:
                if time.monotonic() > end:
                    raise
                time.sleep(2)

    def wait_for(self, rollouts: int) -> tuple[int, int]:
        """Wait for the verdicts; return how many targets miss one, and how many are wrong.

        Right is one PASSED for each key that was deployed. All others are wrong.
        """
        self.keys.update(self._deployed())
        end = time.monotonic() + VERDICT_SECONDS * self.count
        while len(self.verdicts()) < len(self.keys) and time.monotonic() < end:
            time.sleep(2)
        time.sleep(SETTLE_SECONDS)  # one too many would come now
        kept = Counter((each.name, each.key, each.verdict) for each in self.verdicts())
        right = {(*each, "PASSED") for each in self.keys}
        for each, times in kept.items():
            if times > 1 or each not in right:
                print(f"{times} times {each}")
        wrong = sum(kept.values()) - len(right & kept.keys())
        jobs = len(self.cluster.jobs(self.namespace)) - len(self.keys)
        assert len(self.keys) == self.count * rollouts
        return len(right - kept.keys()), max(wrong, jobs)

    def _deployed(self) -> list[tuple[str, str]]:
        """Return (template, key of the rollout that is deployed), of each target."""
        templates = read_templates(self.cluster, self.namespace)
        targets = list(find_targets(self.cluster, [each.search for each in templates]))
        keys = rollout_keys(self.cluster, targets)
        return [(each.name, key) for each, key in zip(templates, keys, strict=True)]

    def megabytes(self) -> float:
        """Return the most resident memory that the validator had, without its children's."""
        status = Path(f"/proc/{self.watch.pid}/status").read_text()
        (line,) = (each for each in status.splitlines() if each.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024 / 1e6

    def cpu_seconds(self) -> float:
        """Return the processor's time that the validator has used, without its children's."""
        fields = Path(f"/proc/{self.watch.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def open_fleet(count: int, folder: Path) -> Iterator[Fleet]:
    """Make the templates and start the validator with its manifest's rights; remove all."""
    suite = folder / "suite"
    suite.mkdir()
    cluster = connect(str(local_cluster.kubeconfig()))
    with open_runs(suite, SUITE) as namespace, run_bare_pods(cluster, namespace):
        apply_account(namespace, "validator", rights_of("validator"))
        _side_by_side(lambda number: _make(cluster, namespace, number), count)
        requests = folder / "requests"
        watch = start_watch(namespace, folder, requests)
        try:
            yield Fleet(namespace, cluster, count, watch, requests)
        finally:
            watch.send_signal(signal.SIGTERM)
            watch.wait(60)


def start_watch(namespace: str, folder: Path, requests: Path) -> subprocess.Popen[bytes]:
    """Start the validator as it runs in a pod: with a token from a file, by the official client."""
    config: Any = kubeconfig_of(namespace, "validator")
    token = folder / "token"
    token.write_text(config["users"][0]["user"].pop("token"))
    config["users"][0]["user"] = {"tokenFile": str(token)}
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    words = ["watch", "-n", namespace, "--kubeconfig", str(kubeconfig)]
    requests.touch()
    with (folder / "watch.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.deploys.counted", str(requests), *words],
            cwd=CHECKOUT,
            env=inherited() | {"PYTHONPATH": str(CHECKOUT)},
            stdout=log,
            stderr=log,
        )


def name(number: int) -> str:
    """Return the name of a target and of its template."""
    return f"web-{number:03}"


def deployment(number: int, version: int) -> Object:
    """Return the Deployment of a target."""
    labels = {"app": name(number)}
    container = {
        "name": "web",
        "image": "registry.invalid/web:1",
        "env": [{"name": "VERSION", "value": str(version)}],
    }
    metadata = {"labels": labels | {LABEL: "yes"}}
    pod = {"schedulerName": SCHEDULER, "containers": [container]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name(number)},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": metadata, "spec": pod},
        },
    }


def _make(cluster: KubernetesCluster, namespace: str, number: int) -> None:
    """Make the template of a target, and the Service before it."""
    container = {
        "name": "suite",
        "image": IMAGE,
        "command": ["python", "-m", "pytest_k8s_job.pod.agent"],
        "args": ["test_shop.py"],
        "workingDir": "/suite-of-test",
        "volumeMounts": [{"name": "suite", "mountPath": "/suite-of-test"}],
    }
    pod = {"restartPolicy": "Never", "containers": [container]}
    pod["volumes"] = [{"name": "suite", "configMap": {"name": "suite"}}]
    job = {"spec": {"backoffLimit": 0, "template": {"spec": pod}}}
    spec = {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": job}
    metadata = {"name": name(number), "annotations": {TARGET: f"deployment/{name(number)}"}}
    made = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": metadata, "spec": spec}
    cluster.send("POST", f"/apis/batch/v1/namespaces/{namespace}/cronjobs", made)
    # Without an address of its own, so that no node has to route to it.
    spec = {"clusterIP": "None", "selector": {"app": name(number)}, "ports": [{"port": 80}]}
    made = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name(number)}, "spec": spec}
    cluster.send("POST", f"/api/v1/namespaces/{namespace}/services", made)


def _side_by_side(act: Callable[[int], None], count: int) -> None:
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        list(threads.map(act, range(count)))


def _is_over(obj: Mapping[str, Any]) -> bool:
    status, generation = obj.get("status") or {}, obj["metadata"]["generation"]
    counts = [status.get(each) for each in ("replicas", "updatedReplicas", "availableReplicas")]
    return bool(status.get("observedGeneration") == generation and counts == [1, 1, 1])


def _wait(condition: Callable[[], bool], seconds: float, what: str) -> None:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds:g} s for {what}")
        time.sleep(0.5)
