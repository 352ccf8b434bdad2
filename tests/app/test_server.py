"""The API under the server and with the command line of the container."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.app.processes import RedisServer, free_port
from tests.checkout import CHECKOUT
from tests.incluster.waiting import wait_until

WORKERS = 2


class Server:
    """granian as the container runs it, on a free port."""

    def __init__(self, log: Path, redis_url: str) -> None:
        self.log = log
        self.port = free_port()
        self.session = requests.Session()
        options = f"--interface wsgi --factory --workers {WORKERS} --blocking-threads 2"
        options += " --respawn-failed-workers --workers-kill-timeout 10"
        options += f" --host 127.0.0.1 --port {self.port}"
        config = {"GRANIAN_LOG_CONFIG": "app/granian-log.json", "REDIS_URL": redis_url}
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "granian", *options.split(), "app.api:create_app"],
                cwd=CHECKOUT,
                env=os.environ | config,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def status(self, method: str = "GET", path: str = "/readyz", **options: Any) -> int:
        """The status code of a request, 0 when nothing answers."""
        url = f"http://127.0.0.1:{self.port}{path}"
        with suppress(requests.ConnectionError):
            return self.session.request(method, url, timeout=10, **options).status_code
        return 0

    def end(self) -> int:
        """End it as a pod does, in the end with force; returns the exit code."""
        self.session.close()
        self.process.terminate()
        try:
            return self.process.wait(20)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)

    def lines(self) -> list[dict[str, Any]]:
        """The log; every line must be JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def started(self) -> int:
        """How many workers were started so far."""
        return sum(line["message"].startswith("Started worker") for line in self.lines())

    def children(self) -> list[int]:
        """The process ids of its workers."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        pids = [int(pid) for pid in path.read_text().split()]
        return [pid for pid in pids if b"granian" in Path(f"/proc/{pid}/cmdline").read_bytes()]


@pytest.fixture
def server(redis_server: RedisServer, tmp_path: Path) -> Iterator[Server]:
    """The server, answering with all its workers."""
    server = Server(tmp_path / "api.log", redis_server.url)
    try:
        wait_until(server.status, 30, "the server", until=lambda status: status == 200)
        wait_until(server.started, 30, "all workers", until=lambda started: started == WORKERS)
        yield server
    finally:
        exit_code = server.end()
    assert exit_code == 0


def test_every_line_of_the_server_is_json(server: Server) -> None:
    """The server's own lines are JSON too, and a request is logged once, by us."""
    assert server.status(path="/jobs") == 200
    lines = server.lines()
    assert all({"time", "level", "message"} <= line.keys() for line in lines)
    assert len([line for line in lines if "/jobs" in line["message"]]) == 1


def test_a_killed_worker_of_the_server_is_replaced(server: Server) -> None:
    """kill -9 of one process of the API: the others answer, and a new one takes its place."""
    os.kill(server.children()[-1], signal.SIGKILL)
    wait_until(server.status, 2, "the others", until=lambda status: status == 200)
    wait_until(server.started, 30, "a new worker", until=lambda started: started == WORKERS + 1)
    assert [server.status() for _ in range(10)] == [200] * 10


def test_a_refused_body_does_not_cost_the_answer(server: Server) -> None:
    """A client that sends far too much, with or without a length, reads why it was refused.

    Nor does it cost the next request on that connection, which the rest of an unread body would.
    """
    body = b"x" * 6_000_000
    csv = {"headers": {"Content-Type": "text/csv"}}
    bodies = (part for _ in range(10) for part in (body, iter([body])))
    for data in bodies:
        assert server.status("POST", "/data", data=data, **csv) == 413
        assert server.status() == 200
    assert server.status("POST", "/jobs", json={"start": "x" * 70_000}) == 413
