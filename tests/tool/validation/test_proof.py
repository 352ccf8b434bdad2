"""Which verdict is believed: the one of this run's own frames, with a test that ran."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_k8s_job.cluster.job_manifest import Run, make_job
from pytest_k8s_job.validation.follow import Followed
from pytest_k8s_job.validation.proof import judgement_of, run_in_log
from pytest_k8s_job.verdict.verdict import Verdict
from pytest_k8s_job.wire.frames import encode
from pytest_k8s_job.wire.records import Kind
from pytest_k8s_job.wire.records import encode as record

RUN, OTHER = "0a1b2c3d4e", "ffffffffff"
NONCE = "ab" * 16
MANIFEST = {
    "metadata": {"name": "shop"},
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {"name": "suite", "command": ["python", "-m", "pytest_k8s_job.pod.agent"]}
                ]
            }
        }
    },
}
Object = dict[str, Any]


def job(run: str = RUN, nonce: str = NONCE) -> Object:
    """Return the Job of a run."""
    return make_job(MANIFEST, Run([], run_id=run, nonce=nonce))


def log(run: str = RUN, nonce: str = NONCE) -> bytes:
    """Return the first lines of a log."""
    return b"a line\n" + encode(nonce, 0, record(Kind.HELLO, {"run": run, "tool": "0"}))


def judged(
    verdict: str = "PASSED", code: int = 0, text: bytes = b"", made: Object | None = None, **n: int
) -> tuple[str, int]:
    """Return verdict and exit code of a session with these counts."""
    report = {"verdict": verdict, "exit_code": code, "first_line": "why", "counts": n}
    found = judgement_of(Followed(report, text or log()), made or job(), RUN)
    assert found.exit_code != 0 or found.verdict is Verdict.PASSED
    return found.verdict.value, found.exit_code


def test_a_run_that_passed() -> None:
    """Its log begins with its own frame, and a test ran."""
    assert judged(passed=1) == ("PASSED", 0)
    assert judged(xfailed=1, skipped=3) == ("PASSED", 0)


def test_what_failed_stays_so() -> None:
    """Verdict and exit code are the session's."""
    assert judged("FAILED", 1, failed=1) == ("FAILED", 1)
    assert judged("VOID", 12, passed=1) == ("VOID", 12)
    assert judged("NOT_RUN", 10) == ("NOT_RUN", 10)


@pytest.mark.parametrize("counts", [{}, {"skipped": 2}, {"passed": 0}])
def test_without_a_test_that_ran(counts: dict[str, int]) -> None:
    """`--collect-only` in the template succeeds as a session; it proves nothing."""
    report = {"verdict": "PASSED", "exit_code": 0, "first_line": "", "counts": counts}
    found = judgement_of(Followed(report, log()), job(), RUN)
    assert (found.verdict, found.exit_code) == (Verdict.NO_TESTS, 5)


@pytest.mark.parametrize(
    "text",
    [
        log(run=OTHER),
        log(run=""),
        log(nonce="cd" * 16),
        b"",
        b"\n",
        log()[:-20],
        encode(NONCE, 0, record(Kind.PRINTED, 1, RUN)),
        encode(NONCE, 0, b"no record\n"),
        encode(NONCE, 1, record(Kind.HELLO, {"run": RUN})),
    ],
)
def test_the_log_of_another_run(text: bytes) -> None:
    """Or none, or one whose first frame does not say which run it is."""
    assert run_in_log(text, job()) != RUN
    assert judged(text=text or b"nothing\n", passed=1) == ("INCOMPLETE", 11)


def test_the_job_of_another_run() -> None:
    """A label is no proof: what counts stands in the pod template."""
    made = job(run=OTHER)
    made["metadata"]["labels"]["pytest-k8s-job/run"] = RUN
    assert judged(made=made, passed=1) == ("INCOMPLETE", 11)
    made = job()
    made["spec"]["template"]["spec"]["containers"][0]["env"] = []
    assert judged(made=made, passed=1) == ("INCOMPLETE", 11)


@pytest.mark.parametrize(
    ("verdict", "code", "expected"),
    [
        ("USAGE ERROR", 4, ("NOT_RUN", 10)),
        ("FAILED", 4, ("NOT_RUN", 10)),
        ("STOPPED", 2, ("FAILED", 2)),
        ("INTERNAL ERROR", 3, ("FAILED", 3)),
        ("STOPPED", 0, ("INCOMPLETE", 11)),
        ("ANYTHING", 0, ("INCOMPLETE", 11)),
        ("PASSED", 1, ("INCOMPLETE", 11)),
    ],
)
def test_a_session_that_judged_no_run(verdict: str, code: int, expected: tuple[str, int]) -> None:
    """Pytest itself ended it, or it contradicts itself."""
    assert judged(verdict, code, passed=1) == expected
