"""The near half as a pytest plugin: the session that ran in the pod becomes this session.

One object takes the place of pytest's own collection and run loop. All reporters see the usual
hook calls; nothing of the suite is imported here.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from _pytest.junitxml import xml_key

from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.options import Keep, Options, runs_nothing
from pytest_k8s_job.replay.ordering import Ordering
from pytest_k8s_job.replay.pod_output import PodOutput
from pytest_k8s_job.replay.session_end import refuse_as_pod, stop_as_in_pod
from pytest_k8s_job.run.launcher import Launcher
from pytest_k8s_job.run.run import ClusterRun
from pytest_k8s_job.verdict.merging import judge_run
from pytest_k8s_job.verdict.verdict import Judgement, Verdict, judge_answer, void

__all__ = ["Collector"]


class Collector:
    """The plugin behind `--in-cluster`."""

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self._config = config
        self._options = options
        self._judgement: Judgement | None = None
        self._launcher: Launcher | None = None
        self._ordering: Ordering | None = None
        self._output = PodOutput.of(config)
        self._interrupt: KeyboardInterrupt | None = None
        self._notes: list[str] = []
        self._deleted = False

    @property
    def _run(self) -> ClusterRun | None:
        return self._launcher.run if self._launcher is not None else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Start the Job and wait until a pod's session has started, before a header is shown."""
        durations = self._config.pluginmanager.getplugin("k8s_job_durations")
        try:
            with self._tool_at_work():
                self._launcher = Launcher(session, self._options, durations)
                run = self._launcher.launch()
                run.pump(until=lambda: self._output.header is not None)
                run.status.close()
        except KeyboardInterrupt as interrupt:
            self._interrupt = interrupt  # a session that has not started shows no summary
            return
        self._output.open()
        try:
            refuse_as_pod(*run.leaders_word())
        except pytest.UsageError:
            self._delete("")
            raise

    def ask(self, session: pytest.Session) -> Judgement:
        """Let the pod's pytest answer a question about itself, and show what it prints."""
        self._output.prints_all = True
        self.pytest_sessionstart(session)
        run = self._run
        if self._interrupt is not None or run is None:
            return Judgement(Verdict.FAILED, pytest.ExitCode.INTERRUPTED, "\n".join(self._notes))
        with self._tool_at_work():
            run.pump(until=lambda: False)
        self._output.open()
        result = run.results[0]
        self._judgement = judge_answer(result.ledger, result.outcome)
        self._tidy()
        return self._judgement

    def pytest_collection(self, session: pytest.Session) -> bool:
        """Wait until a pod has collected the tests."""
        if self._interrupt is not None:
            raise self._interrupt
        run = self._run
        assert run is not None  # noqa: S101 (the session has started)
        with self._tool_at_work():
            run.pump(until=lambda: run.planned)
        if run.over and not run.planned:
            self._conclude(session, run)
        if (reporter := self._config.pluginmanager.getplugin("terminalreporter")) is not None:
            reporter.pytest_collection()  # it says "collecting", which our own hook kept it from
        self._config.hook.pytest_collection_finish(session=session)
        return True

    def pytest_report_collectionfinish(self) -> list[str]:
        """Pass on what plugins in the pod said after collection."""
        return self._run.lines if self._run is not None else []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Replay the tests as they finish, then end as the pods' sessions ended."""
        run = self._run
        assert run is not None  # noqa: S101 (pytest collects before it runs)
        several = len(run.shards) > 1
        if several:
            self._ordering = Ordering(self._config)
            self._config.pluginmanager.register(self._ordering, "k8s_job_ordering")
        with self._tool_at_work():
            # A single pod stops by itself; shards do not know of each other's failures.
            run.pump(until=lambda: several and bool(session.shouldfail))
        self._conclude(session, run)
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter
    ) -> Generator[None, None, None]:
        """Say first what is wrong, then let the others speak."""
        judgement = self._judgement
        if judgement is not None and judgement.reason:
            title = f"in cluster: {judgement.verdict}"
            terminalreporter.write_sep("=", title, red=True, bold=True)
            terminalreporter.write_line(judgement.reason)
        result = yield
        for note in self._notes:
            terminalreporter.write_line(note)
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Tidy up before the summary; set the exit code of the verdict after it."""
        if self._ordering is not None:
            self._ordering.sort(session.items)
        with _no_warnings():
            self._tidy()
        result = yield
        if self._judgement is not None and self._judgement.exit_code:
            session.exitstatus = self._judgement.exit_code
        return result

    @contextmanager
    def _tool_at_work(self) -> Iterator[None]:
        """Keep this package's warnings from the tests' summary; delete the Job on Ctrl-C."""
        try:
            with _no_warnings():
                yield
        except KeyboardInterrupt:
            if self._run is not None:
                self._run.status.close()
            self._delete("Ctrl-C")
            raise

    # -- ending

    def _conclude(self, session: pytest.Session, run: ClusterRun) -> None:
        """Judge the run, then leave the session as the pods' sessions were left."""
        stopped = bool(session.shouldfail) and not run.over
        collect_only = runs_nothing(self._config)
        judgement = judge_run(run.results, stopped=stopped, collect_only=collect_only)
        if judgement.verdict in (Verdict.NOT_RUN, Verdict.INCOMPLETE) and (why := run.explain()):
            judgement = replace(judgement, reason=f"{why}\n{judgement.reason}")
        if change := run.target_change():
            judgement = void(judgement, change.sentence, version=change.version)
        self._judgement = judgement
        self._notes += run.notes
        if self._config.option.report:
            from pytest_k8s_job.run.report_data import hand_over  # noqa: PLC0415 (loads the diagnosis)

            hand_over(self._config, run, judgement)
        if stopped:
            raise session.Failed(session.shouldfail)
        if judgement.verdict in (Verdict.NOT_RUN, Verdict.INCOMPLETE):
            for shard in run.shards:
                if not shard.replaced:
                    shard.replay.fail_open_test(judgement.reason)
            self._tell_junit(f"{judgement.verdict}: {judgement.reason}")
            raise session.Interrupted(f"in cluster: {judgement.verdict}")
        if judgement.verdict is Verdict.VOID:
            self._tell_junit(f"{judgement.verdict}: {judgement.reason}")
        for shard in run.shards:
            if not shard.replaced:
                stop_as_in_pod(session, shard.ledger)

    def _tell_junit(self, text: str) -> None:
        """Leave an error in the JUnit file: one without failures would read as a success."""
        xml = self._config.stash.get(xml_key, None)
        if xml is not None:
            xml.pytest_internalerror(excrepr=text)  # type: ignore[arg-type]  # it only takes str()

    def _tidy(self) -> None:
        run = self._run
        if run is None or not run.jobs or self._deleted:
            return
        if self._judgement is None:  # a plugin here failed, say: nobody is left to read the run
            self._delete("")
            return
        finished = run.over and all(shard.ended for shard in run.shards)
        run.close()
        useless = self._judgement.exit_code == 0 or not finished
        keep = self._options.keep
        if self._options.attach:
            return
        if keep is Keep.NEVER or (keep is Keep.FAILED and useless):
            self._delete("")
        else:
            job = run.jobs[0]
            self._notes.append(f"The Job stays: kubectl -n {job.namespace} logs job/{job.name}")

    def _delete(self, cause: str) -> None:
        run = self._run
        if run is None or not run.jobs:
            return
        run.close()
        if self._options.attach:
            self._notes.append(f"{cause}: the Job {run.jobs[0]} goes on")
            return
        try:
            run.delete()
        except ClusterError as error:
            self._notes.append(f"The Job {run.jobs[0]} could not be deleted: {error}")
        else:
            self._deleted = True
            if cause:
                self._notes.append(f"{cause}: the Job {run.jobs[0]} and its pods were deleted")


@contextmanager
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
