"""`make serve`: it runs the real three processes, and none of them outlives it."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.app.processes import free_port
from tests.app.served import COMMAND, START, Served
from tests.checkout import CHECKOUT
from tests.incluster.waiting import wait_until


def descendants(pid: int) -> dict[int, str]:
    """The processes below `pid`, with their command lines."""
    below: dict[int, str] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            command = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ")
            below |= {int(child): command.decode(), **descendants(int(child))}
    return below


def alive(pids: dict[int, str]) -> list[str]:
    """Those of the processes that still run; a dead one whose parent is slow does not count."""
    found = []
    for pid, command in pids.items():
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state != "Z":
            found.append(command)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_serves_and_leaves_nothing_behind(
    serve: Callable[[], Served], number: signal.Signals
) -> None:
    """It does a job from submission to plot; at a signal all its processes and files are gone."""
    served = serve()
    processes = descendants(served.process.pid)
    assert {"redis-server", "app.server", "app.worker"} <= {
        name
        for name in ("redis-server", "app.server", "app.worker")
        for command in processes.values()
        if name in command
    }
    requests.post(f"{served.url}/data", timeout=10).raise_for_status()
    body = {"start": "2012-01-01", "end": "2012-01-31"}
    job = requests.post(f"{served.url}/jobs", json=body, timeout=10).json()
    wait_until(
        lambda: requests.get(f"{served.url}/jobs/{job['id']}", timeout=10).json()["status"],
        START,
        "the job to be complete",
        until=lambda status: status == "complete",
    )
    folder = Path(re.findall(r"unix://(\S+)/redis.sock", served.output())[0])
    assert folder.is_dir()

    assert served.end(number) == 0, served.output()
    assert alive(processes) == []
    assert not folder.exists()
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", int(served.url.rpartition(":")[2])))


def test_parts_end_in_order(serve: Callable[[], Served]) -> None:
    """The API goes first, so that no new job comes, and Redis last."""
    served = serve()
    served.end(signal.SIGINT)
    ending = served.output().partition("serve  | ending")[2]
    last = [ending.rfind(f"{part:6} | ") for part in ("api", "worker", "redis")]
    assert min(last) >= 0, ending
    assert last == sorted(last), ending


@pytest.mark.parametrize("part", ["redis-server", "app.server", "app.worker"])
def test_if_one_dies_all_end(serve: Callable[[], Served], part: str) -> None:
    """When one of the three is killed the others are ended, and it is named with its signal."""
    served = serve()
    processes = descendants(served.process.pid)
    victim = min(pid for pid, command in processes.items() if part in command)
    os.kill(victim, signal.SIGKILL)
    assert served.process.wait(START) == 1, served.output()
    assert alive(processes) == []
    name = {"redis-server": "redis", "app.server": "api", "app.worker": "worker"}[part]
    assert f"the {name} ended by itself, by the signal SIGKILL" in served.output()


def run(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run it to its end, which has to come by itself."""
    environ = os.environ | ({"PATH": path} if path is not None else {})
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=CHECKOUT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=START,
        check=False,
    )


def test_a_taken_port_is_told_in_one_line() -> None:
    """If something listens on the port, one line says so and how to go on; nothing is started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = run("--port", str(port))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"port {port} cannot be used"), ended.stderr
    assert "ss -ltnp" in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_a_missing_redis_is_told_in_one_line(tmp_path: Path) -> None:
    """Without redis-server one line names the package to install."""
    ended = run("--port", str(free_port()), path=str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr == "redis-server is missing: apt-get install redis-server\n"


def test_it_imports_neither_the_api_nor_the_plot() -> None:
    """Starting takes no time for libraries that only the three processes need."""
    code = "import app.serve, sys; print({'flask', 'redis', 'matplotlib'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    assert (
        subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
        == "set()\n"
    )
