"""What a Job carries of what was deployed when it was created."""

from __future__ import annotations

import base64
import hashlib
import zlib
from dataclasses import replace

import pytest
from hypothesis import given

from pytest_k8s_job.target.model import Target
from pytest_k8s_job.validation.tested import MOST_BYTES, TESTED, Deployed, read_tested
from tests.tool.target.objects import Object, endpoints, service, stateful, target, web
from tests.tool.validation.test_key import TARGETS


def job(text: str) -> Object:
    """Return a Job that carries a text."""
    return {"spec": {"template": {"metadata": {"annotations": {TESTED: text}}}}}


@given(TARGETS)
def test_it_comes_out_as_it_went_in(found: Target) -> None:
    """Each value has its type again, so that two readings compare."""
    deployed = Deployed("0a1b2c3d4e", found)
    assert read_tested(job(deployed.pack())) == deployed


def test_a_target_as_it_is_read() -> None:
    """Workloads, pods, Services, times."""
    found = target(*web(pods=2), stateful(), service(), endpoints("web", "web-a1-0"))
    deployed = Deployed("0a1b2c3d4e", found)
    assert read_tested(job(deployed.pack())) == deployed


def test_a_target_of_very_many_pods() -> None:
    """An object has room for 256 KiB of annotations: pods are left out then."""
    (workload,) = target(*web()).workloads
    (pod,) = workload.pods
    names = (hashlib.sha256(str(number).encode()).hexdigest() for number in range(8_000))
    many = replace(workload, pods=tuple(replace(pod, name=each) for each in names))
    packed = Deployed("0a1b2c3d4e", Target((many,))).pack()
    assert len(packed) <= MOST_BYTES
    found = read_tested(job(packed))
    assert found is not None
    assert [each.number for each in found.target.workloads] == ["1"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no base64!",
        base64.b64encode(b"no zlib").decode(),
        base64.b64encode(zlib.compress(b"no json")).decode(),
        base64.b64encode(zlib.compress(b'{"key": "x"}')).decode(),
        base64.b64encode(zlib.compress(b'{"key": "x", "target": {"pods": []}}')).decode(),
        base64.b64encode(zlib.compress(b'["key"]')).decode(),
    ],
)
def test_what_says_nothing(text: str) -> None:
    """Nothing is taken from what is no such text."""
    assert read_tested(job(text)) is None


def test_a_job_without_it() -> None:
    """A Job that somebody else made."""
    assert read_tested({"spec": {"template": {}}}) is None
