"""The cases: a suite, what is done to it, and the exit codes that are right afterwards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.chaos import faults
from tests.chaos.scene import Running
from tests.chaos.suites import SLOW_TESTS

__all__ = ["CASES", "Case"]

PASSED, FAILED, NOT_RUN, INCOMPLETE = 0, 1, 10, 11
EARLY = "test_slow[2] PASSED"
LATE = f"test_slow[{SLOW_TESTS - 1}] PASSED"  # then come the end of the log and the exit code

SLOW = {f"test_slow[{number}]": "passed" for number in range(SLOW_TESTS)}
AROUND = {"test_before": "passed", "test_fault": "passed", "test_after": "passed"}
FAULT_FAILS = {**AROUND, "test_fault": "failure"}


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
        alone: it hits the whole node, so nothing else of ours may run beside it.
        job: fields of the Job's spec.
        limits: resource limits of the container.
        plugin: pytest plugin of the near side.
        log_right: False takes the right to read logs from the collector.
        at_once: runs at the same time.
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
    log_right: bool = True
    at_once: int = 1


def _slow(name: str, meaning: str, code: int, **more: Any) -> Case:
    return Case(name, meaning, "test_slow.py", frozenset({code}), SLOW, **more)


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
    _slow("pod-evicted", "the Eviction API", INCOMPLETE, inject=faults.evict_pod),
    _slow(
        "node-drained",
        "the node is cordoned, and drained of the run's pod",
        INCOMPLETE,
        inject=faults.drain_node,
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
    Case(
        "chatter",
        "60 MB past the capture, through log rotation, with a collector attached",
        "test_chatter.py",
        frozenset({PASSED, INCOMPLETE}),
        SLOW,
        alone=True,
    ),
    _slow(
        "deadline",
        "activeDeadlineSeconds passes in the middle of the tests",
        INCOMPLETE,
        job={"activeDeadlineSeconds": 5},
    ),
    _around(
        "hang", "a test never ends until the deadline", INCOMPLETE, job={"activeDeadlineSeconds": 8}
    ),
    Case(
        "no-log-right",
        "the collector may not read logs",
        "test_slow.py",
        frozenset({NOT_RUN, INCOMPLETE}),
        SLOW,
        log_right=False,
    ),
    _slow("two-at-once", "two collectors with a Job each", PASSED, at_once=2),
)
