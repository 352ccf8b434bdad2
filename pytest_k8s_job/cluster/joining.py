"""Joins a Job that another process created.

Needed are the Job itself and the nonce of its frames. The nonce of a Job that `pytest --in-cluster`
created stands in the Job's environment, that of an applied one in the first line of its log and,
once it has ended, in its termination message.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pytest_k8s_job.cluster.job_manifest import (
    PARTIAL,
    REPLACES,
    RUN_LABEL,
    SENT_FILES,
    WHY,
    arguments_of,
    container_of,
)
from pytest_k8s_job.cluster.pods import Cluster, JobFinder, JobRef, Phase, pod_of
from pytest_k8s_job.errors import ClusterError, NotReadyError
from pytest_k8s_job.wire.agent_settings import NONCE
from pytest_k8s_job.wire.frames import MAX_LINE
from pytest_k8s_job.wire.journal import read_command

__all__ = ["FIRST_FRAME", "Joined", "jobs_of_run", "learn_nonce", "read_job", "run_of"]

POLL_SECONDS = 0.3  # between two looks at a pod that has not started
FIRST_FRAME = re.compile(rb"::k8sjob1 ([0-9a-f]{32}) 0 1/1 ")


@dataclass(frozen=True)
class Joined:
    """An existing Job of a run.

    `nonce` is None if its spec has none, `over` says that the Job has finished. `replaces` is the
    shard whose pod was taken away, `why` says how, `partial` that the Job runs only what that pod
    left; a Job that replaces nothing has None, "" and False. `sent_files` is the digest of what
    `--sync` brought.
    """

    job: JobRef
    arguments: tuple[str, ...]
    nonce: str | None
    over: bool
    run: str = ""
    shards: int = 1
    replaces: int | None = None
    why: str = ""
    partial: bool = False
    sent_files: str = ""


def read_job(job: Mapping[str, Any]) -> Joined:
    """Return what joining needs of the Job object `job`."""
    container = container_of(job)
    variables = {each["name"]: each.get("value") for each in container.get("env") or ()}
    conditions = (job.get("status") or {}).get("conditions") or ()
    over = any(
        each["type"] in ("Complete", "Failed") and each["status"] == "True" for each in conditions
    )
    metadata = job["metadata"]
    reference = JobRef(metadata.get("namespace", ""), metadata["name"], container["name"])
    notes = metadata.get("annotations") or {}
    replaces = notes.get(REPLACES)
    indexed = job["spec"].get("completionMode") == "Indexed"
    return Joined(
        reference,
        tuple(arguments_of(job)),
        variables.get(NONCE),
        over,
        run=run_of(job),
        shards=job["spec"].get("completions") or 1 if indexed else 1,
        replaces=None if replaces is None else int(replaces),
        why=notes.get(WHY, ""),
        partial=PARTIAL in notes,
        sent_files=notes.get(SENT_FILES, ""),
    )


def run_of(job: Mapping[str, Any]) -> str:
    """Return the id of the run that `job` belongs to, or nothing."""
    return str((job["metadata"].get("labels") or {}).get(RUN_LABEL, ""))


def jobs_of_run(cluster: JobFinder, namespace: str | None, name: str) -> list[Joined]:
    """Return the Job `name` and those that replaced pods of it, in that order."""
    first = read_job(cluster.find(namespace, name))
    if not first.run:
        return [first]
    found = [read_job(job) for job in cluster.jobs(namespace) if run_of(job)]
    others = [one for one in found if one.run == first.run and one.replaces is not None]
    return [first, *sorted(others, key=lambda one: one.job.name)]


def learn_nonce(cluster: Cluster, job: JobRef, seconds: float) -> str:
    """Return the nonce of the agent; wait `seconds` for its container to start."""
    end = time.monotonic() + seconds
    while True:
        pod = pod_of(cluster, job)
        if pod is not None and pod.phase is Phase.TERMINATED:
            nonce = _from_message(pod.termination_message)
            return nonce or _from_log(cluster.log(job, pod.name, None), job)
        if pod is not None and pod.phase is Phase.RUNNING:
            try:
                return _from_running(cluster, job, pod.name)
            except NotReadyError:
                pass
        if time.monotonic() > end:
            raise ClusterError(f"the container of Job {job} did not start within {seconds:g} s")
        time.sleep(POLL_SECONDS)


def _from_message(text: str) -> str:
    try:
        message = json.loads(text)
    except ValueError:
        return ""
    nonce = message.get("nonce") if isinstance(message, dict) else None
    return nonce if isinstance(nonce, str) else ""


def _from_running(cluster: Cluster, job: JobRef, pod: str) -> str:
    """Read the first line of the log; if rotation has taken that, of the journal."""
    try:
        return _from_log(cluster.log(job, pod, None), job)
    except NotReadyError:
        raise
    except ClusterError as error:
        try:
            return _from_log([cluster.exec(job, pod, read_command(0, 0))], job)
        except ClusterError:
            raise error from None


def _from_log(chunks: Iterable[bytes], job: JobRef) -> str:
    """Read the log's first line: no test has been started when the agent writes it."""
    line = b""
    for chunk in chunks:
        line += chunk
        if b"\n" in line or len(line) > MAX_LINE:
            break
    match = FIRST_FRAME.match(line)
    if match is None:
        raise ClusterError(f"the log of Job {job} does not begin with a frame of the agent")
    return match[1].decode("ascii")
