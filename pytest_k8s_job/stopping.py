"""Ends the session here by the same exception that ended it in the pod."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_k8s_job.ledger import Ledger

__all__ = ["stop_as_in_pod"]


class InternalPodError(Exception):
    """Pytest itself failed in the pod."""


def stop_as_in_pod(session: pytest.Session, ledger: Ledger) -> None:
    """Raise what pytest raised in the pod; return if its session ended in the ordinary way."""
    if ledger.internal is not None:
        _raise_internal(session.config, ledger.internal)
    if ledger.interrupt is not None:
        _raise_interrupt(session, ledger.interrupt)
    if ledger.session is None and ledger.end is not None:
        raise pytest.UsageError(_without_prefix(ledger.end["tail"]))
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
            raise pytest.UsageError(how["message"])
        case "exit":
            raise pytest.exit.Exception(how["message"], how["returncode"])
        case "interrupted":
            raise session.Interrupted(how["message"])
        case _:
            raise KeyboardInterrupt(how["message"])


def _raise_internal(config: pytest.Config, text: str) -> None:
    def notify(excinfo: pytest.ExceptionInfo[BaseException], _option: object = None) -> None:
        config.hook.pytest_internalerror(excrepr=text, excinfo=excinfo)

    # Pytest would show the traceback of this raise; the one in the pod is what matters.
    config.notify_exception = notify  # type: ignore[method-assign,assignment]
    raise InternalPodError(text)


def _without_prefix(tail: str) -> str:
    """Return pytest's last words without the prefix that it will put before them again."""
    return tail.strip().removeprefix("ERROR: ")
