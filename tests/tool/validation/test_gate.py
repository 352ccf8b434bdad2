"""The gate without a cluster: which verdict it waits for, and what it outlasts."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.validation import gate
from pytest_k8s_job.validation.follow import Place
from pytest_k8s_job.validation.gate import Gate
from pytest_k8s_job.validation.store import Store
from pytest_k8s_job.validation.validate import Wishes
from tests.tool.target.objects import NAMESPACE
from tests.tool.validation.test_state_machine import TEMPLATE, Deploys
from tests.tool.validation.world import World


class Restarting(World):
    """A cluster whose API server does not answer for some requests."""

    silent = 0

    def _request(self) -> bool:
        if self.silent:
            self.silent -= 1
            raise ClusterError("the API server does not answer: connection refused")
        return super()._request()


class Gates(Deploys):
    """Deploys, and a gate after them."""

    def __init__(self) -> None:
        super().__init__()
        self.world = self.server = Restarting()
        self.said: list[str] = []

    def wait(self, revision: str = "", seconds: float = 0.0) -> tuple[str, str]:
        """Return verdict and what is missing; the signing key is the validator's."""
        cluster, place = cast("KubernetesCluster", self.world), Place(NAMESPACE)
        store = Store(cluster, place, b"key")
        found, missing = Gate(cluster, place, TEMPLATE, store, self.said.append).wait(
            revision, seconds
        )
        return (found.verdict if found is not None else ""), missing


@pytest.fixture
def gates(monkeypatch: pytest.MonkeyPatch) -> Gates:
    """A service that has been validated."""
    monkeypatch.setattr(gate, "POLL_SECONDS", 0.0)
    made = Gates()
    made.validator().validate(Wishes())
    return made


def test_what_is_deployed_has_its_verdict(gates: Gates) -> None:
    """The kept one."""
    assert gates.wait() == ("PASSED", "")


def test_a_verdict_of_another_rollout(gates: Gates) -> None:
    """Neither the one before it, nor the same content before the way back."""
    gates.world.deploy(2)
    verdict, missing = gates.wait()
    assert verdict == ""
    assert "has no verdict, and Job shop-" in missing
    gates.world.deploy(0)
    assert gates.wait()[0] == ""


def test_only_one_revision(gates: Gates) -> None:
    """What is deployed must be the one that was asked for."""
    revision = gates.verdicts()[0].revision
    assert gates.wait(revision[:6]) == ("PASSED", "")
    verdict, missing = gates.wait("0" * 6)
    assert verdict == ""
    assert missing == f"revision {revision[:10]} is deployed, not 000000"


def test_an_api_server_that_restarts(gates: Gates) -> None:
    """The gate goes on asking until its time is over, and says what it waits for."""
    gates.server.silent = 40
    assert gates.wait(seconds=60) == ("PASSED", "")
    assert any("does not answer" in line or "could not be read" in line for line in gates.said)
    gates.server.silent = 10_000
    verdict, missing = gates.wait()
    assert verdict == ""
    assert missing


def test_a_digest_that_does_not_fit(gates: Gates) -> None:
    """What another key has signed, or none, is no proof."""
    (kept,) = gates.world.config_maps.values()
    assert gates.wait()[0] == "PASSED"
    kept["data"]["digest"] = "0" * 64
    gates.world.delete()
    assert gates.wait()[0] == ""


def test_a_run_by_its_schedule_is_none(gates: Gates) -> None:
    """A kept one on the same rollout, signed: the gate waits for the rollout's own."""
    (kept,) = gates.verdicts()
    store = Store(cast("KubernetesCluster", gates.world), Place(NAMESPACE), b"key")
    gates.world.config_maps.clear()
    gates.world.delete()
    scheduled = replace(kept, job="shop-29345678", run_id="29345678", periodic=True)
    store.keep(scheduled, None, None, b"")
    assert [each.periodic for each in store.find("shop", kept.key)] == [True]
    assert gates.wait()[0] == ""
