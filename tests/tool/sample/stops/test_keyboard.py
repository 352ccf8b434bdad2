"""Stops the session as Ctrl-C does."""


def test_before() -> None:
    """Pass."""


def test_interrupts() -> None:
    """End the session."""
    raise KeyboardInterrupt


def test_after() -> None:
    """Never run."""
