"""The container's command: runs pytest and says in the log, in frames, what happened to it.

    python -m pytest_k8s_job.agent [pytest arguments]

Pytest is a child process, so that a test that crashes, exits, or closes its stdout cannot take
the results along. Everything that reaches the log goes through this process: what pytest and the
tests print, line by line, and between these lines the frames with the records that the emitter
wrote to a pipe. What was printed past pytest's capturing becomes a record too, and stands among
the others where it was written: the emitter waits for us to read it (see `emitter`).
Started without a nonce (by `kubectl apply`, say) the agent draws one. Who collects later learns it
from the first line of the log, written before any test could print, or from the termination
message, written after the last. Should a test forge both a frame and its nonce, the digest of all
records in the termination message contradicts it, so nothing forged passes. Frames are then larger
and rarer, so that `kubectl logs` reads well. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_k8s_job import __version__, cache
from pytest_k8s_job.log_writer import BATCH_SECONDS, FrameWriter, Lines, write_all
from pytest_k8s_job.records import RECORD_FD, TEXT_FD, Kind, encode

__all__ = ["CACHE", "NONCE", "RUN_ID", "TERMINATION_LOG", "main"]

# Environment that the near side sets; all of it is taken away from the tests.
RUN_ID = "PYTEST_K8S_JOB_RUN"
NONCE = "PYTEST_K8S_JOB_NONCE"
CACHE = "PYTEST_K8S_JOB_CACHE"
TERMINATION_LOG = "PYTEST_K8S_JOB_TERMINATION_LOG"

LINE_LIMIT = 8 << 10  # a longer line of pytest's output is broken here: runtimes tear at 8 KiB
TAIL_BYTES = 2000  # of pytest's last output, for a run that ended before its session began
READ_BYTES = 1 << 16  # what a pipe holds: one read takes what was written before the next record
PRINTED_LIMIT = 4 << 20  # bytes of printed text that also travel as records; the log has all
UNHEARD_BATCH_SECONDS = 2.0  # nobody waits for a dot: fewer frames between pytest's lines


@dataclass(frozen=True)
class Settings:
    """What the near side tells the agent; it is not `heard` when it draws its own nonce."""

    run: str
    nonce: str
    heard: bool
    cache: str
    termination_log: Path

    @classmethod
    def take(cls, environment: MutableMapping[str, str]) -> Settings:
        """Read the settings and remove them from `environment`, which the tests inherit."""
        nonce = environment.pop(NONCE, "")
        return cls(
            run=environment.pop(RUN_ID, ""),
            nonce=nonce or secrets.token_hex(16),
            heard=bool(nonce),
            cache=environment.pop(CACHE, ""),
            termination_log=Path(environment.pop(TERMINATION_LOG, "/dev/termination-log")),
        )


class Agent:
    """One run of pytest, told in frames."""

    def __init__(self, settings: Settings, out: int) -> None:
        self._settings = settings
        self._out = out
        seconds = BATCH_SECONDS if settings.heard else UNHEARD_BATCH_SECONDS
        self._frames = FrameWriter(out, settings.nonce, seconds)
        self._records = Lines(self._record)
        self._text = Lines(self._show, LINE_LIMIT)
        self._printed = {fd: Printed(fd, self._print, self._show) for fd in (1, 2)}
        self._room = PRINTED_LIMIT
        self._tail = b""
        self._done = b""

    def run(self, command: list[str]) -> int:
        """Run `command`, return its exit code; a signal counts as 128 and its number."""
        self._say(Kind.HELLO, {"run": self._settings.run, "tool": __version__})
        self._frames.flush()
        (records, record_fd), (text, text_fd) = os.pipe(), os.pipe()
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[record_fd, text_fd],
            env={**os.environ, RECORD_FD: str(record_fd), TEXT_FD: str(text_fd)},
        ) as process:
            os.close(record_fd)
            os.close(text_fd)
            forward_sigterm(process)
            assert process.stdout and process.stderr  # noqa: S101, PT018 (we asked for pipes)
            printed = process.stdout.fileno(), process.stderr.fileno()
            # Records come first: what is printed after a record must not overtake it.
            sources: list[tuple[int, Lines | Printed]] = [(records, self._records)]
            sources += zip(printed, self._printed.values(), strict=True)
            self._pump(process, [*sources, (text, self._text)])
            return self._end(process.wait())

    def _pump(
        self, process: subprocess.Popen[bytes], sources: Sequence[tuple[int, Lines | Printed]]
    ) -> None:
        """Move bytes until pytest has ended and nothing that it wrote is left in the pipes."""
        with selectors.DefaultSelector() as selector:
            for rank, (descriptor, sink) in enumerate(sources):
                os.set_blocking(descriptor, False)
                selector.register(descriptor, selectors.EVENT_READ, (rank, sink))
            while True:
                ended = process.poll() is not None
                ready = selector.select(0 if ended else self._frames.tick())
                for key, _ in sorted(ready, key=lambda each: each[0].data[0]):
                    rank, sink = key.data
                    if not drain(key.fd, sink, reads=64 if ended or rank == 0 else 1):
                        selector.unregister(key.fd)
                if ended:
                    break
                if not selector.get_map():
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(self._frames.tick())
        for _, sink in sources:
            sink.close()

    def _record(self, line: bytes) -> None:
        self._frames.add(line)
        if line.startswith(b'["done",'):
            self._done = line

    def _print(self, descriptor: int, data: bytes) -> None:
        """Tell what was printed in a record; the log gets it by lines."""
        if self._room > 0:
            self._room -= len(data)
            text = data if self._room > 0 else data + b"\n[... the rest is in the pod's log ...]\n"
            self._say(Kind.PRINTED, descriptor, text.decode("utf-8", "surrogateescape"))

    def _show(self, line: bytes) -> None:
        self._tail = (self._tail + line)[-TAIL_BYTES:]
        write_all(self._out, line)

    def _say(self, kind: Kind, *fields: object) -> None:
        self._frames.add(encode(kind, *fields))

    def _end(self, status: int) -> int:
        """Say how pytest ended, in the log and in the termination message."""
        self._frames.flush_batch()
        end = {
            "exit": status if status >= 0 else None,
            "signal": -status if status < 0 else None,
            "records": self._frames.records,
            "sha256": self._frames.sha256,
        }
        tail = "" if self._done else self._tail.decode("utf-8", "replace")
        self._say(Kind.END, {**end, "tail": tail})
        self._frames.flush()
        found = {} if self._settings.heard else {"nonce": self._settings.nonce}
        write_termination_message(self._settings, {**found, **end, "counts": self._counts()})
        return exit_code(status)

    def _counts(self) -> object:
        return json.loads(self._done)[1]["counts"] if self._done else {}


class Printed:
    """The output of pytest's process on one descriptor, past its capturing."""

    def __init__(
        self, descriptor: int, tell: Callable[[int, bytes], None], show: Callable[[bytes], None]
    ) -> None:
        self._descriptor = descriptor
        self._tell = tell
        self._lines = Lines(show, LINE_LIMIT)

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        self._tell(self._descriptor, data)
        self._lines.feed(data)

    def close(self) -> None:
        """Show an unfinished last line."""
        self._lines.close()


def drain(descriptor: int, sink: Lines | Printed, reads: int) -> bool:
    """Read what is there, at most `reads` times 64 KiB; False at the end of the stream."""
    for _ in range(reads):
        try:
            data = os.read(descriptor, READ_BYTES)
        except BlockingIOError:
            break
        if not data:
            return False
        sink.feed(data)
        if len(data) < READ_BYTES:
            break
    return True


def forward_sigterm(process: subprocess.Popen[bytes]) -> None:
    """Let pytest end in its own way when the pod is told to stop."""
    signal.signal(signal.SIGTERM, lambda *_: process.send_signal(signal.SIGTERM))


def exit_code(status: int) -> int:
    """Turn the status of a child process into what a shell would say."""
    return status if status >= 0 else 128 - status


def write_termination_message(settings: Settings, message: Mapping[str, object]) -> None:
    """Leave a summary that survives log rotation; outside a pod there is no place for it."""
    text = json.dumps({"run": settings.run, **message}, separators=(",", ":"))
    try:
        settings.termination_log.write_text(text, encoding="ascii")
    except OSError as error:
        print(f"no termination message: {error}", file=sys.stderr)  # noqa: T201 (the pod's log)


def pytest_command(settings: Settings, arguments: list[str], cache_dir: str) -> list[str]:
    """Return the command line of pytest; its cache may not lie in a read-only suite."""
    command = [sys.executable, "-m", "pytest", "-p", "pytest_k8s_job.emitter"]
    if not settings.heard:
        command.insert(1, "-u")  # whoever reads `kubectl logs -f` wants each line at once
    if "no:cacheprovider" not in arguments:
        cache.unpack(settings.cache, Path(cache_dir))
        command += ["-o", f"cache_dir={cache_dir}"]
    return [*command, *arguments]


def main(arguments: list[str] | None = None) -> int:
    """Run pytest with `arguments` (default: those of this process) and return its exit code."""
    settings = Settings.take(os.environ)
    with tempfile.TemporaryDirectory(prefix="pytest-k8s-job-") as cache_dir:
        command = pytest_command(
            settings, sys.argv[1:] if arguments is None else arguments, cache_dir
        )
        return Agent(settings, sys.stdout.fileno()).run(command)


if __name__ == "__main__":
    sys.exit(main())
