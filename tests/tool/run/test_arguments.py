"""Which words of the command line reach the pod."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_k8s_job.option_table import OPTIONS
from pytest_k8s_job.run.arguments import travelling


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("-k jobs -m slow -x --maxfail=3", "-k jobs -m slow -x --maxfail=3"),
        ("--in-cluster --k8s-context prod -v", "-v"),
        ("--k8s-namespace=x --k8s-env A=1 --k8s-env=B=2 --tb=short", "--tb=short"),
        ("--junitxml out.xml --color yes --durations=3 -q", "-q"),
        ("--html=report.html --self-contained-html --report out -s", "-s"),
        ("-p no:warnings -W error -o a=b", "-p no:warnings -W error -o a=b"),
        ("--deselect tests/a.py::x --lf", "--deselect tests/a.py::x --lf"),
    ],
)
def test_what_travels(typed: str, sent: str, tmp_path: Path) -> None:
    """Selection and formatting travel; report files, colours and our own options stay."""
    assert travelling(typed.split(), [], tmp_path, tmp_path) == sent.split()


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_of_this_package_stays(option: str, tmp_path: Path) -> None:
    """The pod's pytest does not know them: it would refuse the command line."""
    flag = OPTIONS[option].get("action") == "store_true"
    words = [option] if flag else [option, "value"]
    assert travelling([*words, "-x"], [], tmp_path, tmp_path) == ["-x"]


def test_paths_become_relative_to_the_root(tmp_path: Path) -> None:
    """Absolute and relative paths name the same file below the root; other words stay."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").touch()
    absolute = f"{tmp_path}/tests/test_a.py::test_x[a/b]"
    words = ["test_a.py::C::m", absolute, "gone.py", "-k", "tests"]
    positional = ["test_a.py::C::m", absolute, "gone.py"]
    assert travelling(words, positional, tmp_path / "tests", tmp_path) == [
        "tests/test_a.py::C::m",
        "tests/test_a.py::test_x[a/b]",
        "gone.py",
        "-k",
        "tests",
    ]
