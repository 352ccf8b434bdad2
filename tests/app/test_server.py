"""The API under the server and with the command line of the container."""

import os
import signal

from tests.app.api_server import WORKERS, Server
from tests.incluster.waiting import wait_until


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
