"""Creates, replaces and deletes the Jobs of one run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_k8s_job.cluster.job_manifest import Object, Run, make_job, replacement
from pytest_k8s_job.cluster.pods import JobFinder, JobRef
from pytest_k8s_job.errors import ClusterError, GoneError

if TYPE_CHECKING:
    from pytest_k8s_job.sync.synced_tests import SyncedTests

__all__ = ["RunJobs"]


class RunJobs:
    """The Jobs of a run; `refs` lists them in the order of their creation."""

    def __init__(self, cluster: JobFinder) -> None:
        self.refs: list[JobRef] = []
        self._cluster = cluster
        self._manifest: Object | None = None
        self._run: Run | None = None

    @property
    def are_ours(self) -> bool:
        """True if this process created the run."""
        return self._manifest is not None

    @property
    def shards(self) -> int:
        """Pods of the first Job."""
        return self._run.selection.shards if self._run is not None else 1

    def create(self, manifest: Object, run: Run, synced: SyncedTests | None = None) -> JobRef:
        """Create the first Job of the run, with what it brings."""
        self._manifest, self._run = manifest, run
        if synced is None:
            return self._create(run)
        metadata = make_job(manifest, run)["metadata"]
        namespace = metadata.get("namespace") or self._cluster.namespace
        try:
            return synced.create(self._cluster, namespace, run.run_id, lambda: self._create(run))
        except BaseException:  # Ctrl-C too: only the answer may be missing
            with suppress(ClusterError):
                self._cluster.delete(JobRef(namespace, metadata["name"], ""))
            self.refs.clear()
            raise

    def create_replacement(
        self, shard: int, attempt: int, left: Sequence[str] | None, why: str
    ) -> tuple[JobRef, str]:
        """Create a Job for what a shard has left; return it with its nonce."""
        assert self._run is not None  # noqa: S101 (only the process that created a run replaces)
        run = replacement(self._run, shard, attempt, left, why)
        return self._create(run), run.nonce

    def _create(self, run: Run) -> JobRef:
        assert self._manifest is not None  # noqa: S101 (as above)
        job = self._cluster.create(make_job(self._manifest, run))
        self.refs.append(job)
        return job

    def delete(self) -> None:
        """Delete the Jobs with their pods."""
        for job in self.refs:
            self._cluster.delete(job)

    def first_is_gone(self) -> bool:
        """Ask whether the first Job was deleted, or is about to be, by somebody else."""
        try:
            found = self._cluster.find(self.refs[0].namespace, self.refs[0].name)
        except GoneError:
            return True
        return "deletionTimestamp" in found["metadata"]
