"""Refuses a verdict on a target of which not everything may be read.

A run by hand says what it could not see, and goes on. A verdict on a rollout is believed by others:
without its pods, say, nobody knows which images passed.
"""

from __future__ import annotations

from http import HTTPStatus

from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.target.discovery import Search
from pytest_k8s_job.target.model import Target

__all__ = ["check_rights"]


def check_rights(target: Target, search: Search) -> None:
    """Raise ClusterError with the rules that Roles lack where the target is."""
    named = {each.namespace or search.namespace for each in search.said}
    places = named.union(target.namespaces)
    lacking = [text for namespace, text in target.lacking if namespace in places]
    if lacking:
        raise ClusterError("; ".join(lacking), HTTPStatus.FORBIDDEN)
