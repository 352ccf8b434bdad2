"""A target that changes while it is tested, on the real cluster."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.tool.conftest import SECONDS
from tests.tool.run import test_on_cluster as cluster

pytestmark = pytest.mark.cluster

namespace, place = cluster.namespace, cluster.place
Place = cluster.Place

CONTAINER = {
    "name": "web",
    "image": cluster.IMAGE,
    "command": ["sh", "-c", "trap exit TERM; while :; do sleep 0.1; done"],
}


@pytest.fixture
def target(place: Place) -> Iterator[str]:
    """A Deployment of one pod that runs."""
    labels = {"app": "target"}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "target", "namespace": place.namespace},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [CONTAINER]}},
        },
    }
    cluster.kubectl("apply", "-f", "-", text=json.dumps(deployment))
    wait_for_rollout(place)
    yield "target"
    cluster.kubectl("-n", place.namespace, "delete", "deployment", "target")


def wait_for_rollout(place: Place) -> None:
    """Wait until the Deployment has the pods that it wants."""
    status = ("rollout", "status", "deployment/target", f"--timeout={SECONDS}s")
    cluster.kubectl("-n", place.namespace, *status)


def test_a_rollout_in_mid_run_voids_it(place: Place, target: str) -> None:
    """Tests of two versions are of neither: exit code 12, and the sentence says what changed."""
    with place.start("test_slow.py", "-v") as process:
        cluster.wait_until(lambda: "PASSED" in cluster._read_on(process), "the first test")
        command = ("set", "env", f"deployment/{target}", "VERSION=2")
        cluster.kubectl("-n", place.namespace, *command)
        wait_for_rollout(place)
        result = place.result(process)
    assert result.code == 12, result.stdout
    assert "in cluster: VOID" in result.stdout
    assert "the pod template of deployment target became" in result.stdout
    assert "VOID" in str(result.junit)


def test_a_restart_in_mid_run_voids_a_success(place: Place, target: str) -> None:
    """All tests passed, but a container of the target ended in between: that is no success."""
    with place.start("test_slow.py", "-v") as process:
        cluster.wait_until(lambda: "PASSED" in cluster._read_on(process), "the first test")
        kill = ("exec", f"deployment/{target}", "--", "sh", "-c", "kill 1")
        cluster.kubectl("-n", place.namespace, *kill)
        result = place.result(process)
    assert result.code == 12, result.stdout
    assert "container web of pod target-" in result.stdout
    assert "restarted while it was tested" in result.stdout


def test_a_target_that_stays_the_same_voids_nothing(place: Place, target: str) -> None:
    """A Deployment that nobody touches leaves the verdict alone."""
    assert target
    assert place.run("test_pass.py").code == 0
