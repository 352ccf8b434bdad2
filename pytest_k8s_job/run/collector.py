"""The collector as a pytest plugin: the pod's session becomes this session.

One object takes the place of pytest's own collection and run loop. All reporters see the usual
hook calls; nothing of the suite is imported here. The hooks stand in the order of the session.
"""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from _pytest.junitxml import xml_key

from pytest_k8s_job.cluster.text import listed
from pytest_k8s_job.options import Options, runs_nothing
from pytest_k8s_job.replay.local_plugins import ARTIFACTS_PLUGIN
from pytest_k8s_job.replay.ordering import Ordering
from pytest_k8s_job.replay.pod_output import PodOutput
from pytest_k8s_job.replay.session_end import refuse_as_pod, stop_as_in_pod
from pytest_k8s_job.report.run_data import REPORT_BUILDER
from pytest_k8s_job.run.cleanup import Cleanup
from pytest_k8s_job.run.differences import difference_line
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
        self._target_line = ""
        self._cleanup = Cleanup(options)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Start the Job and wait until a pod's session has started."""
        durations = self._config.pluginmanager.getplugin("k8s_job_durations")
        try:
            with self._deleting_on_ctrl_c():
                self._launcher = Launcher(session, self._options, durations)
                run = self._launcher.launch()
                run.replay(until=lambda: self._output.header is not None)
                run.status.close()
        except KeyboardInterrupt as interrupt:
            self._interrupt = interrupt  # a session that has not started shows no summary
            return
        self._show_synced(run)
        self._show_target(run)
        self._output.open()
        try:
            refuse_as_pod(*run.leader_result())
        except pytest.UsageError:
            self._cleanup.delete(run, "")
            raise

    def _show_synced(self, run: ClusterRun) -> None:
        """Write what `--sync` brought, and what it left here."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if run.synced is None or reporter is None or reporter.verbosity < 0:
            return
        reporter.write_line(f"synced: {run.synced.line}")
        for name, why in run.synced.left_out.items():
            reporter.write_line(
                f"not synced: {name!r} ({why})"
                if not name.isprintable()
                else f"not synced: {name} ({why})"
            )

    def _show_target(self, run: ClusterRun) -> None:
        """Write the line on the target, if it is known before the first test."""
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        target = run.target
        if (
            reporter is not None
            and reporter.verbosity >= 0
            and (target.workloads or target.unknown)
        ):
            self._target_line = run.target_line
            reporter.write_line(self._target_line)
        if reporter is not None and run.others:
            others = f"another run of the same tests goes on: Job {listed(run.others, 2)}"
            reporter.write_line(f"{others}; each may see the other's data", yellow=True)

    def pytest_collection(self, session: pytest.Session) -> bool:
        """Wait until a pod has collected the tests."""
        if self._interrupt is not None:
            raise self._interrupt
        run = self._run
        assert run is not None  # noqa: S101 (the session has started)
        with self._deleting_on_ctrl_c():
            run.replay(until=lambda: run.shards.planned)
        if run.shards.over and not run.shards.planned:
            self._conclude(session, run)
        if (reporter := self._config.pluginmanager.getplugin("terminalreporter")) is not None:
            reporter.pytest_collection()  # it says "collecting", which our own hook kept it from
        self._config.hook.pytest_collection_finish(session=session)
        return True

    def pytest_report_collectionfinish(self) -> list[str]:
        """Pass on what plugins in the pod said after collection."""
        return self._run.shards.lines if self._run is not None else []

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Replay the tests as they finish, then end as the pods' sessions ended."""
        run = self._run
        assert run is not None  # noqa: S101 (pytest collects before it runs)
        several = len(run.shards) > 1
        if several:
            self._ordering = Ordering(self._config)
            self._config.pluginmanager.register(self._ordering, "k8s_job_ordering")
        with self._deleting_on_ctrl_c():
            # A single pod stops by itself; shards do not know of each other's failures.
            run.replay(until=lambda: several and bool(session.shouldfail))
        self._conclude(session, run)
        return True

    def _conclude(self, session: pytest.Session, run: ClusterRun) -> None:
        """Judge the run, then leave the session as the pods' sessions were left."""
        stopped = bool(session.shouldfail) and not run.shards.over
        judgement = self._judge(run, stopped=stopped)
        self._judgement = judgement
        self._cleanup.notes += run.notes
        if (artifacts := self._config.pluginmanager.getplugin(ARTIFACTS_PLUGIN)) is not None:
            pods = [shard for shard in run.shards if not (stopped or shard.replaced)]
            artifacts.conclude([each.place.origin.shard for each in pods if each.started])
        if line := self._difference(run):
            self._cleanup.notes.append(line)
        if self._config.pluginmanager.hasplugin(REPORT_BUILDER):
            from pytest_k8s_job.run.report_data import keep_run_data  # noqa: PLC0415 (loads the diagnosis)

            keep_run_data(self._config, run, judgement)
        if stopped:
            raise session.Failed(session.shouldfail)
        shards = [shard for shard in run.shards if not shard.replaced]
        if judgement.verdict in (Verdict.NOT_RUN, Verdict.INCOMPLETE):
            for shard in shards:
                shard.replay.open_test.fail(judgement.reason)
            self._write_junit_error(judgement)
            raise session.Interrupted(f"in cluster: {judgement.verdict}")
        if judgement.verdict is Verdict.VOID:
            self._write_junit_error(judgement)
        for shard in shards:
            stop_as_in_pod(session, shard.ledger)

    def _difference(self, run: ClusterRun) -> str:
        """Return a line if the image has other tests than this machine."""
        leader = run.shards.leader
        if run.shards.sent_files or leader is None or not run.jobs.are_ours:
            return ""
        return difference_line(self._config.rootpath, (leader.ledger.plan or {}).get("files", {}))

    def _judge(self, run: ClusterRun, *, stopped: bool) -> Judgement:
        """Return the verdict on the run, with what the diagnosis says of a lost one."""
        collect_only = runs_nothing(self._config)
        judgement = judge_run(run.results, stopped=stopped, collect_only=collect_only)
        if judgement.verdict in (Verdict.NOT_RUN, Verdict.INCOMPLETE) and (
            why := run.explainer.explain_loss(run.shards)
        ):
            judgement = replace(judgement, reason=f"{why}\n{judgement.reason}")
        if change := run.target_change():
            judgement = void(judgement, change.sentence, version=change.version)
        if self._options.watch_target and run.target_line != self._target_line:
            self._cleanup.notes.append(run.target_line)
        return judgement

    def _write_junit_error(self, judgement: Judgement) -> None:
        """Leave an error in the JUnit file: one without failures would read as a success."""
        xml = self._config.stash.get(xml_key, None)
        if xml is not None:
            text = f"{judgement.verdict}: {judgement.reason}"
            xml.pytest_internalerror(excrepr=text)  # type: ignore[arg-type]  # it only takes str()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, None, None]:
        """Delete or keep the Job, then set the exit code of the verdict."""
        if self._ordering is not None:
            self._ordering.sort(session.items)
        if self._run is not None:
            with _no_warnings():
                self._cleanup.finish(self._run, self._judgement)
        result = yield
        if self._judgement is not None and self._judgement.exit_code:
            session.exitstatus = self._judgement.exit_code
        return result

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
        for note in self._cleanup.notes:
            terminalreporter.write_line(note)
        return result

    def answer_question(self, session: pytest.Session) -> Judgement:
        """Let the pod's pytest answer a question about itself, and show what it prints."""
        self._output.prints_all = True
        self.pytest_sessionstart(session)
        run = self._run
        if self._interrupt is not None or run is None:
            return Judgement(
                Verdict.FAILED, pytest.ExitCode.INTERRUPTED, "\n".join(self._cleanup.notes)
            )
        with self._deleting_on_ctrl_c():
            run.replay(until=lambda: False)
        self._output.open()
        result = run.results[0]
        self._judgement = judge_answer(result.ledger, result.outcome)
        self._cleanup.finish(run, self._judgement)
        return self._judgement

    @property
    def _run(self) -> ClusterRun | None:
        return self._launcher.run if self._launcher is not None else None

    @contextmanager
    def _deleting_on_ctrl_c(self) -> Iterator[None]:
        """Keep this package's warnings from the tests' summary; delete the Job on Ctrl-C."""
        try:
            with _no_warnings():
                yield
        except KeyboardInterrupt:
            if self._run is not None:
                self._run.status.close()
                self._cleanup.delete(self._run, "Ctrl-C")
            raise


@contextmanager
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
