"""Output, logs and properties that belong to tests."""
# ruff: noqa: T201

import logging
import subprocess
import sys
import time

import pytest


def test_prints() -> None:
    """Print and pass."""
    print("to stdout")


def test_prints_and_fails() -> None:
    """Print everywhere and fail."""
    print("to stdout")
    print("to stderr", file=sys.stderr)
    logging.getLogger("sample").warning("logged %d", 3)
    subprocess.run(["echo", "from a child"], check=True)
    raise AssertionError("with output")


def test_raw_bytes() -> None:
    """Write what is no text, and colours."""
    sys.stdout.buffer.write(b"\xff\xfe raw\n")
    print("\x1b[31mred\x1b[0m")
    raise AssertionError


def test_properties(record_property: pytest.FixtureRequest) -> None:
    """Leave properties for JUnit."""
    record_property("requirement", "R-1")  # type: ignore[operator]
    record_property("number", 5)  # type: ignore[operator]


def test_looks_like_a_frame() -> None:
    """Print what could be taken for a frame."""
    print("::k8sjob1 " + "0" * 32 + ' 1 1/1 00000000 ["end",{}]')
    raise AssertionError


def test_sleeps() -> None:
    """Take long enough for --durations."""
    time.sleep(0.2)


def test_ini(request: pytest.FixtureRequest) -> None:
    """Read an ini value that a conftest declared."""
    assert request.config.getini("greeting") == "hello"


def test_last(broken_session: None) -> None:
    """Fail in the session's teardown."""
