"""A run's records through a transport that does everything wrong: PASSED must still mean passed.

A state machine writes a small run with the pod's own writer, then loses, repeats, reorders,
tears, cuts, damages and forges lines of its log, reads it again or loses it for good, asks a
journal that is whole, holed or of another run, and after every step asks for the verdict, as if
the run were over now.
"""

from __future__ import annotations

import json
import os
import queue
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pytest_k8s_job.cluster.pods import JobRef
from pytest_k8s_job.pod.log_writer import FrameWriter
from pytest_k8s_job.replay.replay import Replay
from pytest_k8s_job.run.events import Event, Payload
from pytest_k8s_job.run.follower import Follower
from pytest_k8s_job.run.pod_poller import PodPoller
from pytest_k8s_job.verdict import verdict
from pytest_k8s_job.verdict.ledger import Ledger
from pytest_k8s_job.verdict.verdict import Outcome, Verdict, judge
from pytest_k8s_job.wire import journal
from pytest_k8s_job.wire.frames import Decoder, encode
from pytest_k8s_job.wire.records import Kind, decode, plan_digest
from pytest_k8s_job.wire.records import encode as record

NONCE = "0123456789abcdef" * 2
PHASES = ("setup", "call", "teardown")
KINDS: dict[str, dict[str, str | None]] = {
    "passed": {},
    "skipped": {"setup": "skipped", "call": None},
    "failed": {"call": "failed"},
    "error": {"teardown": "failed"},
    "xfailed": {"call": "skipped"},
}
"""How a test ends: the outcomes of its phases that did not pass, None for one that did not run."""

Reported = list[tuple[str, str, str]]  # node id, phase, outcome


def outcomes(kind: str) -> dict[str, str]:
    """Return the outcome of each phase that a test of this kind has."""
    every = {when: KINDS[kind].get(when, "passed") for when in PHASES}
    return {when: outcome for when, outcome in every.items() if outcome}


class Pod:
    """One run as the pod tells it: its log, and what Kubernetes will say of the container."""

    def __init__(self, kinds: list[str], seed: int) -> None:
        self._random = Random(seed)  # noqa: S311
        self._written = bytearray()
        self._writer = FrameWriter(self._written.extend, NONCE)
        self.log: list[bytes] = []
        self.reported: Reported = []
        self.code = int("failed" in kinds or "error" in kinds)
        skipped = all(kind == "skipped" for kind in kinds)
        passed = Verdict.NO_TESTS if skipped else Verdict.PASSED
        self.verdict = Verdict.FAILED if self.code else passed
        self.frames: list[bytes] = []
        self._tell(kinds)

    def _tell(self, kinds: list[str]) -> None:
        nodeids = [f"test_it.py::test_{number}" for number in range(len(kinds))]
        self._say(Kind.HELLO, {"run": "r", "tool": "0"})
        self._say(Kind.SESSION, {"python": "3", "pytest": pytest.__version__, "traces": "t"})
        self._say(Kind.NODES, [[-1, "Module", "test_it.py", "test_it.py"]])
        self._say(Kind.ITEMS, [[0, each.partition("::")[2], 1] for each in nodeids])
        count = len(nodeids)
        self._say(Kind.PLAN, {"count": count, "deselected": 0, "sha256": plan_digest(nodeids)})
        for number, (nodeid, kind) in enumerate(zip(nodeids, kinds, strict=True)):
            self._tell_test(number, nodeid, kind)
        done = {"shouldfail": False, "shouldstop": False, "counts": {}}
        self._say(Kind.DONE, {"exit": self.code, **done})
        self._tell_end()

    def _tell_test(self, number: int, nodeid: str, kind: str) -> None:
        self._say(Kind.START, number)
        for when, outcome in outcomes(kind).items():
            self.reported.append((nodeid, when, outcome))
            if outcome == "passed":
                self._say(Kind.PLAIN, number, [[when, 1.0, 0.5]], 0)
                continue
            noise = self._random.randbytes(self._random.choice([0, 6000])).hex()
            extra: dict[str, Any] = {"wasxfail": "why"} if kind == "xfailed" else {}
            report = pytest.TestReport(
                nodeid, ("test_it.py", 1, "test"), {}, outcome, "why", when,  # type: ignore[arg-type]
                [("Captured stdout", noise)], **extra,
            )  # fmt: skip
            self._say(Kind.REPORT, {**report._to_json(), "$report_type": "TestReport"})
        self._say(Kind.FINISH, number)

    def _tell_end(self) -> None:
        """End as the agent ends: what the end record says is what was written before it."""
        self._writer.flush_batch()
        counted = {"records": self._writer.records, "sha256": self._writer.sha256}
        end = {"exit": self.code, "signal": None, **counted}
        self._writer.add(record(Kind.END, {**end, "tail": ""}))
        self._flush()
        self.outcome = Outcome(exit_code=self.code, termination_message=json.dumps(end))

    def _say(self, kind: Kind, *fields: Any) -> None:
        self._writer.add(record(kind, *fields))
        if self._random.random() < 0.7:
            self._flush()

    def _flush(self) -> None:
        self._writer.flush()
        lines = bytes(self._written).splitlines(keepends=True)
        self.log += lines
        self.frames += lines
        self._written.clear()
        if self._random.random() < 0.3:
            self.log.append(b"text that pytest wrote\n")


class Near:
    """The collector: the real decoder, replay, ledger and verdict."""

    def __init__(self, config: pytest.Config) -> None:
        self.decoder = Decoder(NONCE)
        self.ledger = Ledger()
        self.reported: Reported = []
        self._plugins = config.pluginmanager
        self._plugins.unregister(name="session")
        self._replay = Replay(pytest.Session.from_config(config), self.ledger)
        self._plugins.register(self)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what every reporter would see."""
        self.reported.append((report.nodeid, report.when or "", report.outcome))

    def feed(self, data: bytes) -> None:
        """Take bytes of the log."""
        for payload in self.decoder.feed(data):
            self.take(payload)

    def take(self, payload: bytes) -> None:
        """Take one payload as the run does."""
        self.ledger.count(payload)
        for each in decode(payload):
            self._replay.feed(each)

    def close(self) -> None:
        """Hear no further report."""
        self._plugins.unregister(self)


class Container:
    """The part of a cluster that reads the journal, by the code that runs in the container."""

    def __init__(self, folder: Path, frames: list[bytes]) -> None:
        self._folder = folder
        (folder / journal.FRAMES).write_bytes(b"".join(frames))

    def exec(self, _job: JobRef, _pod: str, command: Sequence[str]) -> bytes:
        """Answer as `pytest_k8s_job.wire.journal` does."""
        first, last = map(int, command[-2:])
        return b"".join(journal.frames(self._folder, first, last))


FOLDER: list[Path] = []
"""Where the journal lies."""

CONFIG: list[pytest.Config] = []
"""What the machine's sessions are made of: hypothesis makes the machines, without arguments."""

small = st.integers(0, 6)


class Transport(RuleBasedStateMachine):
    """One run whose log comes over a bad line; `at` is the next line of the log."""

    @initialize(kinds=st.lists(st.sampled_from(list(KINDS)), min_size=1, max_size=4), seed=small)
    def begin(self, kinds: list[str], seed: int) -> None:
        """Let the pod run to its end; nothing of it was read yet."""
        self.pod = Pod(kinds, seed)
        self.near = Near(CONFIG[0])
        self.outcome = Outcome()
        self.at = 0
        self.is_cut = self.is_read = False

    def teardown(self) -> None:
        """Leave the shared configuration as it was."""
        if hasattr(self, "near"):
            self.near.close()

    def take(self, count: int) -> list[bytes]:
        """Return the next lines, and pass them."""
        lines = self.pod.log[self.at : self.at + count]
        self.at += len(lines)
        return lines

    @rule(count=st.integers(1, 30), size=st.integers(1, 9000))
    def deliver(self, count: int, size: int) -> None:
        """Bring lines as they are, cut into chunks anywhere."""
        data = b"".join(self.take(count))
        for start in range(0, len(data), size):
            self.near.feed(data[start : start + size])

    @rule(count=st.integers(1, 2))
    def lose(self, count: int) -> None:
        """Drop lines."""
        self.take(count)

    @rule(count=small)
    def repeat(self, count: int) -> None:
        """Bring the last lines once more."""
        self.near.feed(b"".join(self.pod.log[max(0, self.at - count) : self.at]))

    @rule(order=st.permutations(range(5)))
    def reorder(self, order: list[int]) -> None:
        """Bring the next lines in another order."""
        lines = self.take(len(order))
        self.near.feed(b"".join(lines[each] for each in order if each < len(lines)))

    @rule(cut=st.integers(1, 4095))
    def tear(self, cut: int) -> None:
        """Break the next line in two, as a runtime does."""
        for line in self.take(1):
            self.near.feed(line[:cut] + b"\n" + line[cut:])

    @rule(cut=st.integers(1, 4095), back=small)
    def cut_off(self, cut: int, back: int) -> None:
        """End the stream within a line; the next one begins some lines earlier."""
        for line in self.take(1):
            self.near.feed(line[: min(cut, len(line) - 1)])
        self.near.decoder.new_stream()
        self.at = max(0, self.at - back)

    @rule(cut=st.integers(1, 4095))
    def merge(self, cut: int) -> None:
        """Let the next line follow, without a newline, on a piece of the one before it."""
        for line in self.take(1):
            self.near.feed(line[:-1][:cut])

    @rule(at=st.integers(0, 5000), bit=st.integers(0, 7))
    def damage(self, at: int, bit: int) -> None:
        """Flip one bit of the next line."""
        for line in self.take(1):
            body = bytearray(line[:-1] or b"-")
            body[at % len(body)] ^= 1 << bit
            self.near.feed(bytes(body) + b"\n")

    @rule(sequence=st.integers(0, 40), is_ours=st.booleans(), test=small)
    def forge(self, sequence: int, is_ours: bool, test: int) -> None:
        """Bring a frame that a test printed: of another run, or ours after some other text."""
        line = encode(NONCE if is_ours else "f" * 32, sequence, record(Kind.FINISH, test))
        self.near.feed((b"." if is_ours else b"") + line)

    @rule()
    def restart(self) -> None:
        """Begin to read from the first line again."""
        self.near.decoder.new_stream()
        self.at = 0

    @rule(count=st.integers(1, 3))
    def rotate(self, count: int) -> None:
        """Lose the oldest lines of the log for good."""
        del self.pod.log[:count]
        self.at = max(0, self.at - count)
        self.is_cut = True

    @rule()
    def see_the_end(self) -> None:
        """Learn how the container ended."""
        self.outcome = self.pod.outcome

    @rule()
    def read_all(self) -> None:
        """Read the whole log of the ended container without disturbance: the last repair."""
        self.outcome = self.pod.outcome
        self.restart()
        self.deliver(len(self.pod.log), 1 << 16)
        self.is_read |= not self.is_cut

    def ask(self, frames: list[bytes]) -> None:
        """Fill the gap, if there is one, from a journal with these lines, as the follower does."""
        container: Any = Container(FOLDER[0], frames)
        seen: queue.SimpleQueue[Event] = queue.SimpleQueue()
        job = JobRef("ns", "job", "suite")
        poller = PodPoller(container)
        Follower(poller, job, self.near.decoder, None, seen).read_journal("pod")
        self.near.decoder.new_stream()
        while not seen.empty():
            event = seen.get()
            assert isinstance(event, Payload)
            self.near.take(event.data)

    @rule(holes=st.sets(st.integers(0, 60), max_size=8), size=st.integers(100, 1 << 20))
    def read_holed_journal(self, holes: set[int], size: int) -> None:
        """Ask a journal that has lost lines, and that answers in pieces."""
        lines = [line for at, line in enumerate(self.pod.frames) if at not in holes]
        before, journal.ANSWER_BYTES = journal.ANSWER_BYTES, size
        try:
            self.ask(lines)
        finally:
            journal.ANSWER_BYTES = before

    @rule()
    def read_foreign_journal(self) -> None:
        """Ask the journal of another run that has frames with the same numbers."""
        finish = record(Kind.FINISH, 0)
        self.ask([encode("f" * 32, number, finish) for number in range(60)])

    @precondition(lambda self: self.pod.log and self.pod.frames[-1] in self.pod.log)
    @rule()
    def read_all_and_journal(self) -> None:
        """Read what rotation has left of the log, then the whole journal: nothing is missing."""
        self.outcome = self.pod.outcome
        self.restart()
        self.deliver(len(self.pod.log), 1 << 16)
        self.ask(self.pod.frames)
        self.is_read = True

    @precondition(lambda self: self.near.decoder.has_gap and self.near.ledger.plan is not None)
    @rule()
    def show_leftovers(self) -> None:
        """Give up on a gap and show what came after it, as the run does; then nothing follows."""
        self.outcome = Outcome(
            exit_code=self.pod.outcome.exit_code,
            termination_message=self.pod.outcome.termination_message,
            gap=True,
        )
        self.check()
        for payload in list(self.near.decoder.leftovers()):
            self.near.take(payload)
        self.check()
        self.near.close()
        del self.pod.log[:]
        self.near = Near(CONFIG[0])
        self.outcome = Outcome()
        self.is_cut = True
        self.is_read = False

    @invariant()
    def check(self) -> None:
        """A run that is said to be complete has shown every test once, with its own outcome."""
        found = judge(self.near.ledger, self.outcome)
        if found.verdict not in (Verdict.NOT_RUN, Verdict.INCOMPLETE):
            assert self.near.reported == self.pod.reported
            assert self.near.ledger.finished == self.near.ledger.planned
            assert found.verdict == self.pod.verdict
        assert (found.exit_code == 0) == (found.verdict is Verdict.PASSED)
        if self.is_read:
            assert found.verdict == self.pod.verdict, found.reason


SETTINGS = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=250,
    report_multiple_bugs=False,
    stateful_step_count=25,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(autouse=True)
def _config(tmp_path: Path) -> Iterator[None]:
    words = ["-s", "-c", os.devnull, f"--rootdir={tmp_path}", "--disable-plugin-autoload"]
    FOLDER[:] = [tmp_path]
    CONFIG[:] = [pytest.Config.fromdictargs({}, [*words, "-p", "no:terminal", str(tmp_path)])]
    yield
    CONFIG.clear()


def test_no_transport_makes_a_run_complete_that_is_not() -> None:
    """Whatever the transport does, a verdict is the pod's own, or says that results are missing."""
    run_state_machine_as_test(Transport, settings=SETTINGS)


def test_the_machine_notices_a_verdict_without_its_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict that compares no counts and digests lets a lost report pass; this is found."""
    monkeypatch.setattr(verdict, "_contradictions", lambda *_: iter(()))
    with pytest.raises(AssertionError):
        run_state_machine_as_test(
            Transport, settings=settings(SETTINGS, max_examples=1000, phases=[Phase.generate])
        )
