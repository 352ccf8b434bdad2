"""How tests are chosen: their markers, and who comes last."""

import re
import subprocess
import sys
from pathlib import Path

from tests.checkout import CHECKOUT

TESTS = CHECKOUT / "tests"
MARK = re.compile(r"^pytestmark = pytest\.mark\.(\w+)$", re.MULTILINE)


def marked(name: str) -> set[Path]:
    """Return the modules of tests whose tests all have this marker."""
    return {path for path in TESTS.rglob("test_*.py") if name in MARK.findall(path.read_text())}


def test_names_and_markers_agree() -> None:
    """A module says in its path that it needs the cluster or a browser, and has the marker."""
    modules = set(TESTS.rglob("test_*.py")) - set((TESTS / "tool" / "sample").rglob("*"))
    assert marked("cluster") == {path for path in modules if "on_cluster" in str(path)}
    assert marked("browser") == {path for path in modules if path.parent.name == "browser"}


def test_what_takes_the_cluster_down_comes_last() -> None:
    """Tests that end the cluster follow all others, whatever the order of the command line."""
    words = ["tests/local_cluster/on_cluster", "tests/manifests", "-m", "cluster"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *words],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    )
    files = [line.partition("::")[0] for line in done.stdout.splitlines() if "::" in line]
    last = "tests/local_cluster/on_cluster/test_down_and_up.py"
    assert last in files
    assert {*files[files.index(last) :]} == {last}
    assert {*files[: files.index(last)]} > {"tests/manifests/test_on_cluster.py"}
