"""Shows what the pod wrote outside of reports at its place in this session.

Most of it is shown as it comes. What comes before the pod's session began waits until the line
with the Job's state is closed; what comes after its last test waits for this session's end, since
the verdict is found before that.
"""

from __future__ import annotations

import contextlib
import io
import platform
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO

import pytest

from pytest_k8s_job.wire.records import Kind, Record, map_texts

__all__ = ["POD_OUTPUT", "PodOutput"]

POD_OUTPUT = "k8s_job_output"  # its name among the plugins


class PodOutput:
    """The plugin that writes the pod's text; registered when conftest files would be."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.localize: Callable[[str], str] = str
        """Translates paths of the pod into paths here."""
        self.prints_all = False
        """True if pytest in the pod itself prints all, without a session here."""
        self._held: deque[Record] = deque()
        self._statuses: dict[int, tuple[pytest.TestReport, list[Any]]] = {}
        self._open = False
        self.header: tuple[list[str], list[str]] | None = None
        """What plugins in the pod add to the header, before and after pytest's own lines."""
        self.about: dict[str, Any] = {}
        """What the pod says of itself: its versions and plugins."""

    @classmethod
    def of(cls, config: pytest.Config) -> PodOutput:
        """Return the instance of this session."""
        found: PodOutput | None = config.pluginmanager.getplugin(POD_OUTPUT)
        return found or cls(config)

    def take(self, *record: Any) -> None:
        """Show a `printed` or `text` record, or hold it back until its place is reached."""
        if self._open:
            self._show(record)
        else:
            self._held.append(list(record))

    def open(self) -> None:
        """Show what was held back, and from now on everything at once."""
        self._release()
        self._open = True

    def hold(self) -> None:
        """Hold back what comes from now on until this session ends."""
        self._open = False

    @contextlib.contextmanager
    def muted(self) -> Iterator[None]:
        """Keep the reporter from writing, as while a test's output is captured."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is None:
            yield
            return
        writer = reporter._tw
        file, writer._file = writer._file, io.StringIO()
        try:
            yield
        finally:
            writer._file = file

    def keep_status(self, report: pytest.TestReport, status: list[Any]) -> None:
        """Keep the status that plugins of the pod gave `report`; reporters ask repeatedly."""
        self._statuses[id(report)] = report, status

    # -- hooks

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_report_header(self) -> Any:
        """Add the header lines of the pod's plugins, and how the pod differs."""
        said = yield
        known = {line for each in said for line in ([each] if isinstance(each, str) else each)}
        before, after = [
            [line for line in lines if line not in known] for lines in self.header or ([], [])
        ]
        place = next((i for i, each in enumerate(said) if _is_root(each)), 0)
        said[place : place + 1] = [after, *said[place : place + 1], before]  # printed in reverse
        if difference := self._difference():
            said.insert(0, difference)
        return said

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, Any] | None:
        """Show an outcome as the plugins of the pod would."""
        if id(report) not in self._statuses:
            return None
        category, letter, word, *changed = self._statuses[id(report)][1]
        if changed:
            report.outcome, longrepr = changed
            report.longrepr = longrepr if isinstance(longrepr, str) else report.longrepr
        return category, letter, tuple(word) if isinstance(word, list) else word

    def _difference(self) -> str:
        distributions = self._config.pluginmanager.list_plugin_distinfo()
        here = {f"{each.project_name}-{each.version}" for _, each in distributions}
        here |= {f"Python {platform.python_version()}", f"pytest-{pytest.__version__}"}
        about = self.about
        there = [f"Python {about['python']}", f"pytest-{about['pytest']}"] if about else []
        new = [each for each in [*there, *about.get("plugins", ())] if each not in here]
        return f"pod: {', '.join(new)}" if new else ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Show what was printed while the pod's session finished."""
        self._release(until="begin")

    def pytest_terminal_summary(self) -> None:
        """Show what plugins in the pod added to the summary."""
        self._release(until="end")

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """Show what was printed after the summary."""
        if getattr(self._config.option, "no_summary", False):  # -p no:terminal has none
            self._drop_summary()
        self._release()

    def _drop_summary(self) -> None:
        """Drop a summary that nobody asked for: pytest 8 does not make one then."""
        end = [Kind.SUMMARY, "end"]
        while end in self._held:
            self._held.popleft()

    def _release(self, until: str = "") -> None:
        while self._held:
            record = self._held.popleft()
            if record[0] != Kind.SUMMARY:
                self._show(record)
            elif record[1] == until:
                return

    def _show(self, record: Iterable[Any]) -> None:
        match record:
            case [Kind.PRINTED, 1, text]:
                _write(sys.stdout, self.localize(text) if self.prints_all else text)
            case [Kind.PRINTED, _, text]:
                _write(sys.stderr, self.localize(text))  # pytest's usage errors stand there
            case [Kind.TEXT, module, (name, words, markup), newline]:
                self._write_text(module, name, words, markup, newline)

    def _write_text(
        self, module: str, name: str, words: list[Any], markup: dict[str, Any], newline: bool
    ) -> None:
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is None or module in self._local_modules():
            return
        if newline:
            reporter.currentfspath = None  # as after `ensure_newline`, of which this is the rest
        getattr(reporter._tw, name)(
            *map_texts(words, self.localize), **map_texts(markup, self.localize)
        )

    def _local_modules(self) -> set[str]:
        """Return the modules of the plugins that write here themselves."""
        plugins = self._config.pluginmanager.get_plugins()
        modules = {getattr(each, "__name__", None) or type(each).__module__ for each in plugins}
        return {each for each in modules if not each.startswith("_pytest.")}


def _is_root(said: str | list[str]) -> bool:
    return bool(said) and not isinstance(said, str) and said[0].startswith("rootdir: ")


def _write(stream: TextIO, text: str) -> None:
    """Write the same bytes that were printed."""
    stream.flush()
    if (buffer := getattr(stream, "buffer", None)) is None:
        stream.write(text)
    else:
        buffer.write(text.encode("utf-8", "surrogateescape"))
    stream.flush()
