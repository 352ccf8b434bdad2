"""The container's command: runs pytest and writes its records into the log, as frames.

    python -m pytest_k8s_job.pod.agent [pytest arguments]

Pytest is a child process, so that a test that crashes, exits, or closes its stdout cannot take
the results along. Everything that reaches the log goes through this process: what pytest and the
tests print, line by line, and between these lines the frames with the records that the emitter
wrote to a pipe. What was printed past pytest's capturing becomes a record too, and stands among
the others where it was written: the emitter waits for us to read it (see `emitter`).
Started without a nonce (by `kubectl apply`, say) the agent draws one. Who collects later learns it
from the first line of the log, written before any test could print, or from the termination
message, written after the last. Should a test forge both a frame and its nonce, the digest of all
records in the termination message contradicts it, so nothing forged passes. Frames are then larger
and rarer, so that `kubectl logs` reads well. Every frame goes into a journal too, and after a log
so long that the kubelet may have cut it, the agent lingers until its collector has everything.
Standard library only, and little of that: tests wait for this to start.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from pytest_k8s_job import __version__
from pytest_k8s_job.pod.log_writer import (
    BATCH_SECONDS,
    LINE_LIMIT,
    FrameWriter,
    Lines,
    Log,
    Output,
    Printed,
)
from pytest_k8s_job.pod.pipes import Pipes, Sink
from pytest_k8s_job.pod.watchdog import Watchdog
from pytest_k8s_job.wire import cache_values, journal
from pytest_k8s_job.wire.agent_settings import Settings
from pytest_k8s_job.wire.debugger import DEBUGGER, SOCKET
from pytest_k8s_job.wire.journal import Journal
from pytest_k8s_job.wire.records import (
    ARTIFACTS_WANTED,
    RECORD_FD,
    SECTIONS,
    STACKS_FD,
    TEXT_FD,
    Kind,
    encode,
)

__all__ = ["exit_code", "main"]

PRINTED_LIMIT = 1 << 20  # bytes of printed text that also travel as records; the log has more
UNATTENDED_BATCH_SECONDS = 2.0  # without a collector: fewer frames between pytest's lines

OUTPUT_PART = 0.4  # of a log file for pytest's own output
LINGER_PART = 0.8  # of a log file: more may have been rotated, as the kubelet looks every 10 s
LINGER_SECONDS = 20.0  # for a collector that was cut off to come back and read the journal
WAITING_SECONDS = 60.0  # for one to read artifacts, since it last did: it serves other pods too
LINGER_POLL = 0.05
LINGER_HEARTBEAT = 1.0


class Agent:
    """One run of pytest, written as frames; `folder` is its own."""

    def __init__(self, settings: Settings, out: int, folder: Path) -> None:
        self._settings = settings
        self._debugger = str(folder / SOCKET) if settings.has_terminal else ""
        self._log = Log(out)
        self._journal = Journal(folder)
        self._stacks = os.open(folder / "stacks", os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        self._watchdog = Watchdog(settings.limits, self._stacks)
        seconds = BATCH_SECONDS if settings.has_collector else UNATTENDED_BATCH_SECONDS
        self._frames = FrameWriter(self._write_frame, settings.nonce, seconds)
        self._records = Lines(self._record)
        self._text = Output(self._log, int(settings.log_bytes * OUTPUT_PART))
        self._shown = Lines(self._text.take, LINE_LIMIT)
        self._printed = {fd: Printed(fd, self._print, self._text.take) for fd in (1, 2)}
        self._room = PRINTED_LIMIT
        self._done = b""
        self._folder = folder

    def run(self, command: list[str]) -> int:
        """Run `command`, return its exit code; a signal counts as 128 and its number."""
        self._add(Kind.HELLO, {"run": self._settings.run, "tool": __version__})
        self._frames.flush()
        (records, record_fd), (text, text_fd) = os.pipe(), os.pipe()
        ours = {
            RECORD_FD: str(record_fd),
            TEXT_FD: str(text_fd),
            STACKS_FD: str(self._stacks),
            SECTIONS: str(self._settings.sections),
            DEBUGGER: self._debugger,
            ARTIFACTS_WANTED: "1" if self._settings.artifacts else "",
        }
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[record_fd, text_fd, self._stacks],
            env={**os.environ, **ours},
        ) as process:
            os.close(record_fd)
            os.close(text_fd)
            self._watchdog.attach(process)
            assert process.stdout and process.stderr  # noqa: S101, PT018 (we asked for pipes)
            printed = process.stdout.fileno(), process.stderr.fileno()
            sources: list[tuple[int, Sink]] = [(records, self._records)]
            sources += zip(printed, self._printed.values(), strict=True)
            with Pipes([*sources, (text, self._shown)], awaited=printed) as pipes:
                self._pump(process, pipes)
            return self._end(process.wait())

    def _pump(self, process: subprocess.Popen[bytes], pipes: Pipes) -> None:
        """Move bytes until pytest has ended and its pipes are empty."""
        while process.poll() is None:
            self._watchdog.tick()
            if not pipes.are_closed:
                pipes.read(self._frames.tick())
                continue
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(self._frames.tick())
        pipes.read_rest()
        self._text.close()

    def _record(self, line: bytes) -> None:
        self._frames.add(line)
        self._watchdog.see(line)
        if line.startswith(b'["done",'):
            self._done = line

    def _write_frame(self, frame: bytes) -> None:
        self._journal.write(frame)
        self._log.write(frame)

    def _print(self, descriptor: int, data: bytes) -> None:
        """Add printed text as a record; the log gets it by lines."""
        if self._room > 0:
            self._room -= len(data)
            text = data if self._room > 0 else data + b"\n[... the rest is in the pod's log ...]\n"
            self._add(Kind.PRINTED, descriptor, text.decode("utf-8", "surrogateescape"))

    def _add(self, kind: Kind, *fields: object) -> None:
        self._frames.add(encode(kind, *fields))

    def _end(self, status: int) -> int:
        """Write how pytest ended, into the log and the termination message."""
        waiting = self._add_artifacts()
        self._frames.flush_batch()
        end = {
            "exit": status if status >= 0 else None,
            "signal": -status if status < 0 else None,
            "records": self._frames.records,
            "sha256": self._frames.sha256,
        }
        linger = self._must_linger(waiting=waiting)
        more = {"linger": linger, "waiting": waiting}
        self._add(Kind.END, {**end, **self._circumstances(), **more})
        self._frames.flush()
        found = {} if self._settings.has_collector else {"nonce": self._settings.nonce}
        write_termination_message(self._settings, {**found, **end, "counts": self._counts()})
        if linger:
            self._linger(WAITING_SECONDS if waiting else LINGER_SECONDS)
        return exit_code(status)

    def _circumstances(self) -> dict[str, object]:
        """Return what explains an unusual end."""
        watchdog = self._watchdog
        tail = "" if self._done else self._text.tail
        if not watchdog.why:
            return {"tail": tail}
        self._log.write(watchdog.stacks.encode("utf-8"))
        stopped = {"why": watchdog.why, "seconds": watchdog.seconds, "stacks": watchdog.stacks}
        return {"tail": tail, "stopped": stopped}

    def _add_artifacts(self) -> bool:
        """Add the files that the user asked for; True if some wait for a reader."""
        settings = self._settings
        if not settings.artifacts:
            return False
        from pytest_k8s_job.pod.artifacts import Artifacts  # noqa: PLC0415 (few ask for any)

        artifacts = Artifacts(self._folder, settings.artifact_bytes, settings.artifacts_stay)
        try:
            for kind, fields in artifacts.gather(settings.artifacts):
                self._add(kind, fields)
        except Exception as error:  # whatever it is: the verdict does not depend on them
            self._add(Kind.ARTIFACTS, {"folder": "", "left_out": [["all others", repr(error)]]})
        return artifacts.some_wait

    def _must_linger(self, *, waiting: bool) -> bool:
        """Return True if a collector may need the journal, or artifacts wait for it."""
        long = self._log.bytes > self._settings.log_bytes * LINGER_PART
        awaited = self._settings.has_collector and not self._watchdog.is_told_to_stop
        return awaited and (waiting or (long and self._journal.is_whole))

    def _linger(self, seconds: float) -> None:
        end, read_at = time.monotonic() + seconds, 0
        self._frames.heartbeat_seconds = LINGER_HEARTBEAT
        watchdog = self._watchdog
        while time.monotonic() < end and watchdog.left > 0 and not watchdog.is_told_to_stop:
            if self._journal.is_released:
                return
            if read_at != (read_at := self._journal.read_at):
                end = time.monotonic() + seconds
            # Who reads only now finds the newest log file, and in it a number to ask for.
            self._frames.tick()
            time.sleep(LINGER_POLL)

    def _counts(self) -> object:
        return json.loads(self._done)[1]["counts"] if self._done else {}


def exit_code(status: int) -> int:
    """Turn the status of a child process into what a shell would say."""
    return status if status >= 0 else 128 - status


def write_termination_message(settings: Settings, message: dict[str, object]) -> None:
    """Write a summary that survives log rotation; outside a pod only warn."""
    text = json.dumps({"run": settings.run, **message}, separators=(",", ":"))
    try:
        settings.termination_log.write_text(text, encoding="ascii")
    except OSError as error:
        print(f"no termination message: {error}", file=sys.stderr)  # noqa: T201 (the pod's log)


def pytest_command(settings: Settings, arguments: list[str], folder: Path) -> list[str]:
    """Return the command line of pytest; its cache may not lie in a read-only suite."""
    command = [sys.executable, "-m", "pytest", "-p", "pytest_k8s_job.pod.emitter"]
    if not settings.has_collector:
        command.insert(1, "-u")  # `kubectl logs -f` shows each line at once
    if "no:cacheprovider" not in arguments:
        cache_dir = folder / "cache"
        cache_values.unpack(settings.cache, cache_dir)
        command += ["-o", f"cache_dir={cache_dir}"]
    return [*command, *arguments]


def main(arguments: list[str] | None = None) -> int:
    """Run pytest with `arguments` (default: those of this process) and return its exit code."""
    folder = journal.make_folder(os.environ)
    try:
        settings = Settings(os.environ)
        words = sys.argv[1:] if arguments is None else arguments
        command = pytest_command(settings, words, folder)
        return Agent(settings, sys.stdout.fileno(), folder).run(command)
    finally:
        journal.remove_folder(folder)


if __name__ == "__main__":
    sys.exit(main())
