"""A base class with a test."""


class Base:
    """Not collected itself."""

    def test_inherited(self) -> None:
        """Fail in the file of the base class."""
        raise AssertionError("inherited")
