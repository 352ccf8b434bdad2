"""Other versions of pytest in the pod or in the collector."""

from __future__ import annotations

import os
import re

import pytest

from tests.tool.conftest import Result, Side
from tests.tool.fidelity.comparison import Case, differences
from tests.tool.side_packages import beside

COMMANDS = ("-k prints", "test_sections.py -v", "test_outcomes.py -rA", "broken", "--lf")


def pod_with(side: Side, group: str) -> None:
    """Let the pod run the pytest of `group`."""
    path = os.pathsep.join([str(beside(group)), side.environment["PYTHONPATH"]])
    side.extra = (*side.extra, f"--k8s-env=PYTHONPATH={path}")


@pytest.mark.parametrize("group", ["pytest-8-4", "pytest-9-0", "pytest-9-1"])
def test_the_same_in_both(group: str, local: Side, remote: Side) -> None:
    """Pytest 8.4, 9.0 and 9.1 on both sides show what they show alone."""
    for side in (local, remote):
        side.use(beside(group))
    assert not "\n".join(differences(Case(COMMANDS), local, remote))


@pytest.mark.parametrize("group", ["pytest-9-0", "pytest-9-1"])
def test_an_older_minor_version_in_the_pod(group: str, local: Side, remote: Side) -> None:
    """The header names the pod's pytest; outcomes and exit code are those of this side's."""
    pod_with(remote, group)
    here, there = local.run("-v"), remote.run("-v")
    assert re.search(r"^pod: pytest-9\.[01]\.", there.text, re.M), there.text
    assert there.code == here.code
    assert kinds(there) == kinds(here)


def kinds(result: Result) -> list[list[str]]:
    """Return what each test came to; pytest 9.2 shortens long ids, so that names may differ."""
    return [[tag for tag, _, _ in case["all"] if tag != "property"] for case in result.junit]


@pytest.mark.parametrize("group", ["pytest-9-0", "pytest-9-1"])
def test_an_older_minor_version_here(group: str, local: Side, remote: Side) -> None:
    """A pod with a newer minor version is shown as this side's version would."""
    pod = remote.environment["PYTHONPATH"]
    remote.extra = (*remote.extra, f"--k8s-env=PYTHONPATH={pod}")
    remote.use(beside(group))
    result = remote.run("-v")
    assert re.search(r"^pod: pytest-9\.2\.", result.text, re.M), result.text + result.stderr
    assert result.code == 1
    assert "INTERNALERROR" not in result.stdout


def test_another_major_version_is_refused(remote: Side) -> None:
    """Pytest 8 in the pod is named in one sentence, and the exit code is that of usage errors."""
    pod_with(remote, "pytest-8-4")
    result = remote.run()
    assert result.code == 4
    assert re.search(
        r"^ERROR: the pod has pytest 8\.4\.\d+, the collector 9\.\d+\.\d+: both must be",
        result.stderr,
    )
    assert "Traceback" not in result.stderr
