"""One pod of a run as the collector sees it: records, state, end."""

from __future__ import annotations

import queue
from collections import deque
from dataclasses import dataclass, field, replace
from functools import partial
from typing import BinaryIO

import pytest

from pytest_k8s_job.cluster.pods import JobRef, Phase, PodState
from pytest_k8s_job.errors import FrameError, RecordError
from pytest_k8s_job.replay.local_plugins import ARTIFACTS_PLUGIN
from pytest_k8s_job.replay.origin import Origin, ShardNode
from pytest_k8s_job.replay.replay import Replay
from pytest_k8s_job.run.events import Broken, Event, LogRead, Payload, PodSeen
from pytest_k8s_job.run.follower import Follower
from pytest_k8s_job.run.pod_poller import PodPoller
from pytest_k8s_job.verdict.ledger import Ledger
from pytest_k8s_job.verdict.merging import PodResult
from pytest_k8s_job.verdict.verdict import Outcome
from pytest_k8s_job.wire.frames import Decoder
from pytest_k8s_job.wire.records import Kind, Record, decode

__all__ = ["Events", "Place", "Shard"]

Events = queue.SimpleQueue[tuple["Shard", Event]]


@dataclass(frozen=True)
class Place:
    """Which pod of the run this is; `partial` if it runs another one's rest."""

    job: JobRef
    nonce: str
    number: int = 0
    name: str = "the pod"
    origin: Origin = field(default_factory=Origin)
    partial: bool = False

    @classmethod
    def of_shard(cls, job: JobRef, nonce: str, number: int, shards: int) -> Place:
        """Return the place of pod `number` of a Job of so many `shards`."""
        if shards == 1:
            return cls(job, nonce)
        name = f"shard {number}"
        return cls(replace(job, shard=number), nonce, number, name, Origin(ShardNode(number)))

    def as_replacement(self, why: str, *, partial: bool) -> Place:
        """Return the place of the pod that replaces this one, for the reason `why`."""
        return replace(
            self,
            job=replace(self.job, shard=None),
            name=f"the pod that replaces {self.name}",
            origin=replace(self.origin, repeats=why),
            partial=partial,
        )


class Shard:
    """Takes the events of one follower; its records wait in `records` until they are replayed."""

    def __init__(self, place: Place, session: pytest.Session) -> None:
        self.place = place
        self.ledger = Ledger()
        self.replay = Replay(session, self.ledger, place.origin)
        self.records: deque[Record] = deque()
        self.pod: PodState | None = None
        self.over = False
        self.replaced = False
        self._decoder = Decoder(place.nonce)
        self._artifacts = session.config.pluginmanager.getplugin(ARTIFACTS_PLUGIN)
        self._gap = False
        self._broken: str | None = None
        self._given_up = False
        self._follower: Follower | None = None

    def follow(self, poller: PodPoller, events: Events, log: BinaryIO | None) -> None:
        """Begin to follow the pod; what is seen goes into `events`."""
        sink = _Sink(self, events)
        self._follower = Follower(poller, self.place.job, self._decoder, log, sink)
        if self._artifacts is not None:
            self._follower.bring = partial(self._artifacts.bring, self.place.origin.shard)
        self._follower.start()

    def stop(self, reason: str | None = None) -> None:
        """Stop following; with a `reason`, the pod counts as lost for it."""
        self._broken = self._broken or reason
        self.over = True
        if self._follower is not None:
            self._follower.stop()

    def give_up(self, reason: str) -> None:
        """Stop following a pod whose tests have not begun in time."""
        self._given_up = True
        self.stop(reason)

    @property
    def ended(self) -> bool:
        """True if the container is known to have terminated."""
        return self.pod is not None and self.pod.phase is Phase.TERMINATED

    @property
    def pod_over(self) -> bool:
        """True once the pod has ended or is gone, whatever was taken of it."""
        return self._follower is not None and not self._follower.watching

    @property
    def frames(self) -> int:
        """Frames that came whole and in order."""
        return self._decoder.next_sequence

    @property
    def planned(self) -> bool:
        """True if its plan has been replayed."""
        return self.ledger.plan is not None

    @property
    def started(self) -> bool:
        """True if its log has begun."""
        return self.ledger.hello or bool(self.records)

    @property
    def taken_away(self) -> bool:
        """True if the infrastructure took the pod away before its tests were done."""
        disrupted = self.pod is not None and bool(self.pod.disrupted)
        done = self.over and not self.records
        return disrupted and done and (not self.planned or bool(self.ledger.unreported))

    def take(self, event: Event) -> None:
        """Take the next event of the follower."""
        match event:
            case PodSeen(pod):
                self.pod = pod
            case Payload(data):
                self._take_payload(data)
            case LogRead(gap):
                self._gap = gap
                self._take_leftovers()
                self.stop()
            case Broken(reason):
                self.stop(reason)

    def look_for_end(self) -> None:
        """Look often once the log has ended; stop when the container has too."""
        if self.ledger.end is not None and not self.over and self._follower is not None:
            self._follower.expect_end()
            if self.ended:
                self.stop()

    def result(self) -> PodResult:
        """Return what the verdict is drawn from."""
        pod = self.pod if self.ended and self.pod else PodState("", Phase.CREATED)
        running = self.pod is not None and self.pod.phase is Phase.RUNNING
        outcome = Outcome(
            exit_code=pod.exit_code,
            reason=pod.reason,
            message=pod.message,
            termination_message=pod.termination_message,
            gap=self._gap,
            broken=self._broken,
            running=running and not self._given_up,
            last_lines=tuple(self._decoder.tail),
        )
        place = self.place
        return PodResult(place.name, self.ledger, outcome, self.replaced, place.partial)

    def _take_payload(self, payload: bytes) -> None:
        self.ledger.count(payload)
        try:
            self.records.extend(decode(payload))
        except RecordError as error:
            self.stop(str(error))

    def _take_leftovers(self) -> None:
        """Show what came after a gap; the verdict says that it is incomplete."""
        if not self.planned and not any(record[0] == Kind.PLAN for record in self.records):
            return  # without the plan, nothing says which tests the records mean
        try:
            for payload in self._decoder.leftovers():
                self._take_payload(payload)
        except FrameError as error:
            self.stop(str(error))


@dataclass(frozen=True)
class _Sink:
    """The follower's end of the queue that all shards share."""

    shard: Shard
    events: Events

    def put(self, event: Event) -> None:
        self.events.put((self.shard, event))
