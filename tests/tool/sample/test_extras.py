"""What plugins, fixtures and odd tests add to plain results."""
# ruff: noqa: PT009, PT027, T201

import logging
import os
import sys
import unittest
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

log = logging.getLogger("sample.extras")


class OwnWarning(UserWarning):
    """Takes two words."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one}-{two}")


def test_star() -> None:
    """Be shown in the conftest's own way."""


def test_with_extra() -> None:
    """Carry what a hook hung on the report."""


def test_log_levels() -> None:
    """Log while running; shown live if asked."""
    log.info("information %d", 1)
    log.warning("a warning\nof two lines")
    print("printed between")
    log.error("an error")


def test_attribute(record_xml_attribute: Callable[[str, object], None]) -> None:
    """Leave an attribute for JUnit."""
    record_xml_attribute("assertions", "REQ-1")


def test_odd_properties(record_property: Callable[[str, object], None]) -> None:
    """Leave properties that are no JSON."""
    record_property("pair", (1, "two", {3: {4}}))
    record_property("path", Path("a/b"))


@pytest.mark.parametrize("number", range(4))
def test_many_warnings(number: int) -> None:
    """Warn with a class of the suite's own."""
    warnings.warn(OwnWarning(number, 2), stacklevel=1)


def test_past_capturing(capfd: pytest.CaptureFixture[str]) -> None:
    """Print past pytest, then into it."""
    with capfd.disabled():
        print("past the capturing")
        os.write(2, b"past it to stderr\n")
    print("captured")


def test_recursion() -> None:
    """Fail too deep."""

    def deeper() -> None:
        deeper()

    deeper()


def test_keeps(cache: pytest.Cache) -> None:
    """Keep a value from run to run."""
    cache.set("sample/kept", {"pair": [1, 2]})


def test_tmp(tmp_path: Path) -> None:
    """Use a directory of its own."""
    (tmp_path / "file").write_text("text")


def test_fails_on_stderr() -> None:
    """Fail with output of both kinds."""
    print("out", "\x00", "é")
    print("err", file=sys.stderr)
    raise SystemExit(3)


def test_skipping_parts(subtests: "pytest.Subtests") -> None:
    """Have parts that are skipped and expected to fail."""
    with subtests.test("skipped"):
        pytest.skip("a part")
    with subtests.test("expected", value=object):
        pytest.xfail("a known part")
    with subtests.test("fine"):
        pass


class TestUnittestParts(unittest.TestCase):
    """Parts in the style of the standard library."""

    def test_parts(self) -> None:
        """Fail in two of four parts."""
        for number in range(4):
            with self.subTest("part", number=number):
                self.assertEqual(number % 2, 0)

    @unittest.expectedFailure
    def test_unexpected(self) -> None:
        """Pass where unittest expects a failure."""

    def test_raises(self) -> None:
        """Fail because nothing is raised."""
        with self.assertRaises(ValueError):
            pass
