"""For a checkout only, not in the test image: what is slow, and when the suite is left out.

The suite needs a running service. It is collected when it is named on the command line, or when
something listens at the service's address; else it is left out, and the summary says so.
"""

import socket
from pathlib import Path

import pytest

from tests.incluster.settings import Settings

SUITE = Path(__file__).parent / "incluster"
CONNECT_TIMEOUT = 1.0
"""Seconds: something that listens on this machine accepts in microseconds."""

LEFT_OUT = pytest.StashKey[str]()

PROCESSES = {"local", "remote", "serve", "server", "start_worker"}
"""Fixtures that start several processes or large ones: a second of CPU time and more."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Called before `-m` selects: marks as slow what has one of these fixtures."""
    for item in items:
        if PROCESSES.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Called when a path is about to be collected: leaves the suite out if nobody named it."""
    if not collection_path.is_relative_to(SUITE) or not is_merely_included(config):
        return None
    if LEFT_OUT not in config.stash:
        config.stash[LEFT_OUT] = why_not()
    return True if config.stash[LEFT_OUT] else None


def is_merely_included(config: pytest.Config) -> bool:
    """Return whether the suite is to be collected though the command line does not name it."""
    if config.args_source is config.ArgsSource.TESTPATHS:
        return True
    here = config.invocation_params.dir
    paths = [(here / each.partition("::")[0]).resolve() for each in config.args]
    named = any(path.is_relative_to(SUITE) for path in paths)
    return not named and any(SUITE.is_relative_to(path) for path in paths)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Called when the run is over: says in one line that the suite was left out, and why."""
    reason = terminalreporter.config.stash.get(LEFT_OUT, "")
    if reason:
        terminalreporter.write_line(f"left out: tests/incluster, {reason}", yellow=True)


def why_not() -> str:
    """Why the suite cannot run at this moment, with the remedy; empty if something listens."""
    try:
        settings = Settings.from_environment()
    except ValueError as error:
        return str(error)
    try:
        socket.create_connection(settings.address, CONNECT_TIMEOUT).close()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        return (
            f"because nothing listens at {settings.url} ({reason});"
            " `make serve` in another terminal starts the service"
        )
    return ""
