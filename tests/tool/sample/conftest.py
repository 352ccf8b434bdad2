"""Fixtures of the sample suite; some of them fail on purpose."""
# ruff: noqa: T201

from collections.abc import Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add an ini value that the near side does not know."""
    parser.addini("greeting", "said by a test", default="hello")


@pytest.fixture
def broken_setup() -> None:
    """Fail before the test."""
    print("in setup")
    raise ValueError("setup went wrong")


@pytest.fixture
def broken_teardown() -> Iterator[None]:
    """Fail after the test."""
    yield
    print("in teardown")
    raise ValueError("teardown went wrong")


@pytest.fixture(scope="session")
def broken_session() -> Iterator[None]:
    """Fail at the end of the session."""
    yield
    raise RuntimeError("the session's teardown went wrong")
