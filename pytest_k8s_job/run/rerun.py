"""Reads from the logs of an earlier run which tests failed or were not reported."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pytest_k8s_job.cluster.joining import Joined, read_job, run_of
from pytest_k8s_job.cluster.pods import JobFinder, JobRef, Object, Phase, pod_of
from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.verdict.ledger import RERUN
from pytest_k8s_job.wire.frames import Decoder
from pytest_k8s_job.wire.plan import node_ids
from pytest_k8s_job.wire.records import Kind, Record, decode

__all__ = ["Results", "newest_run", "read_results"]

NEWEST = "last"


class Results:
    """The tests of a run, filled in from the records of each of its pods."""

    def __init__(self) -> None:
        self.planned: Sequence[str] = ()
        self.finished: set[str] = set()
        self.failed: set[str] = set()

    @property
    def left(self) -> list[str]:
        """Node ids of what failed or was not reported, in the order of the plan."""
        good = self.finished - self.failed
        return [nodeid for nodeid in self.planned if nodeid not in good]

    def take(self, records: Iterable[Record], *, partial: bool) -> None:
        """Take the records of one pod; a `partial` one planned only what another had left."""
        rows: list[Record] = []
        known: list[str] = []
        repeated = False
        failed: set[str] = set()  # in the try that goes on
        for kind, *fields in records:
            match kind:
                case Kind.NODES | Kind.ITEMS:
                    rows.append([kind, *fields])
                case Kind.PLAN:
                    known = node_ids(rows)[: fields[0]["count"]]
                    self.planned = self.planned if partial else known
                case Kind.START:
                    repeated = False
                    failed = set()
                case Kind.PLAIN if fields[2] and not repeated:
                    self.finished.add(_identify(fields[0], known))
                    self.failed |= failed
                case Kind.FINISH if not repeated:
                    self.finished.add(_identify(fields[0], known))
                    self.failed |= failed
                case Kind.REPORT:
                    repeated |= fields[0]["outcome"] == RERUN
                    if fields[0]["outcome"] == "failed":
                        failed.add(fields[0]["nodeid"])


def newest_run(cluster: JobFinder, namespace: str | None, run: str) -> list[Joined]:
    """Return the Jobs of `run`, or of the newest, the one that began it first."""
    jobs = sorted(cluster.jobs(namespace), key=_created)
    found = [read_job(job) for job in jobs if run_of(job)]
    if run == NEWEST and found:
        run = found[-1].run
    chosen = [joined for joined in found if joined.run == run]
    if not chosen:
        raise UsageError(
            f"--rerun-failed: there is no run {run}; `k8s-job list` shows those that are kept"
            if run != NEWEST
            else "--rerun-failed: no run is kept in this namespace"
        )
    if not all(joined.over or _has_ended(cluster, joined) for joined in chosen):
        raise UsageError(f"--rerun-failed: run {run} has not ended yet")
    return chosen


def _has_ended(cluster: JobFinder, joined: Joined) -> bool:
    """Whether all pods of a Job have ended; the Job says so later."""
    places = list(_places(joined))
    pods = cluster.pods(places)
    return all(place in pods and pods[place].phase is Phase.TERMINATED for place in places)


def _places(joined: Joined) -> Iterator[JobRef]:
    """Yield the place of each pod of a Job."""
    for number in range(joined.shards):
        yield replace(joined.job, shard=number if joined.shards > 1 else None)


def _created(job: Object) -> str:
    return str(job["metadata"]["creationTimestamp"])


def read_results(cluster: JobFinder, jobs: Sequence[Joined]) -> Results:
    """Read the logs of a run's Jobs; without a plan, raise UsageError."""
    results = Results()
    for joined in jobs:
        for place in _places(joined):
            records = _read_records(cluster, place, joined.nonce or "0")
            results.take(records, partial=joined.partial)
    if not results.planned:
        raise UsageError(
            f"--rerun-failed: the log of run {jobs[0].run} does not tell which tests it had: "
            "run all of them again"
        )
    return results


def _read_records(cluster: JobFinder, job: JobRef, nonce: str) -> Iterable[Record]:
    pod = pod_of(cluster, job)
    if pod is None:
        return
    decoder = Decoder(nonce)
    for chunk in cluster.log(job, pod.name, None):
        for payload in decoder.feed(chunk):
            yield from decode(payload)
    for payload in decoder.leftovers():
        yield from decode(payload)


def _identify(item: object, known: Sequence[str]) -> str:
    return known[item] if isinstance(item, int) else str(item[0])  # type: ignore[index]
