"""The key of a rollout: content and number of what is deployed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus

from pytest_k8s_job.cluster.objects import name_of
from pytest_k8s_job.cluster.pods import Reader, read_list
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.workload import digest

__all__ = ["KEY_LENGTH", "rollout_key", "run_in_name"]

KEY_LENGTH = 10
RUN = re.compile(rf"-([0-9a-f]{{{KEY_LENGTH}}}(?:-[1-9][0-9]{{0,3}})?)$")
UNREADABLE = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
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
    if not target.workloads:
        return ""
    numbers = dict(_statefulset_numbers(reader, target))
    parts = sorted(
        [*each.key, each.uid, numbers.get(each.key, each.number)] for each in target.workloads
    )
    return digest([target.revision, parts])[:KEY_LENGTH]


def _statefulset_numbers(
    reader: Reader, target: Target
) -> Iterator[tuple[tuple[str, str, str], str]]:
    """Yield (workload, number) of StatefulSets, which only their ControllerRevisions count.

    Where a Role does not let them be read, the revision's name stands for it: a way back is not
    seen then. Any other error is the caller's: a key without the number would be another key.
    """
    sets = [each for each in target.workloads if each.kind == "statefulset"]
    for namespace in sorted({each.namespace for each in sets}):
        try:
            listed = read_list(reader, REVISIONS.format(namespace))
        except ClusterError as error:
            if error.status not in UNREADABLE:
                raise
            continue
        found = {name_of(each): str(each.get("revision")) for each in listed}
        for each in sets:
            if each.namespace == namespace and each.number in found:
                yield each.key, found[each.number]
