"""IDEs: a plugin that looks on, absolute paths, and discovery by `--collect-only`."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from tests.tool.conftest import Side

# As IDEs do: it learns the tests from one set of hooks, their results from another, and is
# nowhere in the pod.
LOOKER_ON = """
import json
import pathlib

import pytest

SEEN = {"modified": [], "paths": {}, "results": [], "tree": []}


def pytest_collection_modifyitems(items):
    SEEN["modified"] = [item.nodeid for item in items]


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_runtest_protocol(item, nextitem):
    SEEN["paths"][item.nodeid] = str(item.path)
    yield


@pytest.hookimpl(hookwrapper=True, trylast=True)
def pytest_report_teststatus(report, config):
    if report.when == "call":
        where = SEEN["paths"].get(report.nodeid, "unknown")
        SEEN["results"].append([report.nodeid, report.outcome, where])
    yield


def pytest_sessionfinish(session, exitstatus):
    for item in session.items:
        holders = []
        node = item.parent
        while node is not None and not isinstance(node, pytest.Session):
            kind = next(kind for kind in (pytest.Class, pytest.Module, pytest.File, pytest.Dir,
                                          pytest.Collector) if isinstance(node, kind))
            holders.append([kind.__name__, node.name, str(node.path)])
            node = node.parent
        parameters = item.originalname if hasattr(item, "callspec") else None
        SEEN["tree"].append([item.name, parameters, item.location[:2], holders])
    SEEN["exit"] = int(exitstatus)
    pathlib.Path("seen.json").write_text(json.dumps(SEEN))
"""


def look_on(side: Side, *arguments: str) -> dict[str, Any]:
    """Run with the plugin in a folder of its own; return what it saw, paths from the checkout."""
    folder = side.folder.parent / "ide"
    folder.mkdir(exist_ok=True)
    (folder / "an_ide_plugin.py").write_text(LOOKER_ON)
    paths = [side.environment.get("PYTHONPATH", ""), str(folder)]
    side.environment["PYTHONPATH"] = os.pathsep.join(paths)
    here = str(side.folder)
    words = [each.replace("HERE", here) for each in arguments]
    result = side.run("-p", "an_ide_plugin", f"--rootdir={here}", *words)
    assert (side.folder / "seen.json").exists(), result.stdout + result.stderr
    text = (side.folder / "seen.json").read_text("utf-8").replace(here, "HERE")
    seen: dict[str, Any] = json.loads(text)
    return seen


@pytest.mark.parametrize(
    "arguments",
    [
        ["--collect-only"],
        ["--collect-only", "HERE/test_outcomes.py", "HERE/inner"],
        ["HERE/test_outcomes.py::TestClass::TestNested::test_deep"],
        ["HERE/test_outcomes.py::test_odd_ids[a::b]", "HERE/test_sections.py"],
        ["HERE/inner"],
        [],
    ],
)
def test_an_ide_sees_the_same(arguments: list[str], local: Side, remote: Side) -> None:
    """Tests, their places in the tree, paths and outcomes are those of a run here."""
    here, there = look_on(local, *arguments), look_on(remote, *arguments)
    assert there == here
    assert here["tree"]
