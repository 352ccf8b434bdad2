"""Templates of validations: a CronJob of the cluster, or a file with a Job or a CronJob."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.errors import GoneError, UsageError
from pytest_k8s_job.validation.policy import ON_FAILURE, TARGET
from pytest_k8s_job.validation.template import load_template, read_template, read_templates
from tests.checkout import CHECKOUT

REAL = CHECKOUT / "kubernetes" / "90-integration-test.yaml"
Object = dict[str, Any]


def cronjob(name: str, **annotations: str) -> Object:
    """Return a CronJob with these annotations, as the API server lists it: without its kind."""
    container = {"name": "suite", "command": ["python", "-m", "pytest_k8s_job.pod.agent"]}
    spec = {"template": {"spec": {"containers": [container]}}}
    metadata = {"name": name, "namespace": "shop", "annotations": annotations}
    return {"metadata": metadata, "spec": {"suspend": True, "jobTemplate": {"spec": spec}}}


class Cluster:
    """A cluster with CronJobs."""

    namespace = "shop"

    def __init__(self, *cronjobs: Object) -> None:
        self.cronjobs = cronjobs

    def read(self, path: str, _accept: str) -> tuple[bytes, float]:
        """Return their list."""
        assert path == "/apis/batch/v1/namespaces/shop/cronjobs"
        return json.dumps({"items": list(self.cronjobs) or None}).encode(), 0.0

    def send(self, method: str, path: str) -> Object:
        """Return one."""
        assert method == "GET"
        for each in self.cronjobs:
            if path == f"/apis/batch/v1/namespaces/shop/cronjobs/{each['metadata']['name']}":
                return each
        raise GoneError("no such CronJob", 404)


def cluster(*cronjobs: Object) -> KubernetesCluster:
    """Return a cluster with these CronJobs."""
    return cast("KubernetesCluster", Cluster(*cronjobs))


TESTED = cronjob("tests", **{TARGET: "deployment/api, deployment/worker", ON_FAILURE: "rollback"})
BACKUP = cronjob("backup")


def test_those_that_say_what_they_test() -> None:
    """Other CronJobs are nobody's business."""
    (found,) = read_templates(cluster(BACKUP, TESTED), "shop")
    assert (found.name, found.namespace) == ("tests", "shop")
    assert found.policy.target == ("deployment/api", "deployment/worker")
    assert found.policy.on_failure == "rollback"
    assert found.job["kind"] == "Job"
    assert [each.text for each in found.search.said] == ["deployment/api", "deployment/worker"]
    assert read_templates(cluster(), "shop") == []


def test_one_by_its_name() -> None:
    """A name that is asked for counts also without the annotation."""
    assert read_template(cluster(BACKUP, TESTED), "shop", "tests").policy.on_failure == "rollback"
    assert read_template(cluster(BACKUP, TESTED), "shop", "backup").policy.target == ()
    with pytest.raises(UsageError, match="no CronJob none in namespace shop; kubectl apply"):
        read_template(cluster(BACKUP), "shop", "none")


def test_the_only_one() -> None:
    """Without a name there must be one; else the error names those that there are."""
    assert read_template(cluster(BACKUP, TESTED), "shop", "").name == "tests"
    with pytest.raises(UsageError, match=r"0 CronJobs of namespace shop.*annotate one with"):
        read_template(cluster(BACKUP), "shop", "")
    other = cronjob("smoke", **{TARGET: "deployment/api"})
    with pytest.raises(UsageError, match=r"2 CronJobs.*name one of them: tests, smoke"):
        read_template(cluster(TESTED, other), "shop", "")


def test_a_policy_that_nobody_knows() -> None:
    """The error names object, annotation and choices."""
    wrong = cronjob("tests", **{TARGET: "deployment/api", ON_FAILURE: "explode"})
    with pytest.raises(UsageError, match=r"CronJob tests: annotation .*'explode'; write report or"):
        read_templates(cluster(wrong), "shop")
    told: list[str] = []
    (right,) = read_templates(cluster(wrong, TESTED), "shop", told.append)
    assert right.name == TESTED["metadata"]["name"]
    assert len(told) == 1
    assert told[0].startswith("CronJob ")


def test_a_file() -> None:
    """Its namespace counts before that of the kubeconfig, and the one that was typed before it."""
    found = load_template(REAL, None, "default")
    assert (found.name, found.namespace) == ("integration-test", "weather")
    assert found.job["metadata"]["namespace"] == "weather"
    assert found.policy.target == ("deployment/redis", "deployment/api", "deployment/worker")
    assert load_template(REAL, "staging", "default").job["metadata"]["namespace"] == "staging"


def test_a_job_in_a_file(tmp_path: Path) -> None:
    """As before there were CronJobs; without a namespace of its own."""
    job = {"kind": "Job", "spec": TESTED["spec"]["jobTemplate"]["spec"]}
    job["metadata"] = {"name": "small", "annotations": {TARGET: "deployment/web"}}
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(job))
    found = load_template(tmp_path / "job.yaml", None, "default")
    assert (found.name, found.namespace) == ("small", "default")
    assert found.policy.target == ("deployment/web",)
