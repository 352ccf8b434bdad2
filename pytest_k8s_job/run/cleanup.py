"""What becomes of a run's Jobs when the session ends: deleted, kept, or gone already."""

from __future__ import annotations

from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.option_table import Keep
from pytest_k8s_job.options import Options
from pytest_k8s_job.run.run import ClusterRun
from pytest_k8s_job.verdict.verdict import Judgement

__all__ = ["Cleanup"]


class Cleanup:
    """Deletes or keeps the Jobs of a run, as the options say; fills `notes`."""

    def __init__(self, options: Options) -> None:
        self.notes: list[str] = []
        self._options = options
        self._deleted = False

    def finish(self, run: ClusterRun, judgement: Judgement | None) -> None:
        """Close the run, and delete its Jobs unless somebody may want to read them."""
        if not run.jobs.refs or self._deleted:
            return
        if judgement is None:  # a plugin here failed, say: nobody is left to read the run
            self.delete(run, "")
            return
        finished = run.shards.over and all(shard.ended for shard in run.shards)
        run.close()
        useless = judgement.exit_code == 0 or not finished
        keep = self._options.keep
        if self._options.attach:
            return
        if keep is Keep.NEVER or (keep is Keep.FAILED and useless):
            self.delete(run, "")
        else:
            self.notes.append(_where_it_stays(run))

    def delete(self, run: ClusterRun, cause: str) -> None:
        """Close the run and delete its Jobs; tell the user the `cause`, if any."""
        if not run.jobs.refs:
            return
        run.close()
        job = run.jobs.refs[0]
        if self._options.attach:
            self.notes.append(f"{cause}: the Job {job} goes on")
            return
        try:
            run.jobs.delete()
        except ClusterError as error:
            self.notes.append(f"The Job {job} could not be deleted: {error}")
        else:
            self._deleted = True
            if cause:
                self.notes.append(f"{cause}: the Job {job} and its pods were deleted")


def _where_it_stays(run: ClusterRun) -> str:
    job = run.jobs.refs[0]
    try:
        if run.jobs.first_is_gone():
            return f"The Job {job} was deleted by somebody else during the run"
    except ClusterError:
        pass  # it cannot be asked for now; nothing says that it was deleted
    return f"The Job stays: kubectl -n {job.namespace} logs job/{job.name}"
