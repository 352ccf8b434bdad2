"""Ends the session here by the same exception that ended it in the pod."""

from __future__ import annotations

from typing import Any

import pytest
from _pytest._code.code import ReprFileLocation

from pytest_k8s_job.replay.report_reader import PodRepr
from pytest_k8s_job.verdict.ledger import Ledger
from pytest_k8s_job.verdict.verdict import Outcome

__all__ = ["refuse_as_pod", "stop_as_in_pod"]


class InternalPodError(Exception):
    """Pytest itself failed in the pod."""


def refuse_as_pod(ledger: Ledger, outcome: Outcome | None) -> None:
    """Raise the pod's usage error, or one for another major version of pytest.

    Its text has been shown. `outcome` is None while the run goes on.
    """
    if ledger.session is not None:
        refuse_other_major(ledger.session["pytest"])
    elif ledger.end and outcome and outcome.exit_code == pytest.ExitCode.USAGE_ERROR:
        raise pytest.UsageError


def refuse_other_major(there: str) -> None:
    """Raise a usage error if reports of pytest `there` cannot be read by pytest here."""
    here = pytest.__version__
    if there.partition(".")[0] != here.partition(".")[0]:
        raise pytest.UsageError(
            f"the pod has pytest {there}, the collector {here}: both must be of one major version"
        )


def stop_as_in_pod(session: pytest.Session, ledger: Ledger) -> None:
    """Raise what pytest raised in the pod; return if its session ended normally."""
    if ledger.internal is not None:
        _raise_internal(session.config, ledger.internal)
    if ledger.interrupt is not None:
        _raise_interrupt(session, ledger.interrupt)
    done = ledger.done or {}
    if done.get("shouldfail"):
        if not session.shouldfail:
            session.shouldfail = done["shouldfail"]
        raise session.Failed(session.shouldfail)
    if done.get("shouldstop"):
        raise session.Interrupted(done["shouldstop"])


def _raise_interrupt(session: pytest.Session, how: dict[str, Any]) -> None:
    match how["kind"]:
        case "usage":
            raise pytest.UsageError  # its text is among what the pod printed
        case "exit":
            raise pytest.exit.Exception(how["message"], how["returncode"])
        case "interrupted":
            raise session.Interrupted(how["message"])
        case _:
            show_as_in_pod(session.config, how)
            raise KeyboardInterrupt


def show_as_in_pod(config: pytest.Config, how: dict[str, Any]) -> None:
    """Make the reporter show where the pod's session was interrupted."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    if reporter is None or not how.get("crash"):
        return
    shown = PodRepr(how["message"], how["calls"])
    shown.reprcrash = ReprFileLocation(*how["crash"])

    class _Memo:
        @pytest.hookimpl(trylast=True)
        def pytest_keyboard_interrupt(self) -> None:
            reporter._keyboardinterrupt_memo = shown

    config.pluginmanager.register(_Memo())


def _raise_internal(config: pytest.Config, text: str) -> None:
    def notify(excinfo: pytest.ExceptionInfo[BaseException], _option: object = None) -> None:
        config.hook.pytest_internalerror(excrepr=text, excinfo=excinfo)

    # Pytest would show the traceback of this raise; the one in the pod is what matters.
    config.notify_exception = notify  # type: ignore[method-assign,assignment]
    raise InternalPodError(text)
