"""Following a Job over connections that break, repeat, refuse and come back."""

from __future__ import annotations

import itertools
import queue
import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_k8s_job.cluster.pods import JobRef, Phase, PodState
from pytest_k8s_job.errors import ClusterError, NotReadyError
from pytest_k8s_job.run import follower, pod_poller
from pytest_k8s_job.run.events import Broken, Event, LogRead, Payload, PodSeen
from pytest_k8s_job.run.follower import Follower
from pytest_k8s_job.run.pod_poller import PodPoller
from pytest_k8s_job.wire.frames import Decoder, encode
from pytest_k8s_job.wire.journal import read_command, release_command

Answer = TypeVar("Answer")

NONCE = "ab" * 16
JOB = JobRef("ns", "job", "suite")
MESSAGES = [f"message {number}".encode() for number in range(20)]
LOG = b"pytest says something\n".join(encode(NONCE, n, each) for n, each in enumerate(MESSAGES))
RUNNING = PodState("p", Phase.RUNNING)
ENDED = PodState("p", Phase.TERMINATED, "Completed", exit_code=0)


class ScriptedCluster:
    """A cluster that answers by a script: pod states and log pieces, the last of each for ever."""

    def __init__(
        self,
        states: list[PodState | ClusterError | None],
        reads: list[bytes | ClusterError],
    ) -> None:
        self._states = states
        self._reads = reads
        self.since: list[int | None] = []
        self.journal: bytes | ClusterError = ClusterError("pods/exec is forbidden", 403)
        self.commands: list[list[str]] = []

    def describe(self) -> str:
        return "a script"

    def pods(self, jobs: Sequence[JobRef]) -> dict[JobRef, PodState]:
        """Let the container end, if it does, only when the last read is all that is left."""
        waits = len(self._states) == 2 and len(self._reads) > 1
        state = RUNNING if waits else _next(self._states)
        return {} if state is None else {jobs[0]: state}

    @property
    def server(self) -> str:
        return "none"

    def read(self, _path: str, _accept: str) -> tuple[bytes, float]:
        raise ClusterError("forbidden", 403)

    def log(self, _job: JobRef, _pod: str, since: int | None) -> Iterator[bytes]:
        self.since.append(since)
        yield _next(self._reads)

    def exec(self, _job: JobRef, _pod: str, command: Sequence[str]) -> bytes:
        self.commands.append(list(command))
        if isinstance(self.journal, ClusterError):
            raise self.journal
        return self.journal

    def create(self, _job: object) -> JobRef:
        return JOB

    def delete(self, _job: JobRef) -> None:
        raise NotImplementedError


def _next(script: list[Answer | ClusterError]) -> Answer:
    answer = script.pop(0) if len(script) > 1 else script[0]
    if isinstance(answer, ClusterError):
        raise answer
    return answer


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLL_STARTING", "POLL_RUNNING", "POLL_ENDING"):
        monkeypatch.setattr(pod_poller, name, 0.001)
    monkeypatch.setattr(follower, "RECONNECT", 0.001)


def follow(cluster: ScriptedCluster) -> list[Event]:
    """Follow to the end, and return the events without the pod's states."""
    seen: queue.SimpleQueue[Event] = queue.SimpleQueue()
    poller = PodPoller(cluster)
    following = Follower(poller, JOB, Decoder(NONCE), None, seen)
    following.start()
    events: list[Event] = []
    while not events or isinstance(events[-1], Payload | PodSeen):
        events.append(seen.get(timeout=10))
    following.stop()
    poller.stop()
    return [event for event in events if not isinstance(event, PodSeen)]


def payloads(events: list[Event]) -> list[bytes]:
    """Return the payloads among `events`."""
    return [event.data for event in events if isinstance(event, Payload)]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None
)
@given(cuts=st.lists(st.integers(0, len(LOG)), max_size=5), overlap=st.integers(0, 400))
def test_cut_streams_lose_nothing(cuts: list[int], overlap: int) -> None:
    """However often the stream breaks, each payload comes once, in order, and no gap is left."""
    edges = sorted({0, *cuts, len(LOG)})
    pieces = [LOG[max(0, a - overlap) : b] for a, b in itertools.pairwise(edges)]
    events = follow(ScriptedCluster([RUNNING, ENDED], [*pieces, LOG]))
    assert payloads(events) == MESSAGES
    assert events[-1] == LogRead(gap=False)


def follow_live(cluster: ScriptedCluster) -> list[bytes]:
    """Follow a container that does not end, until the last message has come."""
    seen: queue.SimpleQueue[Event] = queue.SimpleQueue()
    poller = PodPoller(cluster)
    following = Follower(poller, JOB, Decoder(NONCE), None, seen)
    following.start()
    got: list[bytes] = []
    end = time.monotonic() + 10
    while got[-1:] != MESSAGES[-1:]:
        assert time.monotonic() < end, f"only {len(got)} messages came"
        event = seen.get(timeout=10)
        got += [event.data] if isinstance(event, Payload) else []
    following.stop()
    poller.stop()
    return got


def test_a_torn_frame_is_read_again_at_once() -> None:
    """A frame cut by the end of a stream is taken from the next stream, not put together."""
    frame = LOG.index(encode(NONCE, 5, MESSAGES[5]))
    cluster = ScriptedCluster([RUNNING], [LOG[: frame + 40], LOG[frame:], b""])
    assert follow_live(cluster) == MESSAGES


def test_a_gap_is_closed_while_the_tests_run() -> None:
    """When a frame is missing, the next connection asks for the whole log."""
    hole = LOG.replace(encode(NONCE, 7, MESSAGES[7]), b"")
    cluster = ScriptedCluster([RUNNING], [LOG[:300], hole, LOG, b""])
    assert follow_live(cluster) == MESSAGES
    assert cluster.since[0] is None
    assert cluster.since[1] is not None
    assert cluster.since[2] is None


def test_refusals_are_asked_again() -> None:
    """A log that is not ready, an API server that is away: neither ends the run."""
    away, early = ClusterError("connection refused"), NotReadyError("waiting to start", 400)
    states = [away, None, away, RUNNING, away, ENDED]
    events = follow(ScriptedCluster(states, [early, away, b"", LOG]))
    assert payloads(events) == MESSAGES
    assert events[-1] == LogRead(gap=False)


def test_log_is_read_whole_once_the_container_has_ended() -> None:
    """The last read asks for everything, whatever was read before."""
    cluster = ScriptedCluster([RUNNING, RUNNING, ENDED], [LOG[:500], LOG])
    assert payloads(follow(cluster)) == MESSAGES
    assert cluster.since[-1] is None


def test_a_gap_that_stays_is_told() -> None:
    """When the log itself lost a part, what follows it is held back and the gap is told."""
    hole = LOG.replace(encode(NONCE, 7, MESSAGES[7]), b"")
    events = follow(ScriptedCluster([ENDED], [hole]))
    assert payloads(events) == MESSAGES[:7]
    assert events[-1] == LogRead(gap=True)


@pytest.mark.parametrize("later", [None, PodState("another", Phase.RUNNING)])
def test_a_pod_that_vanishes_is_told(later: PodState | None) -> None:
    """A deleted pod, and one that another took the place of, end the run."""
    events = follow(ScriptedCluster([RUNNING, later], [b""]))
    assert events[-1] == Broken("pod p is gone: it was deleted or evicted")


def test_a_long_silence_of_the_api_server_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API server that stays away is named as the reason."""
    monkeypatch.setattr(follower, "PATIENCE", 0.05)
    events = follow(ScriptedCluster([ClusterError("connection refused")], [b""]))
    assert events == [Broken("connection refused")]


def test_a_log_that_may_not_be_read_ends_the_run() -> None:
    """Without the right to read logs there is nothing to wait for."""
    refused = ClusterError("cannot get resource pods/log", 403)
    assert follow(ScriptedCluster([RUNNING], [refused])) == [Broken("cannot get resource pods/log")]


def test_a_log_that_stays_away_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """When nobody serves the log of an ended pod, the waiting has an end."""
    monkeypatch.setattr(follower, "PATIENCE", 0.05)
    events = follow(ScriptedCluster([ENDED], [ClusterError("dial tcp", 500)]))
    assert events == [Broken("the log of the ended pod p cannot be read")]


def test_a_frame_that_no_agent_wrote_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A payload that does not unpack is an error of the run, not of the program."""
    bad = encode(NONCE, 0, bytes(10_000))
    monkeypatch.setattr("pytest_k8s_job.wire.frames.MAX_PAYLOAD", 100)
    last = follow(ScriptedCluster([ENDED], [bad]))[-1]
    assert isinstance(last, Broken)
    assert "unpacks to over 100 bytes" in last.reason


HOLE = LOG.replace(encode(NONCE, 7, MESSAGES[7]), b"").replace(encode(NONCE, 8, MESSAGES[8]), b"")
LOST = encode(NONCE, 7, MESSAGES[7]) + encode(NONCE, 8, MESSAGES[8])


def test_what_the_log_has_lost_comes_from_the_journal() -> None:
    """A gap that the whole log does not close is closed by exec, while the container runs."""
    cluster = ScriptedCluster([RUNNING], [LOG[:300], HOLE])
    cluster.journal = LOST
    assert follow_live(cluster) == MESSAGES
    assert cluster.commands == [read_command(7, 8)]
    assert cluster.since[:3] == [None, 6, None]


def test_the_journal_is_asked_until_all_is_there() -> None:
    """An answer with a part of what is missing is followed by a question for the rest."""
    cluster = ScriptedCluster([RUNNING], [HOLE])
    answers = [encode(NONCE, 7, MESSAGES[7]), encode(NONCE, 8, MESSAGES[8])]
    cluster.exec = lambda *_: answers.pop(0)  # type: ignore[method-assign]
    assert follow_live(cluster) == MESSAGES
    assert not answers


@pytest.mark.parametrize(
    "journal", [ClusterError("forbidden", 403), b"", b"noise\n", encode("cd" * 16, 7, MESSAGES[7])]
)
def test_a_useless_journal_is_asked_once(journal: bytes | ClusterError) -> None:
    """Without the right, or when the journal has nothing, the gap is told as before."""
    cluster = ScriptedCluster([RUNNING, ENDED], [HOLE, HOLE, HOLE])
    cluster.journal = journal
    events = follow(cluster)
    assert payloads(events) == MESSAGES[:7]
    assert events[-1] == LogRead(gap=True)
    assert len(cluster.commands) == 1


def test_a_journal_out_of_reach_is_asked_again() -> None:
    """An API server that does not answer for a moment does not cost the repair."""
    cluster = ScriptedCluster([RUNNING], [HOLE])
    answers: list[bytes | ClusterError] = [ClusterError("connection refused"), LOST]
    cluster.exec = lambda *_: _next(answers)  # type: ignore[method-assign]
    assert follow_live(cluster) == MESSAGES


@pytest.mark.parametrize(("linger", "commands"), [("true", 1), ("false", 0)])
def test_a_lingering_agent_is_released(linger: str, commands: int) -> None:
    """As soon as all frames up to the `end` are here, the agent is told, if it waits."""
    end = b'["end",{"tail":"\\"linger\\":true","linger":%s}]\n' % linger.encode()
    cluster = ScriptedCluster([RUNNING, ENDED], [LOG + encode(NONCE, len(MESSAGES), end)])
    cluster.journal = b""
    assert payloads(follow(cluster)) == [*MESSAGES, end]
    release = release_command()
    assert cluster.commands == [release] * commands


def test_a_frame_that_someone_forged_ahead_does_not_keep_us_busy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who knows the nonce can make a gap that nobody closes; the log is read all the same."""
    monkeypatch.setattr(follower, "REPAIRS", 3)
    forged = encode(NONCE, 99, b"forged")
    cluster = ScriptedCluster([RUNNING, ENDED], [forged + LOG] * 20)
    cluster.journal = forged
    assert payloads(follow(cluster)) == MESSAGES
    assert len(cluster.commands) <= 4
