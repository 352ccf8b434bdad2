"""The key of a rollout: content and number of what is deployed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pytest_k8s_job.cluster.objects import name_of
from pytest_k8s_job.cluster.pods import Reader, read_list
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.workload import Workload, digest

__all__ = ["KEY_LENGTH", "rollout_key", "rollout_keys", "run_in_name"]

KEY_LENGTH = 10
RUN = re.compile(rf"-([0-9a-f]{{{KEY_LENGTH}}}(?:-[1-9][0-9]{{0,3}})?)$")
REVISIONS = "/apis/apps/v1/namespaces/{}/controllerrevisions"


def run_in_name(job: str) -> str:
    """Return the run in a Job's name, KEY or KEY-NUMBER; "" without one."""
    found = RUN.search(job)
    return found[1] if found else ""


def rollout_key(reader: Reader, target: Target) -> str:
    """Return the key of what is deployed, 10 characters; "" without any workload.

    It is a digest of the target's revision, of the number of each workload's newest rollout, and of
    its uid. Applied again without a change, scaled, or with restarted pods, it stays the same; back
    at an earlier revision it is a new one.
    """
    return rollout_keys(reader, [target])[0]


def rollout_keys(reader: Reader, targets: Sequence[Target]) -> list[str]:
    """Return the key of each target; what they share is read once."""
    spaces = {
        each.namespace
        for target in targets
        for each in target.workloads
        if each.kind == "statefulset"
    }
    numbers = {each: _revision_numbers(reader, each) for each in sorted(spaces)}
    return [_key_of(target, numbers) for target in targets]


def _key_of(target: Target, numbers: Mapping[str, Mapping[str, str]]) -> str:
    if not target.workloads:
        return ""
    parts = sorted([*each.key, each.uid, _number(each, numbers)] for each in target.workloads)
    return digest([target.revision, parts])[:KEY_LENGTH]


def _number(workload: Workload, numbers: Mapping[str, Mapping[str, str]]) -> str:
    if workload.kind != "statefulset":
        return workload.number
    return numbers[workload.namespace].get(workload.number, workload.number)


def _revision_numbers(reader: Reader, namespace: str) -> Mapping[str, str]:
    """Return the numbers of ControllerRevisions, which alone count a StatefulSet's rollouts.

    Any error is the caller's: a key without the number would be another key.
    """
    listed = read_list(reader, REVISIONS.format(namespace))
    return {name_of(each): str(each.get("revision")) for each in listed}
