"""Tests in a package."""

from inner.base import Base


class TestInherited(Base):
    """Runs a test that stands in another file."""
