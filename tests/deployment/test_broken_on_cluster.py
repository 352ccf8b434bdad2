"""The whole way says no: a deployed API with a fault fails exactly the tests that are about it."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest

import local_cluster
from deployment.kubectl import Kubectl, start_local
from tests.checkout import CHECKOUT
from tests.suite.test_suite_can_fail import FAILING

pytestmark = pytest.mark.cluster

BROKEN = "weather-api:broken"
SECONDS = 240  # deploying anew and a run of the suite, on a slow machine
# A new deployment has no days in its default data set, without which that chain asks for no list.
LISTING = FAILING["list_instead_of_object"] - {"test_chain_on_the_default_routes"}
"""The tests that look a job up in `GET /jobs`."""


@pytest.fixture
def kubectl() -> Iterator[Kubectl]:
    """kubectl in a namespace of the test's own, gone afterwards."""
    kubectl = start_local(f"broken-{secrets.token_hex(4)}")
    yield kubectl
    kubectl.run("delete", "namespace", kubectl.namespace, "--wait=false", "--ignore-not-found")


def _test(kubectl: Kubectl, deploy: str, report: Path) -> tuple[int, set[str], int]:
    """Run the suite through `python -m deployment`; exit code, failed tests, number of tests."""
    where = ["--context", kubectl.context, "--namespace", kubectl.namespace]
    words = ["test", "--deploy", deploy, "--", f"--junitxml={report}"]
    command = [sys.executable, "-m", "deployment", *where, *words]
    done = subprocess.run(command, cwd=CHECKOUT, timeout=SECONDS, check=False)
    cases = list(ElementTree.parse(report).iter("testcase"))  # noqa: S314 (our own report)
    failed = {
        case.attrib["name"].partition("[")[0]
        for case in cases
        if case.find("failure") is not None or case.find("error") is not None
    }
    return done.returncode, failed, len(cases)


def test_a_broken_api_fails_exactly_its_own_tests(kubectl: Kubectl, tmp_path: Path) -> None:
    """All pass on a healthy deployment; when `GET /jobs` is a list, the tests of the list fail."""
    assert _test(kubectl, "yes", tmp_path / "healthy.xml")[:2] == (0, set())
    context = CHECKOUT / "tests" / "suite"
    local_cluster.build(Path(__file__).with_name("Dockerfile.broken"), BROKEN, context)
    local_cluster.load(BROKEN)
    kubectl.run("set", "image", "deployment/api", f"api={BROKEN}")
    code, failed, count = _test(kubectl, "no", tmp_path / "broken.xml")
    assert (code, failed) == (1, LISTING)
    assert count > len(LISTING)
