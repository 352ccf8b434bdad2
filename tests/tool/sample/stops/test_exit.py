"""Stops the session from a test."""

import pytest


def test_before() -> None:
    """Pass."""


def test_exits() -> None:
    """End the session."""
    pytest.exit("the service does not answer", returncode=7)


def test_after() -> None:
    """Never run."""
