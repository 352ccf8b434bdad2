"""The pipes between pytest's process and the agent."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from pytest_k8s_job.pod.pipes import Pipes


class Noting:
    """A sink that adds what it gets to a list of all sinks."""

    def __init__(self, name: str, seen: list[tuple[str, bytes]]) -> None:
        self.name = name
        self.seen = seen

    def feed(self, data: bytes) -> None:
        """Note the bytes."""
        self.seen.append((self.name, data))

    def close(self) -> None:
        """Note the end."""
        self.seen.append((self.name, b"closed"))


class Plumbing:
    """Two pipes, records before printed text, and what came out of them."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, bytes]] = []
        records, self.records = os.pipe()
        printed, self.printed = os.pipe()
        self.read_ends = records, printed
        sinks = [(records, Noting("records", self.seen)), (printed, Noting("printed", self.seen))]
        self.pipes = Pipes(sinks, awaited=[printed])


@pytest.fixture
def plumbing() -> Iterator[Plumbing]:
    """Open the pipes and close what a test left open."""
    made = Plumbing()
    with made.pipes:
        yield made
    for each in made.read_ends:
        os.close(each)


def test_a_record_goes_before_what_was_printed_after_it(plumbing: Plumbing) -> None:
    """In one pass the records come first, in whatever order the pipes became readable."""
    os.write(plumbing.printed, b"text")
    os.write(plumbing.records, b"record")
    plumbing.pipes.read(1)
    assert plumbing.seen == [("records", b"record"), ("printed", b"text")]
    os.close(plumbing.printed)
    os.close(plumbing.records)


def test_the_rest_is_read_and_the_sinks_are_closed(plumbing: Plumbing) -> None:
    """What pytest wrote before it ended arrives, more than one read of it."""
    os.set_blocking(plumbing.records, False)
    size = os.write(plumbing.records, b"x" * (1 << 20))
    os.write(plumbing.printed, b"text")
    os.close(plumbing.records)
    os.close(plumbing.printed)
    plumbing.pipes.read_rest()
    came = b"".join(data for name, data in plumbing.seen if data[:1] == b"x")
    assert len(came) == size
    assert plumbing.seen[-3:] == [
        ("printed", b"text"),
        ("records", b"closed"),
        ("printed", b"closed"),
    ]


def test_ended_pipes_are_left_out(plumbing: Plumbing) -> None:
    """Pipes whose writers are gone are closed one by one."""
    os.close(plumbing.printed)
    plumbing.pipes.read(1)
    assert not plumbing.pipes.are_closed
    os.close(plumbing.records)
    plumbing.pipes.read(1)
    assert plumbing.pipes.are_closed
    assert plumbing.seen == []
