"""The processes that the unit tests run: a redis-server of their own, and real workers."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from redis import Redis, RedisError

from tests.checkout import CHECKOUT
from tests.incluster.waiting import wait_until


class RedisServer:
    """A redis-server of our own on a free loopback port, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = Redis.from_url(self.url)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it with an append-only file, so that a restart keeps what it held."""
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1"]
        command += ["--dir", str(self.folder), "--appendonly", "yes", "--save", ""]
        log = (self.folder / "redis.log").open("ab")
        with log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self.answers, 20, "redis-server to answer")

    def stop(self) -> None:
        """End it; connections to it break."""
        if self.process is not None:
            self.client.close()
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def answers(self) -> bool:
        """Whether it is up."""
        try:
            return bool(self.client.ping())
        except RedisError:
            return False


class WorkerProcess:
    """`python -m app.worker` as a process of its own, with its log in a file."""

    def __init__(
        self, folder: Path, environ: dict[str, str], command: tuple[str, ...] = ("-m", "app.worker")
    ) -> None:
        self.heartbeat = folder / "heartbeat"
        self.log = folder / "worker.log"
        environ = os.environ | environ | {"HEARTBEAT_FILE": str(self.heartbeat)}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command],
                cwd=CHECKOUT,
                env=environ,
                stdout=log,
                stderr=log,
            )

    def ready(self) -> bool:
        """Whether its loop turns."""
        return self.heartbeat.exists()

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)


def free_port() -> int:
    """A TCP port that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
