"""What deploys a shop on the real cluster, and asks for verdicts on it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import local_cluster
from tests.checkout import CHECKOUT, inherited
from tests.tool.diagnosis.place import kubectl
from tests.tool.run.test_on_cluster import job_manifest
from tests.tool.target.shop import Shop, deployment, open_shop, service

__all__ = ["FAILED", "NOT_RUN", "NO_TESTS", "PASSED", "SUITE", "VOID", "Pipeline", "open_pipeline"]

SUITE = """\
import os, time, urllib.request

def get():
    with urllib.request.urlopen(os.environ["SHOP_URL"], timeout=5) as answer:
        return answer.read().decode()

def test_version():
    assert get() != "broken"

def test_slow():
    end = time.monotonic() + float(os.environ.get("SLOW", "0"))
    while time.monotonic() < end:
        get()
        time.sleep(0.1)
"""
PASSED, FAILED, NO_TESTS, NOT_RUN, VOID = 0, 1, 5, 10, 12


@dataclass(frozen=True)
class Pipeline:
    """What deploys the shop and asks for verdicts."""

    shop: Shop
    runs: str
    folder: Path

    def template(
        self,
        slow: float = 0,
        on_failure: str = "report",
        kind: str = "deployment",
        **container: Any,
    ) -> None:
        """Apply the suspended CronJob."""
        job = yaml.safe_load(job_manifest(self.runs))
        (suite,) = job["spec"]["template"]["spec"]["containers"]
        suite["env"] += [
            {"name": "SHOP_URL", "value": f"http://web.{self.shop.namespace}.svc"},
            {"name": "SLOW", "value": str(slow)},
        ]
        suite |= {"args": ["test_shop.py"]} | container
        cronjob = {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {
                "name": "shop",
                "namespace": self.runs,
                "annotations": {
                    "pytest-k8s-job/target": f"{self.shop.namespace}/{kind}/web",
                    "pytest-k8s-job/on-failure": on_failure,
                },
            },
            "spec": {
                "schedule": "0 0 1 1 *",
                "suspend": True,
                "jobTemplate": {"spec": job["spec"]},
            },
        }
        kubectl("-n", self.runs, "apply", "-f", "-", text=json.dumps(cronjob))

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a verb of k8s-job."""
        kubeconfig = {"KUBECONFIG": str(local_cluster.kubeconfig()), "PYTHONPATH": str(CHECKOUT)}
        return subprocess.Popen(
            [sys.executable, "-m", "pytest_k8s_job", *words, "-n", self.runs],
            cwd=self.folder,
            env=inherited() | kubeconfig,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def say(self, *words: str) -> tuple[int, str]:
        """Run a verb of k8s-job; return exit code and output."""
        with self.start(*words) as process:
            output, _ = process.communicate(timeout=180)
        return process.returncode, output

    def jobs(self) -> list[str]:
        """Return the names of the Jobs."""
        items = json.loads(kubectl("-n", self.runs, "get", "jobs", "-o", "json"))["items"]
        return [each["metadata"]["name"] for each in items]

    def verdicts(self) -> list[dict[str, Any]]:
        """Return the kept validations, the oldest first, each with its ConfigMap as `kept_as`."""
        select = ("get", "configmaps", "-l", "pytest-k8s-job/template", "-o", "json")
        found = json.loads(kubectl("-n", self.runs, *select))["items"]
        found.sort(key=lambda each: str(each["metadata"]["creationTimestamp"]))
        return [
            json.loads(each["data"]["validation.json"]) | {"kept_as": each["metadata"]["name"]}
            for each in found
        ]

    def kept(self) -> list[dict[str, Any]]:
        """Return the history, newest first."""
        code, output = self.say("history", "--json")
        assert code == PASSED, output
        found: list[dict[str, Any]] = json.loads(output)
        return found


@contextmanager
def open_pipeline(
    runs: str, folder: Path, objects: Sequence[dict[str, Any]] = ()
) -> Iterator[Pipeline]:
    """Deploy a shop with a template that has had no run yet."""
    with open_shop(*(objects or (deployment("web"), service("web")))) as shop:
        shop.wait("web")
        made = Pipeline(shop, runs, folder)
        made.template()
        try:
            yield made
        finally:
            kubectl("-n", runs, "delete", "jobs,cronjobs", "--all")
            kubectl("-n", runs, "delete", "configmaps", "-l", "pytest-k8s-job/template")
