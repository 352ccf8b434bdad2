"""A shop with many accounts, each of which lacks one right, and a template for each account."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from tests.checkout import CHECKOUT, inherited
from tests.tool.run.test_on_cluster import job_manifest
from tests.tool.run.test_shards_on_cluster import kubeconfig_of
from tests.tool.target.shop import Shop, deployment, open_runs, service
from tests.tool.validation.account import Right, apply_account
from tests.tool.validation.pipeline import SUITE

__all__ = ["Scene", "open_scene", "side_by_side"]

SIDE_BY_SIDE = 4  # processes
COMMAND = """
import sys
from pytest_k8s_job.cluster.client import connect
from pytest_k8s_job.cluster.pods import JobRef
from pytest_k8s_job.errors import ClusterError
kubeconfig, namespace, pod = sys.argv[1:]
try:
    connect(kubeconfig).exec(JobRef(namespace, "web", "web"), pod, ["true"])
except ClusterError as error:
    print(error)
"""
Case = TypeVar("Case")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Scene:
    """One Deployment, one StatefulSet and all runs in one namespace, as the manifests have it."""

    shop: Shop
    folder: Path

    def account(self, name: str, rights: Iterable[Right], **more: Any) -> None:
        """Make an account with these rights, and a template of its name."""
        apply_account(self.shop.namespace, name, rights)
        self.template(name, **more)
        config = kubeconfig_of(self.shop.namespace, name)
        self.kubeconfig(name).write_text(yaml.safe_dump(config))

    def kubeconfig(self, name: str) -> Path:
        """Return the kubeconfig of an account."""
        return self.folder / f"{name}.kubeconfig"

    def template(self, name: str, on_failure: str = "report", missing: str = "") -> None:
        """Apply a suspended CronJob; `missing` names a ConfigMap that does not exist."""
        job = yaml.safe_load(job_manifest(self.shop.namespace))
        pod = job["spec"]["template"]["spec"]
        (suite,) = pod["containers"]
        suite["env"].append({"name": "SHOP_URL", "value": f"http://web.{self.shop.namespace}.svc"})
        suite["args"] = ["test_shop.py"]
        if missing:
            pod["volumes"].append({"name": missing, "configMap": {"name": missing}})
            suite["volumeMounts"].append({"name": missing, "mountPath": f"/{missing}"})
        notes = {"pytest-k8s-job/target": "deployment/web, statefulset/db"}
        notes["pytest-k8s-job/on-failure"] = on_failure
        spec = {"schedule": "0 0 1 1 *", "suspend": True, "jobTemplate": {"spec": job["spec"]}}
        cronjob = {"apiVersion": "batch/v1", "kind": "CronJob", "spec": spec}
        self.shop.apply(cronjob | {"metadata": {"name": name, "annotations": notes}})

    def deploy(self, version: str) -> None:
        """Apply both workloads with a version."""
        db = deployment("db", version)
        db["spec"]["serviceName"] = "db"
        self.shop.apply(deployment("web", version), service("web"), db | {"kind": "StatefulSet"})
        self.shop.wait("web")
        self.shop.kubectl("rollout", "status", "statefulset/db", "--timeout=60s")

    def say(self, verb: str, template: str, account: str, *words: str) -> tuple[int, str]:
        """Run a verb of k8s-job as an account; return exit code and output."""
        place = ("-n", self.shop.namespace, "--kubeconfig", str(self.kubeconfig(account)))
        named = (template,) if template else ()
        return self._python("-m", "pytest_k8s_job", verb, *named, *place, *words)

    def command(self, account: str) -> str:
        """Run a command in a pod as an account; return why it was refused, or ""."""
        select = ("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[0].metadata.name}")
        place = (str(self.kubeconfig(account)), self.shop.namespace, self.shop.kubectl(*select))
        return self._python("-c", COMMAND, *place)[1]

    def _python(self, *words: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=self.folder,
            env=inherited() | {"PYTHONPATH": str(CHECKOUT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        return done.returncode, done.stdout


def side_by_side(act: Callable[[Case], Answer], cases: Iterable[Case]) -> list[Answer]:
    """Return what `act` returns for each case."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        return list(threads.map(act, cases))


@contextmanager
def open_scene(folder: Path) -> Iterator[Scene]:
    """Deploy the shop; remove all at the end."""
    suite = folder / "suite"
    suite.mkdir()
    with open_runs(suite, SUITE) as namespace:
        scene = Scene(Shop(namespace), folder)
        scene.deploy("1")
        yield scene
