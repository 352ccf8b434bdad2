"""Breaks pytest itself by the conftest beside it."""


def test_good() -> None:
    """Pass."""


def test_bad() -> None:
    """Never run."""
