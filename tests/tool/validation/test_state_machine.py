"""Validators that are killed, doubled and cut off: each rollout has exactly one verdict.

The validators are the real ones, with the real store; the cluster is a model of what they ask.
"""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from typing import Any, cast

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pytest_k8s_job.cluster.client import KubernetesCluster
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.target.discovery import find_target
from pytest_k8s_job.validation import runs, validate
from pytest_k8s_job.validation.follow import Place
from pytest_k8s_job.validation.key import rollout_key
from pytest_k8s_job.validation.policy import Policy
from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.validation.store import Store
from pytest_k8s_job.validation.template import Template
from pytest_k8s_job.validation.validate import Validator, Wishes
from tests.tool.target.objects import NAMESPACE
from tests.tool.validation.world import Killed, World

CONTAINER = {
    "name": "c",
    "image": "tests:1",
    "command": ["python", "-m", "pytest_k8s_job.pod.agent"],
}
JOB: dict[str, Any] = {
    "metadata": {"name": "shop"},
    "spec": {"template": {"spec": {"containers": [CONTAINER]}}},
}
TEMPLATE = Template("shop", NAMESPACE, JOB, Policy(("deployment/web",)))
VERSIONS = st.integers(0, 3)
FAULTS = st.dictionaries(
    st.integers(1, 20), st.sampled_from(("kill", "lose", "deploy")), max_size=3
)
ACTIONS = st.sampled_from(("nothing", "deploy", "undo", "scale", "delete", "second validator"))


@cache
def key_of(version: int, rollout: int) -> str:
    """Return the key of a rollout."""
    world = World()
    world.version, world.changed = version, rollout
    return rollout_key(world, find_target(world, TEMPLATE.search))


class Deploys(RuleBasedStateMachine):
    """Deploys of one service, and validators at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()

    def validator(self) -> Validator:
        """Return a new validator: it knows nothing but the cluster."""
        cluster = cast("KubernetesCluster", self.world)
        store = Store(cluster, Place(NAMESPACE), b"key")
        return Validator(
            cluster, Place(NAMESPACE), TEMPLATE, store, lambda _: None, self.world.judge
        )

    def verdicts(self) -> list[Validation]:
        """Return what is kept and proven of this template, runs only."""
        cluster = cast("KubernetesCluster", self.world)
        kept = Store(cluster, Place(NAMESPACE), b"key").read("shop")
        return [each for each in kept if each.run_id]

    @rule(version=VERSIONS)
    def deploy(self, version: int) -> None:
        """Somebody deploys."""
        self.world.deploy(version)

    @rule(replicas=st.integers(1, 3))
    def scale(self, replicas: int) -> None:
        """Somebody scales."""
        self.world.scale(replicas)

    @rule()
    def expire(self) -> None:
        """Ended Jobs reach their TTL."""
        self.world.expire()

    @rule(faults=FAULTS, meanwhile=st.lists(ACTIONS, max_size=2), version=VERSIONS)
    def validate(self, faults: dict[int, str], meanwhile: list[str], version: int) -> None:
        """A validator looks, may be killed or cut off, and others act while its Job runs."""
        actions = {
            "nothing": lambda: None,
            "deploy": lambda: self.world.deploy(version),
            "undo": lambda: self.world.deploy(self.world.version ^ 1),
            "scale": lambda: self.world.scale(2),
            "delete": self.world.delete,
            "second validator": self.second,
        }
        self.world.meanwhile = [actions[each] for each in meanwhile]
        self.world.fail = {self.world.requests + number: what for number, what in faults.items()}
        with suppress(Killed, ClusterError):
            self.validator().validate(Wishes())
        self.world.fail, self.world.meanwhile = {}, []

    def second(self) -> None:
        """Another validator looks at the same moment."""
        with suppress(ClusterError):
            self.validator().validate(Wishes())

    @rule()
    def settle(self) -> None:
        """Left alone, what is deployed gets its verdict, and so do ended runs without one."""
        first = self.validator().validate(Wishes())
        found = self.validator().validate(Wishes())  # runs that the first one has waited for
        assert found == first
        key = key_of(self.world.version, self.world.changed)
        assert found.key == key
        assert found.verdict == ("FAILED" if self.world.version % 2 else "PASSED")
        before = self.verdicts()
        assert {each.job for each in before} >= self.world.job_objects.keys()
        assert len([each for each in before if each.key == key]) == 1
        judged = self.world.judged
        assert self.validator().validate(Wishes()).job == found.job
        assert self.world.judged == judged
        assert self.verdicts() == before

    @invariant()
    def one_verdict_each(self) -> None:
        """No rollout has two verdicts, and each verdict is on the rollout that was tested."""
        kept = self.verdicts()
        keys = [each.key for each in kept]
        assert len(keys) == len(set(keys))
        for each in kept:
            version, rollout = self.world.tested[each.job]
            assert not (each.passed and version % 2)
            assert each.verdict == "VOID" or each.key == key_of(version, rollout)


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validate, "POLL_SECONDS", 0.0)
    monkeypatch.setattr(runs, "POLL_SECONDS", 0.0)


Deploys.TestCase.settings = settings(max_examples=150, stateful_step_count=12, deadline=None)
TestDeploys = Deploys.TestCase


def test_a_job_that_is_deleted_in_mid_run_runs_again() -> None:
    """It leaves no verdict behind."""
    deploys = Deploys()
    deploys.world.meanwhile = [deploys.world.delete]
    assert deploys.validator().validate(Wishes()).verdict == "PASSED"
    assert (deploys.world.judged, len(deploys.verdicts())) == (2, 1)


@pytest.mark.parametrize("fault", ["kill", "lose"])
@pytest.mark.parametrize("number", range(1, 19))
def test_after_any_request_that_was_the_last(number: int, fault: str) -> None:
    """The next validator joins what the killed one has begun."""
    deploys = Deploys()
    deploys.world.fail = {number: fault}
    with suppress(Killed, ClusterError):
        deploys.validator().validate(Wishes())
    deploys.world.fail = {}
    deploys.settle()
    assert len(deploys.world.tested) == 1


def test_a_rollout_that_comes_meanwhile_voids_and_is_validated() -> None:
    """Two verdicts on two rollouts, the first of them VOID."""
    deploys = Deploys()
    deploys.world.meanwhile = [lambda: deploys.world.deploy(1)]
    assert deploys.validator().validate(Wishes()).verdict == "FAILED"
    assert [each.verdict for each in deploys.verdicts()] == ["FAILED", "VOID"]
