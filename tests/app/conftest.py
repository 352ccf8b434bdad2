"""A real Redis for the unit tests, and the service in front of it. Nothing here is a mock."""

import logging
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from hypothesis import settings as hypothesis_settings
from redis import Redis

from app.api import create_app
from app.settings import Settings
from app.store import connect
from tests.app.api_server import WORKERS, Server
from tests.app.processes import RedisServer, WorkerProcess, free_port
from tests.app.served import Served
from tests.incluster.waiting import wait_until

hypothesis_settings.register_profile("unit", deadline=None)  # a shared machine stalls at times
hypothesis_settings.load_profile("unit")


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """The root logger as it was before the test configured it."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """One redis-server for the whole run."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()
    server.client.connection_pool.disconnect()


@pytest.fixture
def redis_server(redis_process: RedisServer) -> RedisServer:
    """The server, up and empty."""
    if redis_process.process is None:
        redis_process.start()
    redis_process.client.flushall()
    return redis_process


@pytest.fixture
def redis(redis_server: RedisServer) -> Redis:
    """A client of the empty server."""
    return redis_server.client


@pytest.fixture
def settings(redis_server: RedisServer, tmp_path: Path) -> Settings:
    """Settings with short times."""
    return Settings(
        redis_url=redis_server.url,
        redis_timeout=1.0,
        queue_block=0.1,
        queue_lease=0.6,
        heartbeat_file=tmp_path / "heartbeat",
    )


@pytest.fixture
def open_redis(settings: Settings) -> Iterator[Callable[..., Redis]]:
    """Opens clients as a worker does, and closes them at the end."""
    opened: list[Redis] = []

    def connected(**changes: float) -> Redis:
        times = {"timeout": settings.redis_timeout, "block": settings.queue_block} | changes
        opened.append(connect(settings.redis_url, **times))
        return opened[-1]

    yield connected
    for client in opened:
        client.connection_pool.disconnect()


@pytest.fixture
def api(settings: Settings) -> Iterator[FlaskClient]:
    """A client of the API with nothing loaded."""
    app = create_app(settings)
    yield app.test_client()
    app.extensions["weather"].redis.connection_pool.disconnect()


@pytest.fixture
def loaded(api: FlaskClient) -> FlaskClient:
    """A client of the API with the sample loaded."""
    assert api.post("/data").status_code == 201
    return api


@pytest.fixture
def start_worker(
    redis_server: RedisServer, tmp_path: Path
) -> Iterator[Callable[..., WorkerProcess]]:
    """Starts worker processes, with more environment variables as keywords; ends them all."""
    started: list[WorkerProcess] = []

    def start(**environ: str) -> WorkerProcess:
        folder = tmp_path / f"worker-{len(started)}"
        folder.mkdir()
        short = {"REDIS_URL": redis_server.url, "QUEUE_BLOCK": "0.2", "QUEUE_LEASE": "1"}
        started.append(WorkerProcess(folder, short | environ))
        return started[-1]

    yield start
    for worker in started:
        if worker.process.poll() is None:
            worker.process.kill()
            worker.process.wait(20)


@pytest.fixture
def server(redis_server: RedisServer, tmp_path: Path) -> Iterator[Server]:
    """The API's server, answering with all its workers."""
    server = Server(tmp_path / "api.log", redis_server.url)
    try:
        wait_until(server.status, 60, "the server", until=lambda status: status == 200)
        wait_until(server.started, 60, "all workers", until=lambda started: started == WORKERS)
        yield server
    finally:
        exit_code = server.end()
    assert exit_code == 0


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[], Served]]:
    """Starts the service; whatever the test does, it is ended."""
    started: list[Served] = []

    def start() -> Served:
        started.append(Served(free_port(), tmp_path / f"serve-{len(started)}.log"))
        started[-1].wait_until_ready()
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            served.end(signal.SIGTERM)
