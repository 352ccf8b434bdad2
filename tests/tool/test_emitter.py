"""What a test does to its own process does not keep its report from travelling."""

from __future__ import annotations

from tests.tool.conftest import Side

SUITE = """\
import os


def test_it(monkeypatch):
    monkeypatch.setattr(os, "write", lambda descriptor, data: len(data))
    assert 0


def test_after():
    pass
"""


def test_a_replaced_os_write_hides_no_failure(remote: Side) -> None:
    """A test that replaces `os.write` until its teardown is still reported as failed."""
    (remote.suite / "test_it.py").write_text(SUITE)
    result = remote.run("test_it.py")
    assert result.code == 1
    assert "assert 0" in result.stdout
    assert "1 failed, 1 passed" in result.stdout
