"""A target of which not everything may be read gets no verdict."""

from __future__ import annotations

import pytest

from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.target.discovery import Search, find_target
from pytest_k8s_job.target.said import parse_said
from pytest_k8s_job.target.state import KINDS
from pytest_k8s_job.validation.judge import change_during
from pytest_k8s_job.validation.rights import check_rights
from tests.tool.target.objects import BEGIN, NAMESPACE, Server, service, web, within

REPORT = {"tests": [{"started": BEGIN, "duration": 1.0}]}


def search(said: str = "deployment/web", host: str = "web") -> Search:
    """Return the search of a template."""
    return Search(NAMESPACE, (parse_said(said),), ((host, "URL"),))


@pytest.mark.parametrize("kind", KINDS)
def test_each_right_to_read_the_target_is_needed(kind: str) -> None:
    """Also that to read what may be a part of it."""
    found = find_target(Server([*web(), service()], {kind: 403}), search())
    with pytest.raises(ClusterError, match=f"a Role there lacks: list {kind}") as caught:
        check_rights(found, search())
    assert caught.value.is_final


def test_all_rights() -> None:
    """Secrets and ConfigMaps are not needed."""
    refused = {"secrets": 403, "configmaps": 403}
    check_rights(find_target(Server([*web(), service()], refused), search()), search())


def test_a_host_of_another_namespace() -> None:
    """What the tests only use is no target, unless it is said to be one."""
    server = Server([*web(), service(), *within("mail", *web(name="smtp"))], {"mail/pods": 403})
    used = search(host="smtp.mail.svc")
    check_rights(find_target(server, used), used)
    said = search("mail/deployment/smtp")
    with pytest.raises(ClusterError, match="namespace mail: a Role there lacks: list pods"):
        check_rights(find_target(server, said), said)


def test_a_right_that_is_taken_away_during_the_run() -> None:
    """Nobody knows what became of the target: that is no success, and no failure either."""
    before = find_target(Server([*web(), service()]), search())
    assert change_during(Server([*web(), service()]), search(), before, REPORT) is None
    for kind in KINDS:
        with pytest.raises(ClusterError, match=f"lacks: list {kind}"):
            change_during(Server([*web(), service()], {kind: 403}), search(), before, REPORT)
