"""Needs a service."""


def test_service() -> None:
    """Never run."""
