"""The whole service as `make serve` runs it, in a process of its own."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.checkout import CHECKOUT
from tests.incluster.waiting import wait_until

COMMAND = [sys.executable, "-m", "app.serve"]
START = 60
"""Seconds for a start, and for an end, on a busy machine."""


class Served:
    """A running `python -m app.serve`, its output and its processes."""

    def __init__(self, port: int, log: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        with log.open("w") as output:
            self.process = subprocess.Popen(
                [*COMMAND, "--port", str(port)], cwd=CHECKOUT, stdout=output, stderr=output
            )

    def output(self) -> str:
        """What it printed so far."""
        return self.log.read_text()

    def wait_until_ready(self) -> None:
        """Wait for its own word that it is ready."""
        wait_until(
            self.output,
            START,
            "the line that tells the address",
            until=lambda text: "ready: http" in text or self.process.poll() is not None,
        )
        assert "ready: http" in self.output(), self.output()

    def end(self, number: signal.Signals) -> int:
        """Send the signal to it alone; returns its exit code."""
        self.process.send_signal(number)
        return self.process.wait(START)
