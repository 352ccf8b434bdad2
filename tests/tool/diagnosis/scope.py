"""The scope of a fault: what the run of a user who meets it would ask for."""

from __future__ import annotations

from urllib.parse import urlsplit

from pytest_k8s_job.diagnosis.scope import Scope
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.target.discovery import Search, target_in
from pytest_k8s_job.target.said import parse_said
from pytest_k8s_job.target.state import NamespaceState

__all__ = ["RUN", "scope_of"]

RUN = "suite"  # the Job of every fault that has one


def scope_of(content: Snapshot, *said: str, since: float = 0.0) -> Scope:
    """Return the scope of a run of the Job `suite`, if there is one, and of what a user names.

    Without a word, that is Deployment `api`, or `worker` where there is no API: what is tested,
    whatever is wrong with it or with what it uses. The URL that was asked for counts as read.
    """
    jobs = {name for each in content["jobs"] if (name := each["metadata"]["name"]) == RUN}
    there = [str(each["metadata"]["name"]) for each in content["deployments"]]
    tested = next((each for each in ("api", "worker") if each in there), "")
    words = said or ((f"deployment/{tested}",) if tested else ())
    hosts = [(urlsplit(each.url).hostname or "", "API_URL") for each in content.target_checks]
    search = Search(content.namespace, tuple(map(parse_said, words)), tuple(hosts))
    state = NamespaceState(content.namespace, dict(content.objects))
    states = {each: NamespaceState(each) for each in search.namespaces()}
    target = target_in({**states, content.namespace: state}, search)
    return Scope(content.namespace, frozenset(jobs), target, since)
