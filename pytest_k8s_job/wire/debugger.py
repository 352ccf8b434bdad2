"""The messages between a debugger in the pod and the terminal of its user.

Each message is a line with a JSON array; the first element is its kind. An empty line only shows
that the connection lives. From the pod:

    out         text                        for the terminal
    ask         prompt                      for the next line of input
    matches     [text...]                   answers `complete`
    go          -                           the debugger lets the code run

From the user's side:

    line        text
    end         -                           Ctrl-D
    cancel      -                           Ctrl-C at the prompt
    complete    text, line, begin, end      as readline's completer has them
    interrupt   -                           Ctrl-C elsewhere: a signal for pytest

Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any

from pytest_k8s_job.wire.sync_layout import TOOL

__all__ = ["DEBUGGER", "KEEP_ALIVE", "SOCKET", "Message", "Messages", "encode", "join_command"]

DEBUGGER = "PYTEST_K8S_JOB_DEBUGGER"  # environment: set if a terminal waits for the debugger
SOCKET = "debugger"  # in the agent's folder
KEEP_ALIVE = 20.0  # seconds of silence before an empty line; proxies cut idle streams after 60 s


class Message(StrEnum):
    """The first element of each message."""

    OUT = "out"
    ASK = "ask"
    MATCHES = "matches"
    GO = "go"
    LINE = "line"
    END = "end"
    CANCEL = "cancel"
    COMPLETE = "complete"
    INTERRUPT = "interrupt"


def encode(kind: Message, *fields: object) -> bytes:
    """Return a message as one ASCII line."""
    return json.dumps([kind, *fields]).encode("ascii") + b"\n"


class Messages:
    """Reads messages out of the bytes of a stream."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[list[Any]]:
        """Yield the messages that are complete; what is none is passed over."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                continue  # an empty line, or one that Ctrl-C tore
            if isinstance(message, list) and message:
                yield message


def join_command(python: str) -> list[str]:
    """Return the command that joins stdin and stdout to the debugger of its container.

    It works with the package of the image, and with the one that --sync mounts.
    """
    program = (
        f"import sys; sys.path.insert(0, {TOOL!r}); "
        "from pytest_k8s_job.pod.joiner import main; sys.exit(main())"
    )
    return [python, "-c", program]
