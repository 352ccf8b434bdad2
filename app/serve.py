"""The whole service on this machine, without a cluster: redis-server, API and worker.

`python -m app.serve` runs until Ctrl-C or SIGTERM and then ends all three; if one of them dies, it
ends the others and says which. The data live as long as it runs.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue

HOST = "127.0.0.1"
PORT = 5000

READY_TIMEOUT = 60.0
"""Seconds until the API must answer; on a slow machine it takes three."""

GRACE = {"api": 15.0, "worker": 30.0, "redis": 10.0}
"""Seconds that each part gets to end, in this order: first no new jobs come, then the job in hand
is finished, and the store goes last."""

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP = "stop"
FAILED = 1


class ServeError(Exception):
    """Why the service does not run here, with the remedy, in one line."""


class Part:
    """One of the three processes, in a process group of its own, so that Ctrl-C reaches only us."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environ: Mapping[str, str],
        ended: Callable[[str], None],
    ) -> None:
        self.name = name
        self._ended = ended
        self._process = subprocess.Popen(
            command,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._copier = threading.Thread(target=self._copy_output, daemon=True)
        self._copier.start()
        threading.Thread(target=self._watch, daemon=True).start()

    def end(self) -> None:
        """Ask the process to end, wait for its grace, then kill what is left of its group."""
        self._process.terminate()
        try:
            self._process.wait(GRACE[self.name])
        except subprocess.TimeoutExpired:
            say(f"the {self.name} did not end within {GRACE[self.name]:g} s and is killed")
        self.kill()
        self._process.wait()
        self._copier.join(timeout=1)

    def kill(self) -> None:
        """End the process and all its children at once."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return  # nothing of the group is left

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def _watch(self) -> None:
        self._process.wait()
        self._ended(self.name)

    def _copy_output(self) -> None:
        for line in self._process.stdout or ():
            say(line.rstrip("\n"), self.name)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service until it is told to stop; returns 0, or 1 when it could not run or go on."""
    parser = argparse.ArgumentParser(prog="python -m app.serve", description=__doc__)
    parser.add_argument("--port", type=int, default=PORT, help="port of the API (%(default)s)")
    port = parser.parse_args(arguments).port
    events: SimpleQueue[str] = SimpleQueue()
    for number in SIGNALS:
        signal.signal(number, lambda *_: events.put(STOP))
    try:
        check_machine(port)
        with tempfile.TemporaryDirectory(prefix="weather-") as folder:
            run(port, Path(folder), events)
    except ServeError as error:
        sys.stderr.write(f"{error}\n")
        return FAILED
    return 0


def check_machine(port: int) -> None:
    """Raise ServeError if redis-server is missing or the port taken."""
    if shutil.which("redis-server") is None:
        raise ServeError("redis-server is missing: apt-get install redis-server")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise ServeError(
                f"port {port} cannot be used ({error}): end what listens there"
                f" (`ss -ltnp 'sport = :{port}'` shows it), or take another:"
                " python -m app.serve --port 5001"
            ) from error


def run(port: int, folder: Path, events: "SimpleQueue[str]") -> None:
    """Run the three parts, with `folder` for their files, until an event; raises ServeError."""
    store, heartbeat = folder / "redis.sock", folder / "heartbeat"
    environ = os.environ | {
        "REDIS_URL": f"unix://{store}",
        "HEARTBEAT_FILE": str(heartbeat),
        "PYTHONUNBUFFERED": "1",
    }
    parts: dict[str, Part] = {}
    event: str | None = None
    try:
        for name, command in commands(port, folder, store).items():
            parts[name] = Part(name, command, environ, events.put)
            if name == "redis":
                event = event or wait_for(store.exists, "redis", events)
        url = f"http://localhost:{port}"
        event = event or wait_for(lambda: answers(f"http://{HOST}:{port}/readyz"), "api", events)
        event = event or wait_for(heartbeat.exists, "worker", events)
        if event is None:
            say(f"ready: {url}   (Ctrl-C ends it; Redis is at {environ['REDIS_URL']})")
            event = events.get()
        code = parts[event].exit_code() if event in parts else None
    finally:
        end_all(parts)
    if event != STOP:
        raise ServeError(f"the {event} ended by itself, {cause(code)}; see its last lines above")


def commands(port: int, folder: Path, store: Path) -> dict[str, list[str]]:
    """How each part is started, in the order of starting; the API as in its image."""
    redis = f"redis-server --port 0 --unixsocket {store} --dir {folder} --appendonly no"
    return {
        "redis": [*redis.split(), "--save", "", "--loglevel", "warning"],
        "api": [sys.executable, "-m", "app.server", "--host", HOST, "--port", str(port)],
        "worker": [sys.executable, "-m", "app.worker"],
    }


def wait_for(ready: Callable[[], bool], name: str, events: "SimpleQueue[str]") -> str | None:
    """Wait until `ready`; returns the event that came instead. Raises ServeError after a time."""
    deadline = time.monotonic() + READY_TIMEOUT
    while not ready():
        try:
            return events.get(timeout=0.1)
        except Empty:
            if time.monotonic() > deadline:
                raise ServeError(f"the {name} was not ready after {READY_TIMEOUT:g} s") from None
    return None


def answers(url: str) -> bool:
    """Whether a GET answers with success."""
    try:
        with urllib.request.urlopen(url, timeout=2):  # noqa: S310  our own http address
            return True
    except (urllib.error.URLError, OSError):
        return False


def cause(code: int | None) -> str:
    """An exit code in words."""
    return f"by the signal {signal.Signals(-code).name}" if code and code < 0 else f"code {code}"


def end_all(parts: Mapping[str, Part]) -> None:
    """End the parts in the order of GRACE; a second signal kills what is left of them."""
    say("ending")
    for number in SIGNALS:
        signal.signal(number, lambda *_: kill_all(parts))
    for name in GRACE:
        if name in parts:
            parts[name].end()


def kill_all(parts: Mapping[str, Part]) -> None:
    """End all parts at once."""
    for part in parts.values():
        part.kill()


def say(line: str, name: str = "serve") -> None:
    """Print a line under the name of the part that it comes from."""
    sys.stdout.write(f"{name:6} | {line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
