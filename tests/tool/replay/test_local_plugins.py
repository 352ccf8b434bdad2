"""What the collector does to pytest's own plugins here."""

from __future__ import annotations

import json

from tests.tool.conftest import Side


def test_the_cache_keeps_the_node_ids_of_both_runs(remote: Side) -> None:
    """A second run adds its tests to those of the first, each once, sorted."""
    stored = remote.folder / ".pytest_cache" / "v" / "cache" / "nodeids"
    remote.run("test_sections.py")
    first = json.loads(stored.read_text())
    (remote.suite / "test_it.py").write_text("def test_new():\n    pass\n")
    remote.run("test_it.py", "test_sections.py")
    assert json.loads(stored.read_text()) == sorted([*first, "test_it.py::test_new"])
    remote.run("test_it.py")
    assert json.loads(stored.read_text()) == sorted([*first, "test_it.py::test_new"])
