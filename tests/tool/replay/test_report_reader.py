"""What a report of the pod becomes here."""

from __future__ import annotations

import os

import pytest

from pytest_k8s_job.replay.report_reader import ReportReader


@pytest.mark.parametrize(
    ("there", "shown", "printed"),
    [
        ("/suite/tests/test_a.py", "tests/test_a.py", "{root}/tests/test_a.py"),
        ("/opt/lib/library.py", "../opt/lib/library.py", "/opt/lib/library.py"),
    ],
)
def test_a_path_is_shown_as_in_the_pod(
    there: str, shown: str, printed: str, pytestconfig: pytest.Config
) -> None:
    """From the root or in full: pytest shows the pod's path, wherever the root lies here."""
    reader = ReportReader(pytestconfig)
    reader.set_root("/suite")
    near = reader.local_path(there)
    assert os.path.relpath(near, pytestconfig.rootpath) == shown
    assert f"{near}" == str(near) == printed.format(root=pytestconfig.rootpath)


def test_what_is_no_path_stays(pytestconfig: pytest.Config) -> None:
    """Code without a file has a name like <string>."""
    reader = ReportReader(pytestconfig)
    reader.set_root("/suite")
    assert reader.local_path("<string>") == "<string>"
