"""A pseudo-terminal with a pytest in it, and somebody who types."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.tool.conftest import Side

__all__ = ["CTRL_C", "CTRL_D", "PROMPT", "Typist", "typist_at"]

SECONDS = 60  # for the next prompt; the machine may be busy
CTRL_C, CTRL_D = "\x03", "\x04"
PROMPT = "(Pdb) "


class Typist:
    """Starts a command in a terminal of its own, types, and reads what appears."""

    def __init__(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str]
    ) -> None:
        self._terminal, other = pty.openpty()
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environment, "TERM": "dumb", "COLUMNS": "80"},
            stdin=other,
            stdout=other,
            stderr=other,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 (^C needs it)
        )
        os.close(other)
        self.text = ""
        """All that has appeared."""
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._terminal)

    def wait_for(self, words: str) -> str:
        """Return what has appeared since the last call, up to `words`."""
        end = time.monotonic() + SECONDS
        while words not in self.text[self._seen :]:
            assert time.monotonic() < end, f"waited for {words!r}: {self.text}"
            assert self._read(), f"no {words!r} has come: {self.text}"
        begin, self._seen = self._seen, self.text.index(words, self._seen) + len(words)
        return self.text[begin : self._seen]

    def type(self, text: str) -> None:
        """Press the keys of `text`."""
        os.write(self._terminal, text.encode())

    def wait_for_reading(self) -> None:
        """Wait until the process sleeps: a Ctrl-C before that is seen by Python at the next key.

        It comes between the prompt and readline's `select`, and so it does in plain Python.
        """
        end = time.monotonic() + SECONDS
        stat = Path(f"/proc/{self.process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "S":
            assert time.monotonic() < end, f"it never waits for a key: {self.text}"
            time.sleep(0.01)

    def say(self, line: str) -> str:
        """Type a line at the prompt that is there; return all up to the next one."""
        self.type(f"{line}\n")
        return self.wait_for(PROMPT)

    def answer(self, line: str) -> str:
        """Wait for a prompt, then say `line`; return all that appears meanwhile."""
        return self.wait_for(PROMPT) + self.say(line)

    def finish(self) -> int:
        """Read to the end; return the exit code."""
        end = time.monotonic() + SECONDS
        while self._read():
            assert time.monotonic() < end, f"waited for the end: {self.text}"
        return self.process.wait(SECONDS)

    def _read(self) -> bool:
        """Read what comes within a second; False at the end."""
        if not select.select([self._terminal], [], [], 1)[0]:
            return True
        data = b""
        with contextlib.suppress(OSError):  # Linux says EIO when the last writer has gone
            data = os.read(self._terminal, 1 << 16)
        self.text += data.decode("utf-8", "replace").replace("\r\n", "\n")
        return bool(data)


def typist_at(side: Side, *arguments: str, **environment: str) -> Typist:
    """Start one of the two ways to run the sample suite in a terminal."""
    command = [sys.executable, "-m", *side.program, *side.extra, "--color=no", *arguments]
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "CI"))}
    own = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **side.environment, **environment}
    return Typist(command, side.folder, plain | own)
