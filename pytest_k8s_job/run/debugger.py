"""The user's side of pdb in the pod: its commands are typed here.

A record says that pdb waits. Then a command in the pod is joined to it by exec, and what it asks
for is read here, until it lets the code run again and the records go on. Ctrl-C at the prompt is
pdb's own affair; elsewhere it becomes a signal for pytest in the pod.
"""

from __future__ import annotations

import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from pytest_k8s_job.cluster.pods import Conversing
from pytest_k8s_job.errors import ClusterError, GoneError, NotReadyError
from pytest_k8s_job.run.debugger_link import Link
from pytest_k8s_job.run.line_editing import editing
from pytest_k8s_job.run.shard import Shard
from pytest_k8s_job.run.terminal import real_streams
from pytest_k8s_job.wire.debugger import Message, join_command
from pytest_k8s_job.wire.limits import Limits

__all__ = ["Debugger", "life_of"]

TICK = 0.1  # seconds between two looks for a Ctrl-C
TRIES = 3  # of joining one pdb
FORBIDDEN = (401, 403)  # HTTP status codes that asking again does not change
AGAIN = "Ctrl-C was sent to pytest in the pod; once more ends the run"
BROKE = "the connection to the debugger broke; joining it again"


class Debugger:
    """Joins the terminal to the debugger of the run's pod.

    `left` says how long that may live.
    """

    def __init__(self, cluster: Conversing, config: pytest.Config, left: Callable[[], str]) -> None:
        self._cluster = cluster
        self._config = config
        self._left = left
        self._link: Link | None = None
        self._warned_in = ""
        self._before: Any = None
        self._may_interrupt = self._at_prompt = False
        self._pressed = self._sent = False

    def serve(self, shards: Iterable[Shard]) -> None:
        """Do what the records and the keyboard ask for."""
        for shard in shards:
            if shard.replay.debugger and self._before is None:
                self._watch_ctrl_c()
            self._may_interrupt = shard.planned and not shard.over
            if shard.replay.debugger_waits:
                shard.replay.debugger_waits = False
                self._talk(shard)
            elif self._pressed and not self._sent and (link := self._join(shard)):
                self._interrupt(link)

    def close(self) -> None:
        """Leave the pod, and Ctrl-C as it was."""
        if self._link is not None:
            self._link.close()
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        self._link = self._before = None

    # -- one stop of the debugger

    def _talk(self, shard: Shard) -> None:
        """Be its terminal until it lets the code run."""
        self._may_interrupt, self._pressed = True, False
        with real_streams(self._config):
            for _ in range(TRIES):
                link = self._join(shard)
                if link is None:
                    return
                self._warn(shard)
                with editing(link.complete):
                    if self._follow(link):
                        return
                link.close()
                self._link = None
                _say(BROKE)

    def _follow(self, link: Link) -> bool:
        """Do what the debugger asks for; False if the connection broke."""
        while True:
            match self._next(link):
                case None:
                    return False
                case [Message.OUT, str(text)]:
                    _write(text)
                case [Message.ASK, str(prompt)]:
                    self._pressed = False
                    self._answer(prompt, link)
                case [Message.GO]:
                    return True

    def _next(self, link: Link) -> list[Any] | None:
        """Return the next message; meanwhile Ctrl-C goes to the pod."""
        while True:
            if self._pressed and not self._sent:
                self._interrupt(link)
            with suppress(queue.Empty):
                return link.next(TICK)

    def _answer(self, prompt: str, link: Link) -> None:
        """Send what the user says to `prompt`, if the pod still waits for it."""
        sys.stdout.flush()
        try:
            self._at_prompt = True
            said: tuple[Any, ...] = (Message.LINE, input(prompt)) if link.asks else ()
        except EOFError:
            said = (Message.END,)
        except KeyboardInterrupt:
            said = (Message.CANCEL,)
        finally:
            self._at_prompt = False
        if said and link.asks:
            link.send(*said)

    def _warn(self, shard: Shard) -> None:
        """Say once for each test how long there is to debug it."""
        test = shard.ledger.started or "(no test)"
        if test != self._warned_in:
            self._warned_in = test
            _say(f"time-outs of tests stand still; {self._left()}")

    # -- joining

    def _join(self, shard: Shard) -> Link | None:
        """Return the connection to the pod; None if there is no debugger any more."""
        if self._link is not None and not self._link.is_closed:
            return self._link
        pod, python = shard.pod, shard.replay.debugger
        if pod is None or not python:
            return None
        for last in (False, False, True):
            try:
                stream = self._cluster.converse(shard.place.job, pod.name, join_command(python))
            except (GoneError, NotReadyError):
                return None  # the container has ended
            except ClusterError as error:
                reason = f"the debugger cannot be joined by exec: {error}"
                if error.status in FORBIDDEN:
                    raise pytest.UsageError(reason) from error
                if last:
                    _say(reason)
                    return None
                time.sleep(1)
            else:
                self._link = Link(stream, self._leave_prompt, lambda: not shard.pod_over)
                return self._link
        return None

    def _leave_prompt(self) -> None:
        """Wake the prompt when nobody waits for it any more; called by another thread."""
        if self._at_prompt:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    # -- Ctrl-C

    def _watch_ctrl_c(self) -> None:
        self._before = signal.signal(signal.SIGINT, self._on_ctrl_c)

    def _on_ctrl_c(self, _signal: int, _frame: FrameType | None) -> None:
        if self._at_prompt or self._pressed or not self._may_interrupt:
            raise KeyboardInterrupt
        self._pressed, self._sent = True, False

    def _interrupt(self, link: Link) -> None:
        self._sent = True
        link.send(Message.INTERRUPT)
        _write("\n")
        _say(AGAIN)


def life_of(job: Mapping[str, Any]) -> Callable[[], str]:
    """Return what says how long a Job that is created now may still live."""
    began, deadline = time.monotonic(), job["spec"].get("activeDeadlineSeconds")

    def left() -> str:
        run = Limits(deadline, None).run
        if run is None:
            return "the Job has no deadline"
        seconds = max(run - (time.monotonic() - began), 0)
        return f"the Job may live {seconds:.0f} s more (activeDeadlineSeconds: {deadline:g})"

    return left


def _say(sentence: str) -> None:
    _write(f"[pytest-k8s-job: {sentence}]\n")


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
