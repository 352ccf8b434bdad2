"""The cases: each a suite, a fault, and the exit codes that are right afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tests.chaos import faults
from tests.chaos.scene import Running
from tests.chaos.suites import FLOOD_TESTS, SLOW_TESTS

__all__ = ["CASES", "SUBSET", "Case", "Collectors"]

PASSED, FAILED, INCOMPLETE = 0, 1, 11
EARLY = "test_slow[2] PASSED"
LATE = f"test_slow[{SLOW_TESTS - 1}] PASSED"  # then come the end of the log and the exit code

SLOW = {f"test_slow[{number}]": "passed" for number in range(SLOW_TESTS)}
AROUND = {"test_before": "passed", "test_fault": "passed", "test_after": "passed"}
FAULT_FAILS = {**AROUND, "test_fault": "failure"}
FLOOD = {f"test_flood[{number}]": "failure" for number in range(FLOOD_TESTS)}


class Collectors(StrEnum):
    """Who starts the run and who reads it; only those that live to the end are counted."""

    ONE = "one starts the run and reads it"
    TWO = "two, with a run each"
    JOINED = "a second joins the run of the first"
    REPLACED = "the first is killed, a second joins its run"
    LATE = "kubectl starts the run, a collector comes when it has ended"


@dataclass(frozen=True, eq=False)
class Case:
    """One fault.

    Attributes:
        meaning: one line for people.
        suite: the test file that runs.
        codes: the exit codes that are right.
        tests: each planned test with the outcome that it has by itself.
        inject: what is done to the run; None: the suite is the fault.
        seen: the line of the output after which that happens.
        alone: it hits the whole node, so nothing else of ours may run at the same time.
        job: fields of the Job's spec.
        limits: resource limits of the container.
        plugin: pytest plugin of the collector.
        forbidden: the right that the collector does not have.
        clock: what the pod's clock shows, in libfaketime's words.
        words: further options.
        says: what the output must contain.
        collectors: who starts the run and who reads it.
    """

    name: str
    meaning: str
    suite: str
    codes: frozenset[int]
    tests: Mapping[str, str]
    inject: Callable[[Running], None] | None = None
    seen: str = EARLY
    alone: bool = False
    job: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, str] = field(default_factory=dict)
    plugin: str = ""
    forbidden: str = ""
    clock: str = ""
    words: tuple[str, ...] = ()
    says: str = ""
    collectors: Collectors = Collectors.ONE

    @property
    def is_joined(self) -> bool:
        """True if the first collector must leave the Job to another one."""
        return self.collectors in (Collectors.JOINED, Collectors.REPLACED)


def _slow(name: str, meaning: str, code: int, **more: Any) -> Case:
    return Case(name, meaning, "test_slow.py", frozenset({code}), SLOW, **more)


def _chatter(name: str, meaning: str, **more: Any) -> Case:
    return Case(name, meaning, "test_chatter.py", frozenset({PASSED}), SLOW, **more)


def _clock(name: str, meaning: str, clock: str) -> Case:
    return Case(name, meaning, "test_clock.py", frozenset({PASSED}), SLOW, clock=clock)


def _flood(name: str, meaning: str, code: int, **more: Any) -> Case:
    suite, plugin = "test_flood.py", "blind"
    return Case(name, meaning, suite, frozenset({code}), FLOOD, plugin=plugin, **more)


def _around(
    name: str, meaning: str, code: int, tests: Mapping[str, str] = AROUND, **more: Any
) -> Case:
    suite = f"test_{name.replace('-', '_')}.py"
    return Case(name, meaning, suite, frozenset({code}), tests, **more)


def _killing(component: str) -> Callable[[Running], None]:
    return lambda _run: faults.kill(component)


CASES = (
    _slow("log-cut", "the log connection breaks every second", PASSED, plugin="cutting"),
    *(
        _slow(
            f"{component}-killed{when}",
            f"SIGKILL to {component}{after}, which is started again",
            PASSED,
            inject=_killing(component),
            seen=seen,
            alone=True,
        )
        for component in ("kubelet", "kube-apiserver", "containerd")
        for when, after, seen in (("", "", EARLY), ("-late", " after the last test", LATE))
    ),
    _slow("pod-deleted", "kubectl delete pod", INCOMPLETE, inject=faults.delete_pod),
    _slow(
        "pod-force-deleted",
        "kubectl delete pod --force --grace-period=0",
        INCOMPLETE,
        inject=faults.force_delete_pod,
    ),
    _slow(
        "pod-evicted",
        "the Eviction API; another pod runs what is left",
        PASSED,
        inject=faults.evict_pod,
        says="was taken away",
    ),
    _slow(
        "node-drained",
        "the node is cordoned, drained of the run's pod, and back; another pod runs what is left",
        PASSED,
        inject=faults.drain_node,
        says="was taken away",
        alone=True,
    ),
    _around("oom", "a test takes 4 GB of 128 MiB", INCOMPLETE, limits={"memory": "128Mi"}),
    _around("segfault", "a test reads address 0", INCOMPLETE),
    _around("exit", "a test calls os._exit(0)", INCOMPLETE),
    _around("close", "a test closes descriptors 1 and 2", PASSED),
    _around("redirect", "a test turns descriptors 1 and 2 to /dev/null", PASSED),
    _around("forge", "a failing test prints look-alike frames", FAILED, FAULT_FAILS),
    _around("print", "a failing test prints 5 MB", FAILED, FAULT_FAILS),
    _around("long-line", "a test writes 1 MiB without newline past the capture", PASSED),
    _chatter("chatter", "60 MB past the capture, with a collector attached"),
    _chatter(
        "chatter-alone",
        "60 MB past the capture, read only after the end",
        collectors=Collectors.LATE,
    ),
    _flood(
        "rotated-away",
        "13 MB of frames, and the collector sees nothing until the kubelet has rotated the log",
        FAILED,
    ),
    _flood(
        "rotated-away-no-exec",
        "the same, and the collector may not exec: what is lost stays lost",
        INCOMPLETE,
        forbidden="pods/exec",
    ),
    Case(
        "deadline",
        "activeDeadlineSeconds comes in the middle of the tests",
        "test_long.py",
        frozenset({INCOMPLETE}),
        SLOW,
        job={"activeDeadlineSeconds": 18},
        says="eadline",  # a slow machine may be at it before the agent's margin
    ),
    _around(
        "hang",
        "a test never ends until the deadline",
        INCOMPLETE,
        job={"activeDeadlineSeconds": 18},
        says="after 1 of 3 tests, in test_hang.py::test_fault for",
    ),
    _around(
        "stubborn",
        "a test never ends and takes no notice of SIGTERM; --k8s-test-timeout=3",
        INCOMPLETE,
        words=("--k8s-test-timeout=3",),
        says="--k8s-test-timeout=3, after 1 of 3 tests, in test_stubborn.py::test_fault for",
    ),
    _clock("clock-behind", "the pod's clock is an hour behind", "-1h"),
    _clock("clock-ahead", "the pod's clock is two days ahead", "+2d"),
    _slow(
        "connections-break",
        "two of three requests fail, logs break after half a second",
        PASSED,
        plugin="breaking",
    ),
    _slow("no-log-right", "the collector may not read logs", INCOMPLETE, forbidden="pods/log"),
    _slow("two-at-once", "two collectors with a Job each", PASSED, collectors=Collectors.TWO),
    _slow(
        "two-on-one",
        "a second collector joins the run of the first",
        PASSED,
        collectors=Collectors.JOINED,
    ),
    _slow(
        "collector-killed",
        "SIGKILL to the collector; k8s-job attach joins its run",
        PASSED,
        collectors=Collectors.REPLACED,
    ),
)

SUBSET = (
    "log-cut",
    "kubelet-killed",
    "kube-apiserver-killed",
    "containerd-killed",
    "pod-evicted",
    "oom",
    "exit",
    "forge",
    "close",
    "chatter-alone",
    "rotated-away",
    "hang",
    "collector-killed",
)
"""The most telling cases, for every test of the whole repository."""
