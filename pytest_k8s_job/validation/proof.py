"""What a run's own records prove: its verdict, and which run it is."""

from __future__ import annotations

from pytest_k8s_job.cluster.job_manifest import container_of
from pytest_k8s_job.cluster.joining import FIRST_FRAME, read_job
from pytest_k8s_job.cluster.objects import Object
from pytest_k8s_job.errors import K8sJobError
from pytest_k8s_job.validation.follow import USAGE_ERROR, Followed
from pytest_k8s_job.verdict.verdict import (
    EXIT_INCOMPLETE,
    EXIT_NO_TESTS,
    EXIT_NOT_RUN,
    Judgement,
    Verdict,
)
from pytest_k8s_job.wire.agent_settings import RUN_ID
from pytest_k8s_job.wire.frames import Decoder
from pytest_k8s_job.wire.records import Kind, decode

__all__ = ["judgement_of", "run_in_log"]

RAN = ("passed", "failed", "error", "xfailed", "xpassed")  # outcomes of tests that were run
STOPPED = (2, 3)  # pytest's own exit codes of a session that did not run to its end


def judgement_of(followed: Followed, job: Object, run: str) -> Judgement:
    """Return the verdict of the session that followed the Job of a `run`.

    Success needs a test that ran, and frames of this very run.
    """
    report = followed.report
    code, reason = int(report["exit_code"]), str(report["first_line"])
    if code == USAGE_ERROR:  # that says nothing of the target
        reason = f"pytest refused its arguments: {reason}"
        return Judgement(Verdict.NOT_RUN, EXIT_NOT_RUN, reason)
    if code in STOPPED and report["verdict"] not in list(Verdict):
        return Judgement(Verdict.FAILED, code, reason)
    if report["verdict"] not in list(Verdict) or (report["verdict"] == Verdict.PASSED and code):
        text = f"the session was {report['verdict']} with exit code {code}"
        return Judgement(Verdict.INCOMPLETE, EXIT_INCOMPLETE, text)
    if report["verdict"] != Verdict.PASSED:
        return Judgement(Verdict(report["verdict"]), code, reason)
    return _proven(followed, job, run)


def _proven(followed: Followed, job: Object, run: str) -> Judgement:
    """Return the verdict on a session that passed."""
    if not any(followed.report["counts"].get(each) for each in RAN):
        return Judgement(Verdict.NO_TESTS, EXIT_NO_TESTS, "no test ran")
    if (found := run_in_log(followed.log, job)) != run or run_in_spec(job) != run:
        said = f"the log is of run {found or '(none)'}, not of {run}"
        return Judgement(Verdict.INCOMPLETE, EXIT_INCOMPLETE, said)
    return Judgement(Verdict.PASSED, 0)


def run_in_spec(job: Object) -> str:
    """Return the run in the Job's pod template, which nobody can change."""
    for each in container_of(job).get("env") or ():
        if each["name"] == RUN_ID:
            return str(each.get("value") or "")
    return ""


def run_in_log(log: bytes, job: Object) -> str:
    """Return the run that the first frame names, "" without such a frame."""
    nonce = read_job(job).nonce
    if not nonce:
        first = FIRST_FRAME.match(log)
        nonce = first[1].decode("ascii") if first else ""
    if not nonce:
        return ""
    try:
        payload = next(Decoder(nonce).feed(log), b"")
        record = next(decode(payload), None)
    except K8sJobError:
        return ""
    if record is None or record[0] != Kind.HELLO:
        return ""
    return str(record[1].get("run") or "")
