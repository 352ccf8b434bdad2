"""Where this checkout is, for tests that read its files or run its commands."""

from pathlib import Path

__all__ = ["CHECKOUT"]

CHECKOUT = Path(__file__).resolve().parents[1]
