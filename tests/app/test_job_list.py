"""The list of all jobs, in pieces: whole, in order, and never taken for whole when it is not."""

import json
import socket
import uuid
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis

from app.jobs import BATCH, Jobs
from app.store import COUNTERS, DEFAULT
from tests.app.api_server import Server
from tests.app.processes import RedisServer
from tests.app.slow_clients import rest

WHEN = "2026-11-28T07:10:22.123+00:00"
ASK = b"GET /jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
END = b"0\r\n\r\n"
"""The last chunk of a body that is sent in chunks."""
DONE = {"datetime": WHEN, "status": "complete"}


def fill(redis: Redis, count: int, **fields: str) -> list[str]:
    """Save that many jobs; returns their ids in order."""
    ids = [str(uuid.uuid4()) for _ in range(count)]
    first: Any = redis.hincrby(COUNTERS, "submitted", count)
    pipe = redis.pipeline(transaction=False)
    for number, job_id in enumerate(ids, start=first):
        record: dict[Any, Any] = {"id": job_id} | DONE | fields
        pipe.hset(DEFAULT.record(job_id), mapping=record)
        pipe.zadd(DEFAULT.index, {job_id: number})
    pipe.execute()
    return ids


@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH, 2 * BATCH + 7])
def test_every_job_once_and_in_order(api: FlaskClient, redis: Redis, count: int) -> None:
    """However many pieces the list has, it is one object with all jobs in their order."""
    ids = fill(redis, count)
    response = api.get("/jobs")
    assert response.mimetype == "application/json"
    assert json.loads(response.data, object_pairs_hook=list) == [
        (job_id, list(DONE.items())) for job_id in ids
    ]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_status_in_one_of_many_pieces(api: FlaskClient, redis: Redis, place: int) -> None:
    """The jobs with a status make an object, whichever pieces have none of them."""
    wanted: list[str] = []
    for number in range(3):
        fill(redis, BATCH)
        if number == place:
            wanted += fill(redis, 2, status="failed")
    assert list(api.get("/jobs?status=failed").get_json()) == wanted
    assert api.get("/jobs?status=submitted").get_json() == {}


def test_jobs_that_come_and_go_meanwhile(redis: Redis) -> None:
    """What is submitted after the first piece is left out, and so is what is deleted by then."""
    ids = fill(redis, 2 * BATCH)
    pieces = iter(Jobs(redis).all())
    first = next(pieces)
    fill(redis, 5)
    redis.delete(DEFAULT.record(ids[BATCH + 1]))
    redis.zrem(DEFAULT.index, ids[-1])
    left = [job_id for job_id in ids if job_id not in (ids[BATCH + 1], ids[-1])]
    assert list(json.loads(first + b"".join(pieces))) == left


def test_a_short_list_tells_its_length(api: FlaskClient, redis: Redis) -> None:
    """A list of one piece has a Content-Length, as other answers."""
    fill(redis, 3)
    response = api.get("/jobs")
    assert response.content_length == len(response.data)


@pytest.mark.slow
def test_a_list_that_breaks_off_is_no_whole_answer(
    server: Server, redis_server: RedisServer
) -> None:
    """When Redis goes away in the middle, the client sees that the list has not ended."""
    fill(redis_server.client, 100 * BATCH)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)  # far from all of it
        client.settimeout(60)
        client.connect(("127.0.0.1", server.port))
        client.sendall(ASK)
        assert client.recv(12) == b"HTTP/1.1 200"
        redis_server.stop()
        assert not rest(client).endswith(END)
    redis_server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(ASK)
        assert rest(client).endswith(END)
