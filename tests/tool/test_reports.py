"""What a report of the pod becomes here."""

from __future__ import annotations

import os

import pytest

from pytest_k8s_job.reports import ReportReader


@pytest.mark.parametrize(
    ("there", "shown"),
    [
        ("/suite/tests/test_a.py", "tests/test_a.py"),
        ("/opt/venv/lib/library.py", "../opt/venv/lib/library.py"),
    ],
)
def test_a_path_is_shown_as_in_the_pod(there: str, shown: str, pytestconfig: pytest.Config) -> None:
    """Pytest shows paths from its root: the same words come out, wherever the root lies here."""
    reader = ReportReader(pytestconfig)
    reader.set_root("/suite")
    assert os.path.relpath(reader.near_path(there), pytestconfig.rootpath) == shown


def test_what_is_no_path_stays(pytestconfig: pytest.Config) -> None:
    """Code without a file has a name like <string>."""
    reader = ReportReader(pytestconfig)
    reader.set_root("/suite")
    assert reader.near_path("<string>") == "<string>"
