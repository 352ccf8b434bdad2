"""Where this checkout is, for tests that read its files or run its commands."""

import os
from pathlib import Path

__all__ = ["CHECKOUT", "inherited"]

CHECKOUT = Path(__file__).resolve().parents[1]


def inherited() -> dict[str, str]:
    """The environment for a pytest of its own: without what is meant for the one that runs."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "CI"))}
