"""The same suite, run here and through the tool: a user must not see a difference."""

from __future__ import annotations

import pytest

from tests.tool.conftest import Side, normalised

COMMANDS = [
    "",
    "-v",
    "-q",
    "-rA",
    "-vv -rA --tb=long",
    "--tb=short -l",
    "--tb=line",
    "--tb=native",
    "--tb=no -q -rN",
    "-k odd_ids",
    "-k not_there",
    "-m slow -v",
    "test_outcomes.py::TestClass test_sections.py::test_prints -v",
    "--deselect=test_outcomes.py::test_fails -q",
    "-x",
    "--maxfail=3",
    "--co",
    "--co -q",
    "--co -k prints",
    "-W ignore",
    "-W error -k warns",
    "-p no:warnings",
    "--show-capture=stdout",
    "-o xfail_strict=true -k pass",
    "broken",
    "broken --continue-on-collection-errors",
    "broken --co",
    "stops",
    "stops -v",
    "internal",
    "no_such_file.py",
    "test_outcomes.py::no_such_test",
    "--no-such-option",
    "-k (",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_looks_like_local_pytest(command: str, local: Side, remote: Side) -> None:
    """Terminal, JUnit file and exit code are those of pytest without the tool."""
    here, there = local.run(*command.split()), remote.run(*command.split())
    assert there.text == here.text
    assert there.junit == here.junit
    assert there.code == here.code
    assert normalised(there.stderr) == normalised(here.stderr)
