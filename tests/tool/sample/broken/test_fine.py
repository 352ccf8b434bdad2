"""Can be collected."""


def test_fine() -> None:
    """Pass."""
