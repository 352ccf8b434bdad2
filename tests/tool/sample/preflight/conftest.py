"""A check before the first test that fails."""

import pytest


def pytest_sessionstart() -> None:
    """Find the service absent."""
    pytest.exit("http://api.weather.svc does not answer")
