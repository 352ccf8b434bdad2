"""`k8s-job diagnose`: what it prints, and its exit code."""

from __future__ import annotations

import argparse
import json

import pytest

from pytest_k8s_job.cli.diagnose import EXIT_FOUND, run_diagnose
from pytest_k8s_job.diagnosis.api_check import check_through_api, place_of
from pytest_k8s_job.errors import ClusterError, UsageError
from tests.tool.diagnosis.made import healthy, pod, snapshot
from tests.tool.diagnosis.test_start import NO_IMAGE, Recorded

UNREACHED = "error trying to reach service: "
ANSWERS = [
    (UNREACHED + "dial tcp 10.0.0.1:80: connection refused", 503, "connect", "connection refused"),
    ('no endpoints available for service "api"', 503, "connect", "connection refused"),
    (UNREACHED + "EOF", 503, "connect", "connection reset"),
    ("the API server https://server does not answer: timed out", 0, "connect", "timeout"),
    ("redis is away", 503, "http", "redis is away"),
    ("no such page", 404, "http", "no such page"),
]
BROKEN = snapshot(pods=[pod(**NO_IMAGE)])


class Cluster(Recorded):
    """A recorded cluster whose context is in the namespace `demo`."""

    namespace = "demo"


def options(**given: object) -> argparse.Namespace:
    """Return the options of a command line."""
    return argparse.Namespace(
        **{"namespace": None, "url": None, "json": False, "target": [], **given}
    )


def test_the_first_line_is_the_root_cause(capsys: pytest.CaptureFixture[str]) -> None:
    """Something wrong is exit code 1, its sentence the first line, its code the last."""
    assert run_diagnose(Cluster(BROKEN), options()) == EXIT_FOUND
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("container main of pod api-1: the image api:1 is not on the node")
    assert lines[-1].split()[:2] == ["cause", "image-never-pulled"]


def test_nothing_wrong_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing wrong is exit code 0 and one line."""
    assert run_diagnose(Cluster(healthy()), options(namespace="demo")) == 0
    assert capsys.readouterr().out == "nothing is wrong in namespace demo of context made\n"


def test_machines_read_json(capsys: pytest.CaptureFixture[str]) -> None:
    """With --json, standard output is one JSON document."""
    run_diagnose(Cluster(BROKEN), options(json=True))
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [each["cause"] for each in found] == ["image-never-pulled"]
    assert found[0]["objects"] == [{"kind": "Pod", "name": "api-1"}]


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("http://api", ("api", "demo")),
        ("http://api.weather:5000/readyz", ("api", "weather")),
        ("https://api.weather.svc", ("api", "weather")),
        ("http://api.weather.svc.cluster.local/", ("api", "weather")),
    ],
)
def test_a_url_names_a_service(url: str, place: tuple[str, str]) -> None:
    """Service and namespace are read as a pod of the namespace would resolve them."""
    assert place_of(url, "demo") == place


def test_a_url_outside_of_the_cluster_is_refused() -> None:
    """A URL that names no Service is a user's mistake."""
    with pytest.raises(UsageError, match="does not name a Service"):
        place_of("http://api.example.com/", "demo")


@pytest.mark.parametrize(("text", "status", "stage", "error"), ANSWERS)
def test_the_proxys_words_are_read(text: str, status: int, stage: str, error: str) -> None:
    """What the API server says of the target is told from what the target says itself."""
    refused = ClusterError(f"the API server refused ({status}): {text}" if status else text, status)
    look = check_through_api(Recorded(healthy(), refused), "http://api.demo.svc/", "demo")
    assert (look.stage, look.error) == (stage, error)


def test_an_answer_is_fine() -> None:
    """A target that answers is no finding."""
    assert check_through_api(Recorded(healthy()), "http://api.demo.svc/", "demo").stage == "ok"
