"""Refusals of the API server as errors that say what is missing."""

from __future__ import annotations

import pytest

from pytest_k8s_job.cluster.connection import EXEC_RIGHTS, cluster_error

SAID = 'pods \\"web\\" is forbidden: User \\"u\\" cannot get resource \\"pods/exec\\"'


@pytest.mark.parametrize(
    ("code", "text", "more"),
    [(403, SAID, EXEC_RIGHTS), (403, 'pods \\"web\\" is forbidden:', EXEC_RIGHTS), (500, SAID, "")],
)
def test_a_refused_command(code: int, text: str, more: str) -> None:
    """The client puts status, headers and body of the handshake into one text."""
    body = f'{{"kind":"Status","message":"{text}","code":{code}}}'
    error = cluster_error(0, None, f"Handshake status {code} No -+-+- {{'date': 'x'}} -+-+- {body}")
    said = text.replace("\\", "")
    assert (str(error), error.status) == (f"the API server refused ({code}): {said}{more}", code)


def test_a_refused_request() -> None:
    """The rights of commands are no part of others' refusals."""
    body = b'{"message": "jobs.batch is forbidden"}'
    error = cluster_error(403, body, "Forbidden")
    assert str(error) == "the API server refused (403): jobs.batch is forbidden"
