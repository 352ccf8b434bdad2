"""Fixtures and hooks of the sample suite; some of them fail on purpose."""
# ruff: noqa: T201

from collections.abc import Callable, Iterator
from typing import Any

import pytest

# As pytest-html wants it.
LINK = {
    "name": "link",
    "format_type": "url",
    "content": "http://example.org",
    "mime_type": None,
    "extension": None,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add options and an ini value that the collector does not know."""
    parser.addoption("--stage", default="dev", help="where the target runs")
    parser.addoption("--thorough", action="store_true", help="look twice")
    parser.addini("greeting", "said by a test", default="hello")


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what was chosen."""
    return [f"stage: {config.getoption('--stage')}", f"thorough: {config.getoption('--thorough')}"]


def pytest_report_collectionfinish(items: list[pytest.Item]) -> str:
    """Say what was collected."""
    return f"the conftest counts {len(items)} items"


def pytest_sessionstart() -> None:
    """Print past the capturing."""
    print("printed at the session's start")


def pytest_sessionfinish() -> None:
    """Print past the capturing."""
    print("printed at the session's end")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    """Add a section to the summary."""
    failed = len(terminalreporter.stats.get("failed", []))
    terminalreporter.section("what the conftest has to say", sep="-", purple=True)
    terminalreporter.write_line(f"{failed} failed, exit code {int(exitstatus)}", bold=True)


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, Any] | None:
    """Show tests with a star in their name in an own way."""
    if report.when == "call" and report.passed and "star" in report.nodeid:
        return "starred", "*", ("STARRED", {"purple": True, "bold": True})
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Hang something on the report of one test."""
    report = yield
    if item.name == "test_with_extra":
        report.kinds = {1, 2}
        report.extras = [LINK]
    return report


@pytest.fixture(scope="session", autouse=True)
def architecture(record_testsuite_property: Callable[[str, object], None]) -> None:
    """Leave a property of the suite for JUnit."""
    record_testsuite_property("architecture", "pod")


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
