"""The half that runs inside pytest in the pod: turns pytest's events into records on a pipe.

It may import pytest and the standard library only, writes where the agent told it to, and
changes nothing about the tests except that each finds its own TRACEPARENT in the environment.
"""

from __future__ import annotations

import contextlib
import faulthandler
import linecache
import os
import platform
import secrets
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Generator
from typing import Any, NoReturn

import pytest

from pytest_k8s_job.plan import describe_items
from pytest_k8s_job.records import (
    RECORD_FD,
    REPR,
    SECTIONS,
    STACKS_FD,
    STACKS_SIGNAL,
    Kind,
    encode,
    plan_digest,
    trace_id,
)
from pytest_k8s_job.sharding import Selection, deselect, parts_of, take_selection

SECTION_LIMIT = 1 << 19  # characters of captured output kept per section, half head, half tail
SPARSE_LIMIT = 2000  # characters per section once the run's budget of captured output is spent
TERMINATED = 143  # exit code after SIGTERM: 128 + 15, as shells count

_PLAIN_ATTRIBUTES = frozenset(vars(pytest.TestReport("", ("", 0, ""), {}, "passed", None, "call")))


class Emitter:
    """A pytest plugin that writes each event to the descriptor `fd`.

    Of captured output, `room` characters travel; then each section is cut to `SPARSE_LIMIT`.
    """

    def __init__(self, fd: int, room: int, selection: Selection, shard: int) -> None:
        self._fd = fd
        self._room = room
        self._selection = selection
        self._shard = shard
        self._write = os.write  # tests replace the module's function, or the whole module
        self._index: dict[str, int] = {}
        self._open: tuple[str, tuple[str, int | None, str]] = ("", ("", None, ""))
        self._plain: list[list[object]] = []
        self._counts: Counter[str] = Counter()
        self._deselected: list[pytest.Item] = []
        self._traces = secrets.token_hex(16)

    def _emit(self, kind: Kind, *fields: object) -> None:
        data = memoryview(encode(kind, *fields))
        # A test may close the pipe; the agent then misses `done` and nothing passes by silence.
        with contextlib.suppress(OSError):
            while data:
                data = data[self._write(self._fd, data) :]

    # -- session

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        self._config = config
        if self._selection.shards > 1:
            about = "xdist_group(name): these tests run in one shard"
            config.addinivalue_line("markers", about)
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _exit_on_sigterm)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        about = {
            "python": platform.python_version(),
            "pytest": pytest.__version__,
            "platform": sys.platform,
            "rootdir": str(session.config.rootpath),
            "traces": self._traces,
        }
        self._emit(Kind.SESSION, about)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        # pytest calls this hook while a UsageError is on its way out, and through no other.
        error = sys.exc_info()[1]
        if isinstance(error, pytest.UsageError):
            self._interrupt("usage", "\n".join(map(str, error.args)))
        self._emit(
            Kind.DONE,
            {
                "exit": int(exitstatus),
                "shouldfail": session.shouldfail,
                "shouldstop": session.shouldstop,
                "counts": dict(self._counts),
            },
        )

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        error = excinfo.value
        if isinstance(error, pytest.exit.Exception):
            kind = "terminated" if error.returncode == TERMINATED else "exit"
            self._interrupt(kind, error.msg, error.returncode)
        elif isinstance(error, pytest.Session.Interrupted):
            self._interrupt("interrupted", str(error))
        else:
            self._interrupt("keyboard", excinfo.exconly())

    def _interrupt(self, kind: str, message: str, returncode: int | None = None) -> None:
        self._flush_plain(*self._open)
        fields = {"kind": kind, "message": message, "returncode": returncode}
        self._emit(Kind.INTERRUPT, fields)

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> None:
        self._flush_plain(*self._open)
        self._emit(Kind.INTERNAL, str(excrepr))

    @pytest.hookimpl(tryfirst=True)
    def pytest_warning_recorded(
        self,
        warning_message: warnings.WarningMessage,
        when: str,
        nodeid: str,
        location: tuple[str, int, str] | None,
    ) -> None:
        seen = warning_message
        line = seen.line or linecache.getline(seen.filename, seen.lineno)
        self._emit(
            Kind.WARNING,
            {
                "text": str(seen.message),
                "category": seen.category.__name__,
                "filename": seen.filename,
                "lineno": seen.lineno,
                "line": line,
                "when": when,
                "nodeid": nodeid,
                "location": location,
            },
        )

    # -- collection

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self._emit(Kind.COLLECT, self._serialize(report))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if left_out := deselect(items, self._selection):
            self._config.hook.pytest_deselected(items=left_out)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self._deselected.extend(items)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_collectionfinish(
        self,
    ) -> Generator[None, list[str | list[str]], list[str | list[str]]]:
        said = yield
        lines = [[each] if isinstance(each, str) else list(each) for each in reversed(said)]
        if lines:
            self._emit(Kind.LINES, [line for group in lines for line in group])
        return said

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        nodeids = [item.nodeid for item in session.items]
        self._index = {nodeid: index for index, nodeid in enumerate(nodeids)}
        for kind, rows in describe_items([*session.items, *self._deselected]):
            self._emit(kind, rows)
        plan: dict[str, Any] = {
            "count": len(nodeids),
            "deselected": len(self._deselected),
            "sha256": plan_digest(nodeids),
        }
        if self._selection.shards > 1:
            plan["mine"] = self._take_part(session)
        self._emit(Kind.PLAN, plan)
        self._deselected = []

    def _take_part(self, session: pytest.Session) -> list[int]:
        """Leave the session the tests of this shard; return their indices."""
        mine = parts_of(session.items, self._selection)[self._shard]
        session.items[:] = [session.items[index] for index in mine]
        return mine

    # -- tests

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        self._open = (nodeid, location)
        trace = trace_id(self._traces, nodeid)
        os.environ["TRACEPARENT"] = f"00-{trace}-{trace[:16]}-01"
        self._emit(Kind.START, *self._item(nodeid, location))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or not report.passed:
            self._counts[report.outcome] += 1
        if _is_plain(report):
            phase: list[object] = [report.when, round(report.start, 6), round(report.duration, 6)]
            self._plain.append(phase)
            return
        self._flush_plain(report.nodeid, report.location)
        self._emit(Kind.REPORT, self._serialize(report))

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logfinish(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        if self._plain:
            self._flush_plain(nodeid, location, done=True)
        else:
            self._emit(Kind.FINISH, *self._item(nodeid, location))

    def _flush_plain(
        self, nodeid: str, location: tuple[str, int | None, str], *, done: bool = False
    ) -> None:
        if self._plain:
            item = self._index.get(nodeid, [nodeid, location])
            self._emit(Kind.PLAIN, item, self._plain, int(done))
            self._plain = []

    def _item(self, nodeid: str, location: tuple[str, int | None, str]) -> tuple[object]:
        return (self._index.get(nodeid, [nodeid, location]),)

    def _serialize(self, report: pytest.CollectReport | pytest.TestReport) -> dict[str, Any]:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        sections = data.get("sections") or []
        limit = SECTION_LIMIT if self._room > 0 else SPARSE_LIMIT
        data["sections"] = [[title, _cut(text, limit)] for title, text in sections]
        self._room -= sum(len(text) for _, text in data["sections"])
        # Pytest makes plain text of a failure that is neither text nor a traceback.
        if isinstance(data["longrepr"], str) and not isinstance(report.longrepr, str):
            data[REPR] = True
        return dict(data)


def _is_plain(report: pytest.TestReport) -> bool:
    return (
        report.outcome == "passed"
        and not report.longrepr
        and not report.sections
        and not report.user_properties
        and vars(report).keys() == _PLAIN_ATTRIBUTES
    )


def _cut(text: str, limit: int) -> str:
    """Return `text` with its middle left out, and said so, when it is over the limit."""
    left_out = len(text) - limit
    if left_out <= 0:
        return text
    half = limit // 2
    why = ": this run has captured too much" if limit < SECTION_LIMIT else ""
    note = f"\n[... {left_out} characters left out by pytest-k8s-job{why} ...]\n"
    return text[:half] + note + text[-half:]


def _exit_on_sigterm(_signal: int, _frame: object) -> NoReturn:
    pytest.exit("the pod was told to stop (SIGTERM)", returncode=TERMINATED)


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Called first of all hooks: take the pipe away from the tests and register the emitter."""
    number = os.environ.pop(RECORD_FD, "")
    stacks = os.environ.pop(STACKS_FD, "")
    room = int(os.environ.pop(SECTIONS, "") or sys.maxsize)
    if stacks:
        os.set_inheritable(int(stacks), False)
        faulthandler.register(STACKS_SIGNAL, int(stacks), all_threads=True)
    if number:
        fd = int(number)
        os.set_inheritable(fd, False)
        emitter = Emitter(fd, room, *take_selection(os.environ))
        pluginmanager.register(emitter, "k8s_job_emitter")
