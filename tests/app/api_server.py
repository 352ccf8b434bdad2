"""The API's server as a process of its own, with its workers and its log."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from tests.app.processes import free_port
from tests.checkout import CHECKOUT

WORKERS = 2


class Server:
    """The server as the container runs it, on a free port."""

    def __init__(self, log: Path, redis_url: str) -> None:
        self.log = log
        self.port = free_port()
        self.session = requests.Session()
        command = [sys.executable, "-m", "app.server", "--port", str(self.port)]
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                cwd=CHECKOUT,
                env=os.environ | {"REDIS_URL": redis_url},
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
        return sum(line["message"].startswith("Started server process") for line in self.lines())

    def children(self) -> list[int]:
        """The process ids of its workers."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        pids = [int(pid) for pid in path.read_text().split()]
        return [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
