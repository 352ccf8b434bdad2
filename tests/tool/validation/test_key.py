"""The key of a rollout: the same for whoever looks, another one for another rollout."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_k8s_job.cluster.job_manifest import job_name
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.workload import Pod, Workload
from pytest_k8s_job.validation.key import rollout_key, rollout_keys, run_in_name
from tests.tool.target.objects import Object, Server, daemon, pod, stateful, target, web

AGENT, DB = "daemonset/agent", "statefulset/db"
DIGESTS = st.sampled_from(["sha256:a", "sha256:b"])
WORDS = st.text("abc-", min_size=1, max_size=6)
PODS = st.builds(
    Pod,
    st.just("shop"),
    WORDS,
    st.just("v1"),
    st.floats(0, 1e9),
    st.booleans(),
    WORDS,
    st.frozensets(st.tuples(st.just("web"), DIGESTS), max_size=1),
)
WORKLOADS = st.builds(
    Workload,
    st.sampled_from(["deployment", "daemonset", "pod"]),
    st.just("shop"),
    WORDS,
    st.just("said"),
    template=st.sampled_from(["t1", "t2"]),
    current=st.sampled_from(["v1", "v2"]),
    number=st.sampled_from(["", "1", "2"]),
    uid=st.sampled_from(["u1", "u2"]),
    pods=st.lists(PODS, max_size=3).map(tuple),
)
TARGETS = st.lists(WORKLOADS, min_size=1, max_size=3, unique_by=lambda each: each.key).map(
    lambda each: Target(tuple(each))
)


class Counting(Server):
    """A Server that knows ControllerRevisions, by name and number."""

    def __init__(self, numbers: Mapping[str, int], status: int = 0) -> None:
        super().__init__(())
        self.numbers = numbers
        self.status = status

    def read(self, path: str, accept: str) -> tuple[bytes, float]:
        """Return the ControllerRevisions."""
        assert accept == "application/json"
        assert path.endswith("/controllerrevisions")
        self.paths.append(path)
        if self.status:
            raise ClusterError("refused", self.status)
        items = [{"metadata": {"name": k}, "revision": v} for k, v in self.numbers.items()]
        return json.dumps({"items": items}).encode(), 0.0


def key(*objects: Object, said: str = "deployment/web") -> str:
    """Return the key of what is deployed."""
    return rollout_key(Server(()), target(*objects, said=said))


@given(TARGETS, st.randoms())
def test_the_order_means_nothing(found: Target, random: Any) -> None:
    """Whoever looks computes the same, in whichever order the target was found."""
    workloads = list(found.workloads)
    random.shuffle(workloads)
    shuffled = Target(tuple(replace(each, found="seen") for each in workloads))
    assert rollout_key(Server(()), shuffled) == rollout_key(Server(()), found)


@given(TARGETS, st.integers(0, 5), st.floats(0, 1e9))
def test_scaling_and_restarts_mean_nothing(found: Target, more: int, created: float) -> None:
    """More pods of the same images, made later, at other addresses, ready or not."""

    def scaled(workload: Workload) -> Workload:
        again = [
            replace(each, name=f"{each.name}-{number}", created=created, address="", ready=False)
            for number in range(more + 1)
            for each in workload.pods
        ]
        return replace(workload, pods=tuple(again), wanted=more, progress="waits")

    after = Target(tuple(map(scaled, found.workloads)))
    assert rollout_key(Server(()), after) == rollout_key(Server(()), found)


CHANGES: dict[str, Callable[[Workload], Workload]] = {
    "template": lambda each: replace(each, template=f"{each.template}x"),
    "number": lambda each: replace(each, number=f"{each.number}7"),
    "uid": lambda each: replace(each, uid=f"{each.uid}x"),
    "name": lambda each: replace(each, name=f"{each.name}x"),
    "kind": lambda each: replace(each, kind=f"{each.kind}x"),
    "namespace": lambda each: replace(each, namespace=f"{each.namespace}x"),
}


@given(TARGETS, st.sampled_from(sorted(CHANGES)), st.data())
def test_what_makes_it_another_rollout(found: Target, change: str, data: st.DataObject) -> None:
    """Content, number, identity: a change of one of them in one workload is another key."""
    index = data.draw(st.integers(0, len(found.workloads) - 1))
    workloads = list(found.workloads)
    workloads[index] = CHANGES[change](workloads[index])
    assert rollout_key(Server(()), Target(tuple(workloads))) != rollout_key(Server(()), found)


def test_applied_again_and_scaled() -> None:
    """The objects of the API server say the same."""
    assert key(*web()) == key(*copy.deepcopy(web())) == key(*web(pods=3))


def test_back_at_an_earlier_revision() -> None:
    """Content and hash are those of before, the number is not."""
    assert key(*web("a1", number=3)) != key(*web("a1", number=1))
    assert key(daemon(number=3), said=AGENT) != key(daemon(number=1), said=AGENT)


def test_another_image_under_the_same_tag() -> None:
    """The template says the same, what runs is something else."""
    newer = web()
    newer[2]["status"]["containerStatuses"][0]["imageID"] = "docker.io/web@sha256:" + "c" * 64
    assert key(*newer) != key(*web())


def test_a_bare_pod_made_anew() -> None:
    """Nothing counts its rollouts; its uid tells one from the next."""
    one, two = pod("alone", metadata={}), pod("alone", metadata={})
    for number, each in enumerate((one, two)):
        each["metadata"]["uid"] = f"u{number}"
    assert key(one, said="pod/alone") != key(two, said="pod/alone")


def test_a_statefulset_that_came_back() -> None:
    """Its ControllerRevision is used again and gets the next number."""
    found = target(stateful(), said=DB)
    first, third = (rollout_key(Counting({"db-1": number}), found) for number in (1, 3))
    assert first != third
    assert first == rollout_key(Counting({"db-1": 1, "db-2": 2}), found)


@pytest.mark.parametrize("status", [0, 403, 429, 500, 503])
def test_a_number_that_cannot_be_read(status: int) -> None:
    """There is no key then: another one would mean another run on the same rollout."""
    with pytest.raises(ClusterError):
        rollout_key(Counting({}, status or -1), target(stateful(), said=DB))


def test_many_keys_at_once() -> None:
    """The ControllerRevisions of a namespace are read once, and each key is what it is alone."""
    reader = Counting({"db-1": 3})
    found = [target(stateful(), said=DB), target(*web()), target(stateful(), said=DB), Target()]
    keys = rollout_keys(reader, found)
    assert len(reader.paths) == 1
    assert keys == [rollout_key(reader, each) for each in found]


def test_nothing_deployed() -> None:
    """There is no rollout."""
    assert rollout_key(Server(()), Target()) == ""


@given(st.from_regex(r"[a-z][a-z0-9-]{0,60}[a-z]", fullmatch=True), st.integers(1, 999))
def test_the_name_of_a_job_says_its_run(name: str, number: int) -> None:
    """It is a label value too, which holds 63 characters."""
    run = "0a1b2c3d4e" if number == 1 else f"0a1b2c3d4e-{number}"
    job = job_name(name, run)
    assert len(job) <= 63
    assert run_in_name(job) == run


@pytest.mark.parametrize("job", ["integration-test", "integration-test-9b064ec7", "x-29345678"])
def test_other_jobs_have_none(job: str) -> None:
    """Those of `pytest --in-cluster` and of a schedule."""
    assert run_in_name(job) == ""
