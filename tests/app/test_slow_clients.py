"""Nobody can stop the API by holding connections, and each such client is let go in time."""

import json
import socket
from pathlib import Path

import pytest

from app import connections
from tests.app.api_server import Server
from tests.app.slow_clients import (
    HALF_BODY,
    HALF_HEAD,
    IDLE,
    NO_READER,
    clients,
    crowd,
    exchange,
    percentile,
    rest,
    times,
)
from tests.incluster.waiting import wait_until

pytestmark = pytest.mark.slow

CROWD = 200
"""Clients of each kind at once."""
REQUESTS = 200
LET_GO = 30.0
"""Seconds until the last of them must be gone."""
NOISE = 0.25
"""Seconds that a request may take on a busy machine without anybody's doing."""
MORE_MEMORY = 60_000_000
"""Bytes that a process may grow by: answers for a hundred clients that do not read them."""


def problem(answer: bytes, status: int) -> dict[str, object]:
    """The problem document in an answer with this status that ends the connection."""
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0].startswith(f"http/1.1 {status} "), answer[:500]
    assert {"content-type: application/problem+json", "connection: close"} <= set(lines)
    document: dict[str, object] = json.loads(body)
    assert document["status"] == status
    return document


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def sockets(server: Server) -> int:
    """How many sockets the server's processes have open."""
    count = 0
    for pid in server.children():
        for file in Path(f"/proc/{pid}/fd").iterdir():
            try:
                count += str(file.readlink()).startswith("socket:")
            except FileNotFoundError:
                continue
    return count


def test_slow_clients_do_not_stop_the_api(server: Server) -> None:
    """600 slow clients: others are answered as before, memory is bounded, all are let go."""
    assert server.status("POST", "/data") == 201
    usual = percentile(times(server.port, REQUESTS), 99)
    quiet, memory = sockets(server), [resident(pid) for pid in server.children()]
    with crowd(server.port, CROWD) as slow:
        wait_until(lambda: sockets(server), 5, "all of them", until=lambda n: n >= quiet + CROWD)
        beside = percentile(times(server.port, REQUESTS), 99)
        assert beside <= max(3 * usual, NOISE), f"p99 {beside:.3f} s, usually {usual:.3f} s"
        grown = [
            resident(pid) - before for pid, before in zip(server.children(), memory, strict=True)
        ]
        assert max(grown) < MORE_MEMORY, grown
        wait_until(
            lambda: sockets(server), LET_GO, "all to be let go", until=lambda n: n <= quiet + 8
        )
        for client in slow[HALF_BODY] + slow[IDLE]:
            assert "not whole" in str(problem(rest(client), 408)["detail"])
    assert server.status() == 200


def test_half_a_head_is_told_of_its_time_out(server: Server) -> None:
    """A client that does not finish its head gets 408, also after requests that were whole."""
    problem(exchange(server.port, HALF_HEAD), 408)
    answers = exchange(server.port, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" + HALF_HEAD)
    whole, _, late = answers.rpartition(b"HTTP/1.1")
    assert whole.startswith(b"HTTP/1.1 200 ")
    problem(b"HTTP/1.1" + late, 408)


def test_a_body_that_trickles_is_told_of_its_time_out(server: Server) -> None:
    """A byte now and then does not keep a connection."""
    with clients(server.port, 1, HALF_BODY, "127.0.0.1") as (client,):
        client.settimeout(0.5)
        answer = wait_until(lambda: trickle(client), 20, "the time-out", until=bool)
    problem(answer, 408)


def trickle(client: socket.socket) -> bytes:
    """Send a byte; what the server has answered by then."""
    client.sendall(b" ")
    try:
        return client.recv(65536)
    except TimeoutError:
        return b""


def test_a_peer_has_so_many_connections(server: Server) -> None:
    """One address cannot take all connections; others still get theirs."""
    most = 2 * connections.MOST_OF_A_PEER
    with clients(server.port, most + 10, IDLE, "127.0.0.9") as taken:
        assert server.status() == 200
        answers = [rest(client) for client in taken]
    refused = [answer for answer in answers if answer.startswith(b"HTTP/1.1 429")]
    assert len(refused) >= 10
    assert "127.0.0.9" in str(problem(refused[0], 429)["detail"])


def test_an_endless_head_is_refused(server: Server) -> None:
    """A head without end is refused before it fills the memory."""
    head = b"GET /jobs HTTP/1.1\r\nX-Long: " + b"x" * (4 * connections.LARGEST_HEAD)
    with clients(server.port, 1, b"", "127.0.0.1") as (client,):
        client.sendall(head)
        problem(rest(client), 431)


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /jobs\r\nContent-Length: 5\r\n\r\n{...}",
        b"NONSENSE /jobs HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /jobs HTTP/9.9\r\nHost: x\r\n\r\n",
        b"POST /jobs HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
    ],
)
def test_what_is_no_request_is_a_problem(server: Server, sent: bytes) -> None:
    """A bad request line, with a body or without, is answered in the one shape of errors."""
    problem(exchange(server.port, sent), 400)


def test_two_slashes_at_the_beginning_are_not_one(server: Server) -> None:
    """The path //jobs is not /jobs, and no client library hides it here."""
    request = b"GET //jobs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    problem(exchange(server.port, request), 404)


def test_an_answer_that_is_not_taken_is_given_up(server: Server) -> None:
    """Large answers for clients that do not read are bounded, and their connections aborted."""
    header = b"date,precipitation,temp_max,temp_min,wind,weather\n"
    days = (
        f"{y:04}-{m:02}-{d:02},0,9,3,2,sun\n"
        for y in range(1, 120)
        for m in range(1, 13)
        for d in range(1, 29)
    )
    csv = {"Content-Type": "text/csv"}
    assert server.status("POST", "/data", data=header + "".join(days).encode(), headers=csv) == 201
    quiet, memory = sockets(server), [resident(pid) for pid in server.children()]
    with clients(server.port, 40, NO_READER, "127.0.0.2"):
        wait_until(lambda: sockets(server), 5, "all of them", until=lambda n: n >= quiet + 30)
        assert server.status() == 200
        wait_until(
            lambda: sockets(server), LET_GO, "all to be let go", until=lambda n: n <= quiet + 8
        )
        grown = [
            resident(pid) - before for pid, before in zip(server.children(), memory, strict=True)
        ]
        assert max(grown) < 150_000_000, grown
    lines = [line["message"] for line in server.lines()]
    assert "client takes no answer" in lines
