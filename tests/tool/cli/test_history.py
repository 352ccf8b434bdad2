"""`k8s-job history` against a small HTTP server in the place of the API server."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.validation.store import SUMMARY
from tests.tool.cli.test_main import start
from tests.tool.cluster import test_client as client
from tests.tool.validation.runs import run

pytestmark = pytest.mark.slow

server, kubeconfig = client.server, client.kubeconfig


def kept(validation: Validation, created: int) -> dict[str, Any]:
    """Return the names-only form of a kept run."""
    metadata = {
        "name": validation.job,
        "creationTimestamp": f"2026-01-01T00:00:{created:02}Z",
        "annotations": {SUMMARY: json.dumps(validation.as_json())},
    }
    return {"metadata": metadata}


def history(kubeconfig: str, *words: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of the command."""
    options = {"stdout": subprocess.PIPE}
    with start("history", *words, f"--kubeconfig={kubeconfig}", **options) as process:
        output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def test_the_newest_run_stands_first(server: client.ApiServer, kubeconfig: str) -> None:
    """Runs are read by their template's label, and shown newest first."""
    server.body = {"items": [kept(run(seconds=21), 1), kept(run("FAILED"), 2)]}
    code, output, _ = history(kubeconfig, "integration-test")
    assert code == 0
    lines = output.splitlines()
    assert lines[0] == "integration-test in namespace mine, newest first"
    assert "FAILED" in lines[2]
    assert "PASSED" in lines[4]
    assert lines[-1].startswith("test_data.py::test_load fails since revision 3f2a9c1e55 (1 run)")
    ((path, query),) = server.seen
    assert path == "/api/v1/namespaces/mine/configmaps"
    assert query == {"labelSelector": ["pytest-k8s-job/template=integration-test"]}


def test_json_is_what_was_kept(server: client.ApiServer, kubeconfig: str) -> None:
    """--json prints each run as it is kept, newest first."""
    runs = [run("VOID", note="n"), run()]
    server.body = {"items": [kept(each, 9 - number) for number, each in enumerate(runs)]}
    code, output, _ = history(kubeconfig, "integration-test", "--json")
    assert code == 0
    assert [Validation.of_json(each) for each in json.loads(output)] == runs


def test_what_is_no_kept_run_is_left_out(server: client.ApiServer, kubeconfig: str) -> None:
    """An annotation that somebody broke takes its own run away, not the command."""
    broken = kept(run(), 1)
    broken["metadata"]["annotations"][SUMMARY] = "{"
    server.body = {"items": [broken]}
    code, output, _ = history(kubeconfig, "integration-test")
    assert (code, output) == (0, "integration-test in namespace mine has no kept run\n")


def test_a_terminal_without_unicode_is_no_error(
    server: client.ApiServer, kubeconfig: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the sparkline cannot be shown, the rest is."""
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    server.body = {"items": [kept(run(), 1), kept(run(), 2)]}
    code, output, errors = history(kubeconfig, "integration-test")
    assert code == 0, errors
    assert "durations, oldest first: ?? (42 s to 42 s)" in output


@pytest.mark.parametrize("count", [0, 2])
def test_without_a_name_the_template_must_be_clear(
    count: int, server: client.ApiServer, kubeconfig: str
) -> None:
    """With no template or several the error says what to do."""
    pod = {"spec": {"containers": [{"name": "suite"}]}}
    spec = {"jobTemplate": {"spec": {"template": pod}}}
    annotations = {"pytest-k8s-job/target": "deployment/api"}
    names = [f"t{number}" for number in range(count)]
    metadata = [{"name": name, "annotations": annotations} for name in names]
    server.body = {"items": [{"metadata": each, "spec": spec} for each in metadata]}
    code, _, errors = history(kubeconfig)
    assert code == 4
    assert "name one of them: t0, t1" in errors or "annotate one with" in errors
