"""The parts of a local service for the suite to run against: Redis, worker and API, all real."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.app.processes import free_port
from tests.checkout import CHECKOUT
from tests.incluster.waiting import wait_until


@contextmanager
def running(command: list[str], environ: Mapping[str, str], log: Path) -> Iterator[None]:
    """A process for as long as the block lasts, its output in `log`."""
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, cwd=CHECKOUT, env=os.environ | dict(environ), stdout=output, stderr=output
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """A redis-server on a socket in `folder`; yields its address."""
    path = folder / "redis.sock"
    command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", ""]
    with running([*command, "--dir", str(folder)], {}, folder / "redis.log"):
        wait_until(path.exists, 10, "redis-server to listen")
        yield f"unix://{path}"


@contextmanager
def running_worker(redis_url: str, folder: Path) -> Iterator[None]:
    """A worker on this database."""
    environ = {"REDIS_URL": redis_url, "HEARTBEAT_FILE": str(folder / "heartbeat")}
    with running([sys.executable, "-m", "app.worker"], environ, folder / "worker.log"):
        yield


@contextmanager
def running_api(
    redis_url: str, folder: Path, fault: str = "healthy", queue: str = "jobs"
) -> Iterator[str]:
    """The API with this fault, served as in its image but for one process; yields its address."""
    port = free_port()
    command = [sys.executable, "-m", "app.server", "--workers", "1", "--port", str(port)]
    environ = {
        "BROKEN": fault,
        "REDIS_URL": redis_url,
        "PYTHONPATH": str(CHECKOUT),
        "QUEUE_NAME": queue,
    }
    command += ["--app", "tests.suite.broken_api:create_app"]
    with running(command, environ, folder / f"api-{fault}.log"):
        yield f"http://127.0.0.1:{port}"
