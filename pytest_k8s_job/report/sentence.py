"""Writes the first line of a report that has no run to explain it."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_k8s_job.report.document import Cause, Result, count
from pytest_k8s_job.report.failures import readable
from pytest_k8s_job.report.run_data import RunData

__all__ = ["VERDICTS", "first_line"]

VERDICTS = {
    0: "PASSED",
    1: "FAILED",
    2: "STOPPED",
    3: "INTERNAL ERROR",
    4: "USAGE ERROR",
    5: "NO_TESTS",
}
"""By pytest's exit code, for a session without a verdict of its own."""


def first_line(
    verdict: str,
    tests: Sequence[Result],
    causes: Sequence[Cause],
    internal: str,
    data: RunData | None = None,
) -> str:
    """Return one sentence on the result; what the run in the cluster knows comes first."""
    bad = sum(test.bad for test in tests)
    if internal:
        return f"pytest itself failed: {internal.strip().rpartition(chr(10))[2]}"
    if bad:
        why = (_found(data) if data is not None else "") or _why(bad, causes)
        return f"{bad:,} of {plural(len(tests), 'test')} failed{why}"
    if not tests:
        return "No test ran."
    counts = count(tuple(tests))
    if verdict == "PASSED" and list(counts) == ["passed"]:
        return f"{'All ' if len(tests) > 1 else ''}{plural(len(tests), 'test')} passed."
    outcomes = ", ".join(f"{number:,} {outcome}" for outcome, number in reversed(counts.items()))
    return f"{plural(len(tests), 'test')}: {outcomes}."


def _found(data: RunData) -> str:
    """Return what the failed tests share in the target's log, else what the diagnosis named."""
    if data.shared_line:
        return f"; {readable(data.shared_line)}"
    return f"; found in the cluster: {data.findings[0].sentence}" if data.findings else ""


def _why(bad: int, causes: Sequence[Cause]) -> str:
    if not causes:
        return ""
    text, nodeids = causes[0].text, causes[0].nodeids
    if len(nodeids) == 1:
        return f"{':' if bad == 1 else '; the first,'} {nodeids[0]}: {text}"
    return f", {'all' if len(nodeids) == bad else len(nodeids)} with: {text}"


def plural(number: int, noun: str) -> str:
    """Return "1 test", "2 tests"."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
