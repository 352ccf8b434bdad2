"""The pytest plugin of the pod: writes pytest's events as records to a pipe.

It may import pytest and the standard library only, writes to the pipes of the agent, and
changes nothing about the tests except that each finds its own TRACEPARENT in the environment.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import platform
import secrets
import signal
import sys
from typing import Any, NoReturn

import pytest
from _pytest.outcomes import Exit

from pytest_k8s_job.pod.collected_files import CollectedFiles
from pytest_k8s_job.pod.connections import Connections
from pytest_k8s_job.pod.emitter_settings import EmitterSettings
from pytest_k8s_job.pod.http_exchanges import watch
from pytest_k8s_job.pod.junit_tap import tap_junit
from pytest_k8s_job.pod.plan_writer import describe_items
from pytest_k8s_job.pod.report_writer import ReportWriter, writer_calls
from pytest_k8s_job.pod.running_tests import RunningTests
from pytest_k8s_job.pod.selection import deselect, parts_of
from pytest_k8s_job.pod.session_output import SessionOutput
from pytest_k8s_job.pod.terminal_tap import tap
from pytest_k8s_job.wire.records import (
    RECORD_FD,
    STACKS_FD,
    STACKS_SIGNAL,
    TEXT_FD,
    Kind,
    plan_digest,
)

TERMINATED = 143  # exit code after SIGTERM: 128 + 15, as shells count
INFORMATION_OPTIONS = ("help", "version", "markers", "showfixtures", "show_fixtures_per_test")


class Emitter:
    """Writes each event to one pipe and the reporter's text to another."""

    def __init__(self, settings: EmitterSettings) -> None:
        pipe = settings.pipe
        self._settings = settings
        self._emit = pipe.emit
        self._deselected: list[pytest.Item] = []
        self._selected = False
        self._traces = secrets.token_hex(16)
        self._files = CollectedFiles()
        self._tests = RunningTests(pipe.emit, self._traces)
        self._session_output = SessionOutput(pipe, self._tests.flush)

    @pytest.hookimpl(tryfirst=True)
    def pytest_addoption(self, pluginmanager: pytest.PytestPluginManager) -> None:
        pluginmanager.register(self._session_output, "k8s_job_session_output")
        pluginmanager.register(self._tests, "k8s_job_running_tests")

    # -- session

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self, early_config: pytest.Config) -> None:
        self._emit(Kind.ROOT, str(early_config.rootpath))

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        self._config = config
        if self._settings.selection.shards > 1:
            about = "xdist_group(name): these tests run in one shard"
            config.addinivalue_line("markers", about)
        self._reports = ReportWriter(config, self._settings.room)
        prints = getattr(config.option, "capture", "") != "fd"
        self._tests.configure(self._reports, prints=prints)
        if getattr(config.option, "numprocesses", None):
            raise pytest.UsageError("pytest-xdist cannot run in the pod: use --shards in its place")
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, _exit_on_sigterm)
        if asks_about_pytest(config.option):
            return  # what it prints then is what was asked for
        tap(config, self._settings.text, self._session_output.send_text)
        config.pluginmanager.register(Connections(self._emit), "k8s_job_connections")
        if self._settings.junit:
            tap_junit(config, self._settings.pipe)
        if self._settings.artifacts:
            from pytest_k8s_job.pod.tmp_folders import TmpFolders  # noqa: PLC0415 (few ask for it)

            config.pluginmanager.register(TmpFolders(self._emit), "k8s_job_tmp_folders")
        if hasattr(config, "cache") and config.cache is not None:
            self._session_output.tap_cache(config.cache)
        if any(getattr(config.option, each, False) for each in ("usepdb", "trace")):
            self._prepare_debugger()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        distributions = session.config.pluginmanager.list_plugin_distinfo()
        about = {
            "python": platform.python_version(),
            "pytest": pytest.__version__,
            "platform": sys.platform,
            "plugins": sorted({f"{each.project_name}-{each.version}" for _, each in distributions}),
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
                "counts": dict(self._tests.counts),
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
            shown = excinfo.getrepr(funcargs=True)
            place = getattr(shown, "reprcrash", None)
            crash = [place.path, place.lineno, place.message] if place else None
            self._interrupt("keyboard", str(shown), calls=writer_calls(shown), crash=crash)

    def _interrupt(
        self, kind: str, message: str, returncode: int | None = None, **more: object
    ) -> None:
        self._tests.flush()
        fields = {"kind": kind, "message": message, "returncode": returncode, **more}
        self._emit(Kind.INTERRUPT, fields)

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self, excrepr: object) -> None:
        self._tests.flush()
        self._emit(Kind.INTERNAL, str(excrepr))

    # -- debugger

    @pytest.hookimpl(tryfirst=True)
    def pytest_enter_pdb(self, pdb: Any) -> None:
        if debugger := self._prepare_debugger():
            debugger.take(pdb)

    def _prepare_debugger(self) -> Any:
        """Return the debugger, None without a terminal; runs that need none load none."""
        plugins, name = self._config.pluginmanager, "k8s_job_debugger"
        if self._settings.debugger and not plugins.hasplugin(name):
            from pytest_k8s_job.pod.debugger import Debugger  # noqa: PLC0415

            flush = self._session_output.flush
            plugins.register(Debugger(self._settings.debugger, self._emit, flush), name)
        return plugins.getplugin(name)

    # -- collection

    @pytest.hookimpl(tryfirst=True)
    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if not report.passed:
            self._emit(Kind.COLLECT, self._reports.serialize(report))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self._selected = True
        if left_out := deselect(items, self._settings.selection):
            self._config.hook.pytest_deselected(items=left_out)

    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self._deselected.extend(items)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if isinstance(sys.exc_info()[1], Terminated):
            return  # pytest calls this hook on its way out too: these are not all tests
        self._reports.find_statuses()
        nodeids = [item.nodeid for item in session.items]
        self._tests.number(nodeids)
        option = session.config.option
        documented = option.collectonly and option.verbose > 0
        items = [*session.items, *self._deselected]
        for kind, rows in describe_items(items, documented=documented):
            self._emit(kind, rows)
        plan: dict[str, Any] = {
            "count": len(nodeids),
            "deselected": len(self._deselected),
            "selected": self._selected,
            "sha256": plan_digest(nodeids),
            **self._files.of(items, session.config.rootpath),
        }
        if self._settings.selection.shards > 1:
            plan["mine"] = self._keep_own_shard(session)
        self._emit(Kind.PLAN, plan)
        self._deselected = []
        if self._settings.evidence:
            watch(session.config)

    def _keep_own_shard(self, session: pytest.Session) -> list[int]:
        """Reduce the session to the tests of this shard; return their indices."""
        mine = parts_of(session.items, self._settings.selection)[self._settings.shard]
        session.items[:] = [session.items[index] for index in mine]
        return mine


def asks_about_pytest(option: argparse.Namespace) -> bool:
    """True if pytest was asked about itself or about fixtures, not to run tests."""
    return any(getattr(option, each, False) for each in INFORMATION_OPTIONS)


class Terminated(Exit, KeyboardInterrupt):
    """Ends pytest; a KeyboardInterrupt too, since collection takes others for errors of a file."""


def _exit_on_sigterm(_signal: int, _frame: object) -> NoReturn:
    raise Terminated("the pod was told to stop (SIGTERM)", returncode=TERMINATED)


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the emitter, first of all hooks, so that no test sees the pipes."""
    if stacks := os.environ.pop(STACKS_FD, ""):
        os.set_inheritable(int(stacks), False)
        faulthandler.register(STACKS_SIGNAL, int(stacks), all_threads=True)
    if RECORD_FD in os.environ and TEXT_FD in os.environ:
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
        pluginmanager.register(Emitter(EmitterSettings.from_environment()), "k8s_job_emitter")
