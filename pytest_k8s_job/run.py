"""One run in the cluster: creates the Job, follows it to its end, and knows how it ended."""

from __future__ import annotations

import queue
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import BinaryIO

from pytest_k8s_job.errors import ClusterError, FrameError, RecordError
from pytest_k8s_job.follower import Broken, Follower, LogRead, Payload, PodSeen
from pytest_k8s_job.frames import Decoder
from pytest_k8s_job.job_manifest import Object
from pytest_k8s_job.joining import learn_nonce
from pytest_k8s_job.ledger import Ledger
from pytest_k8s_job.options import Options
from pytest_k8s_job.pods import Cluster, JobRef, Phase, PodState
from pytest_k8s_job.records import Record, decode
from pytest_k8s_job.starting import StartWatch
from pytest_k8s_job.status import StatusLine, step_of
from pytest_k8s_job.verdict import Outcome

__all__ = ["ClusterRun"]

TICK = 0.2  # seconds between two looks at the clock while nothing arrives


class ClusterRun:
    """Drives one Job; what its log holds goes to `replay`, which fills in `ledger`."""

    def __init__(
        self,
        cluster: Cluster,
        options: Options,
        ledger: Ledger,
        replay: Callable[[Record], None],
        status: StatusLine,
    ) -> None:
        self._cluster = cluster
        self._options = options
        self._ledger = ledger
        self._replay = replay
        self._status = status
        self._pod: PodState | None = None
        self._trouble: str | None = None
        self._gap = False
        self._broken: str | None = None
        self._files = ExitStack()
        self._records: deque[Record] = deque()
        self.job: JobRef | None = None
        self.over = False

    @property
    def ended(self) -> bool:
        """True if the container is known to have terminated."""
        return self._pod is not None and self._pod.phase is Phase.TERMINATED

    @property
    def outcome(self) -> Outcome:
        """How the run ended, as far as it is known."""
        pod = self._pod if self.ended and self._pod else PodState("", Phase.CREATED)
        return Outcome(
            exit_code=pod.exit_code,
            reason=pod.reason,
            message=pod.message,
            termination_message=pod.termination_message,
            gap=self._gap,
            broken=self._broken,
            running=self._pod is not None and self._pod.phase is Phase.RUNNING,
            last_lines=tuple(self._decoder.tail) if self.job else (),
        )

    def start(self, job: Object, decoder: Decoder) -> None:
        """Create the Job object `job` and begin to follow it."""
        self._began = time.monotonic()
        self._decoder = decoder
        self._watch = StartWatch(self._began, self._options.start_timeout)
        self._show("creating")
        try:
            self.job = self._cluster.create(job)
        except ClusterError as error:
            self._stop(str(error))
            return
        self._show("created")
        self._follow()

    def join(self, job: JobRef, nonce: str | None, *, over: bool) -> None:
        """Follow the existing `job`; without its nonce, learn that first. `over`: it has ended."""
        self._began = time.monotonic()
        self._watch = StartWatch(self._began, self._options.start_timeout)
        try:
            pod = self._cluster.pod(job)
            if pod is None and over:
                self._stop(f"the pod of Job {job} is gone, and its log with it")
                return
            if not nonce:
                nonce = learn_nonce(self._cluster, job, self._options.start_timeout)
        except ClusterError as error:
            self._stop(str(error))
            return
        self.job, self._decoder = job, Decoder(nonce)
        self._follow()

    def _follow(self) -> None:
        assert self.job is not None  # noqa: S101 (both callers have set it)
        self._follower = Follower(self._cluster, self.job, self._decoder, self._open_log())
        self._follower.start()

    def pump(self, until: Callable[[], bool]) -> None:
        """Take events until the run is over or `until` holds."""
        while not until():
            if self._records:
                self._replay(self._records.popleft())
            elif self.over:
                break
            else:
                self._wait()
        if self.over:
            self.close()

    def _wait(self) -> None:
        """Take the next event, unless the last has come."""
        if self._ledger.end is not None:
            self._follower.expect_end()
            self.over = self.ended
        if not self.over:
            self._take_one()
        if not self._ledger.hello and not self._records:
            self._check_start()

    def delete(self) -> None:
        """Delete the Job with its pods."""
        if self.job is not None:
            self._cluster.delete(self.job)

    def close(self) -> None:
        """Stop following; what has not been read stays unread."""
        if self.job is not None:
            self._follower.stop()
        self._files.close()

    def _take_one(self) -> None:
        try:
            event = self._follower.events.get(timeout=TICK)
        except queue.Empty:
            self._show_pod()
            return
        match event:
            case PodSeen(pod, trouble):
                self._pod, self._trouble = pod, trouble
                self._show_pod()
            case Payload(data):
                self._take_payload(data)
            case LogRead(gap):
                self._gap = gap
                self._replay_leftovers()
                self.over = True
            case Broken(reason):
                self._stop(reason)

    def _replay_leftovers(self) -> None:
        """Show also what came after a gap: the verdict will say that it is not all."""
        if self._ledger.plan is None:
            return  # without the plan, nothing says which tests the records mean
        try:
            for payload in self._decoder.leftovers():
                self._take_payload(payload)
        except FrameError as error:
            self._stop(str(error))

    def _take_payload(self, payload: bytes) -> None:
        self._ledger.count(payload)
        try:
            self._records.extend(decode(payload))
        except RecordError as error:
            self._stop(str(error))

    def _check_start(self) -> None:
        cause = self._watch.given_up(time.monotonic(), self._pod, self._trouble)
        if cause is not None and not self.ended:
            self._stop(cause)

    def _stop(self, reason: str) -> None:
        self._broken = reason
        self.over = True

    def _show_pod(self) -> None:
        collecting = self._ledger.session is not None
        self._show("collecting" if collecting else step_of(self._pod))

    def _show(self, step: str) -> None:
        self._status.show(step, time.monotonic() - self._began)

    def _open_log(self) -> BinaryIO | None:
        path = self._options.log
        if path is None:
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        return self._files.enter_context(path.open("wb", buffering=0))
