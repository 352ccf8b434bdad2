"""The near half as a pytest plugin: the session that ran in the pod becomes this session.

One object takes the place of pytest's own collection and run loop. All reporters see the usual
hook calls; nothing of the suite is imported here.
"""

from __future__ import annotations

import os
import shlex
import warnings
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest
from _pytest.junitxml import xml_key

from pytest_k8s_job.arguments import travelling
from pytest_k8s_job.cache import KEYS, pack
from pytest_k8s_job.errors import ClusterError, UsageError
from pytest_k8s_job.frames import Decoder
from pytest_k8s_job.job_manifest import Run, load_job, make_job, paths_of
from pytest_k8s_job.joining import read_job
from pytest_k8s_job.ledger import Ledger
from pytest_k8s_job.near_plugins import quiet_own_plugins
from pytest_k8s_job.options import Keep, Options
from pytest_k8s_job.pods import Cluster, JobFinder
from pytest_k8s_job.records import JUNIT
from pytest_k8s_job.replay import Replay
from pytest_k8s_job.run import ClusterRun
from pytest_k8s_job.status import StatusLine
from pytest_k8s_job.stopping import refuse_as_pod, stop_as_in_pod
from pytest_k8s_job.verdict import Judgement, Verdict, judge, judge_answer

__all__ = ["Collector"]

# Environment that changes how pytest formats a failure; the pod formats as we would.
FORMATTING_ENVIRONMENT = ("CI", "BUILD_NUMBER")
RUNNING_NOTHING = ("collectonly", "setuponly", "setupplan")  # options of pytest


class Collector:
    """The plugin behind `--in-cluster`."""

    def __init__(self, config: pytest.Config, options: Options) -> None:
        self._config = config
        self._options = options
        self._ledger = Ledger()
        self._judgement: Judgement | None = None
        self._run: ClusterRun | None = None
        self._answering = False
        self._interrupt: KeyboardInterrupt | None = None
        self._notes: list[str] = []
        self._collect_only = any(getattr(config.option, each, False) for each in RUNNING_NOTHING)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Start the Job and wait until the pod's session has started, before a header is shown."""
        try:
            with self._tool_at_work():
                self._replay = Replay(session, self._ledger, answering=self._answering)
                run = self._begin()
                run.pump(until=lambda: self._replay.output.header is not None)
                self._status.close()
        except KeyboardInterrupt as interrupt:
            self._interrupt = interrupt  # a session that has not started shows no summary
            return
        self._replay.output.open()
        try:
            refuse_as_pod(self._ledger, run.outcome if run.over else None)
        except pytest.UsageError:
            self._delete("")
            raise

    def ask(self, session: pytest.Session) -> Judgement:
        """Let the pod's pytest answer a question about itself, and show what it prints."""
        self._answering = True
        self.pytest_sessionstart(session)
        if self._interrupt is not None or self._run is None:
            return Judgement(Verdict.FAILED, pytest.ExitCode.INTERRUPTED, "\n".join(self._notes))
        with self._tool_at_work():
            self._run.pump(until=lambda: False)
        self._replay.output.open()
        judgement = judge_answer(self._ledger, self._run.outcome)
        self._judgement = judgement
        self._tidy()
        return judgement

    def pytest_collection(self, session: pytest.Session) -> bool:
        """Wait until the pod has collected its tests."""
        if self._interrupt is not None:
            raise self._interrupt
        run = self._run
        assert run is not None  # noqa: S101 (the session has started)
        with self._tool_at_work():
            run.pump(until=lambda: self._ledger.plan is not None)
        if run.over and self._ledger.plan is None:
            self._conclude(session, run)
        if (reporter := self._config.pluginmanager.getplugin("terminalreporter")) is not None:
            reporter.pytest_collection()  # it says "collecting", which our own hook kept it from
        self._config.hook.pytest_collection_finish(session=session)
        return True

    def pytest_report_collectionfinish(self) -> list[str]:
        """Pass on what plugins in the pod said after collection."""
        return self._replay.lines

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Replay the tests as they finish, then end as the pod's session ended."""
        run = self._run
        assert run is not None  # noqa: S101 (pytest collects before it runs)
        with self._tool_at_work():
            run.pump(until=lambda: False)
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
        with _no_warnings():
            self._tidy()
        result = yield
        if self._judgement is not None and self._judgement.exit_code:
            session.exitstatus = self._judgement.exit_code
        return result

    # -- beginning

    def _begin(self) -> ClusterRun:
        config, options = self._config, self._options
        try:
            manifest = {} if options.attach else load_job(options.manifest)
            cluster = config.hook.pytest_k8s_job_cluster(config=config)
        except UsageError as error:
            raise pytest.UsageError(str(error)) from None
        if options.attach:
            return self._join(cluster, options.attach)
        run = Run(
            self._pod_arguments(paths_of(manifest)),
            options.namespace,
            options.image,
            {**self._formatting_environment(), **options.environment},
            self._packed_cache(),
        )
        job = make_job(manifest, run)
        self._run = self._prepare(cluster, job["metadata"]["name"])
        self._run.start(job, Decoder(run.nonce))
        return self._run

    def _join(self, cluster: JobFinder, name: str) -> ClusterRun:
        """Follow a Job that somebody else started; it is neither created nor deleted here."""
        self._packed_cache()  # the pod has selected: no plugin here may select again
        try:
            joined = read_job(cluster.find(self._options.namespace, name))
        except ClusterError as error:
            raise pytest.UsageError(str(error)) from None
        self._collect_only |= bool({"--co", "--collect-only"} & set(joined.arguments))
        self._run = self._prepare(cluster, name)
        self._run.join(joined.job, joined.nonce, over=joined.over)
        return self._run

    def _prepare(self, cluster: Cluster, name: str) -> ClusterRun:
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        self._status = StatusLine(reporter, f"Job {name}, {cluster.describe()}")
        return ClusterRun(cluster, self._options, self._ledger, self._replay.feed, self._status)

    def _formatting_environment(self) -> dict[str, str]:
        found = {name: os.environ[name] for name in FORMATTING_ENVIRONMENT if name in os.environ}
        return {**found, JUNIT: "1"} if xml_key in self._config.stash else found

    def _pod_arguments(self, default_paths: list[str]) -> list[str]:
        config = self._config
        typed = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
        typed += map(str, config.invocation_params.args)
        paths = config.option.file_or_dir
        words = travelling(typed, paths, config.invocation_params.dir, config.rootpath)
        reporter = config.pluginmanager.getplugin("terminalreporter")
        color = [f"--color={'yes' if reporter._tw.hasmarkup else 'no'}"] if reporter else []
        return [*words, *color, *([] if paths else default_paths)]

    def _packed_cache(self) -> str:
        """Return what the pod needs to select like --lf would here; silence the plugins here."""
        config = self._config
        quiet_own_plugins(config)
        chosen = ("lf", "failedfirst", "newfirst", "stepwise")
        if not any(getattr(config.option, name, False) for name in chosen):
            return ""
        values = {key: config.cache.get(key, None) for key in KEYS} if config.cache else {}
        return pack({key: value for key, value in values.items() if value is not None})

    @contextmanager
    def _tool_at_work(self) -> Iterator[None]:
        """Keep this package's warnings from the tests' summary; delete the Job on Ctrl-C."""
        try:
            with _no_warnings():
                yield
        except KeyboardInterrupt:
            self._status.close()
            self._delete("Ctrl-C")
            raise

    # -- ending

    def _conclude(self, session: pytest.Session, run: ClusterRun) -> None:
        """Judge the run, then leave the session as the pod's session was left."""
        judgement = judge(self._ledger, run.outcome, collect_only=self._collect_only)
        self._judgement = judgement
        if judgement.verdict in (Verdict.NOT_RUN, Verdict.INCOMPLETE):
            self._replay.fail_open_test(judgement.reason)
            self._tell_junit(f"{judgement.verdict}: {judgement.reason}")
            raise session.Interrupted(f"in cluster: {judgement.verdict}")
        stop_as_in_pod(session, self._ledger)

    def _tell_junit(self, text: str) -> None:
        """Leave an error in the JUnit file: one without failures would read as a success."""
        xml = self._config.stash.get(xml_key, None)
        if xml is not None:
            xml.pytest_internalerror(excrepr=text)  # type: ignore[arg-type]  # it only takes str()

    def _tidy(self) -> None:
        run = self._run
        if run is None or run.job is None or self._judgement is None:
            return
        run.close()
        useless = self._judgement.exit_code == 0 or not run.ended
        keep = self._options.keep
        if self._options.attach:
            return
        if keep is Keep.NEVER or (keep is Keep.FAILED and useless):
            self._delete("")
        else:
            job = run.job
            self._notes.append(f"The Job stays: kubectl -n {job.namespace} logs job/{job.name}")

    def _delete(self, cause: str) -> None:
        run = self._run
        if run is None:
            return
        run.close()
        if self._options.attach:
            self._notes.append(f"{cause}: the Job {run.job} goes on")
            return
        try:
            run.delete()
        except ClusterError as error:
            self._notes.append(f"The Job {run.job} could not be deleted: {error}")
        else:
            if cause and run.job:
                self._notes.append(f"{cause}: the Job {run.job} and its pods were deleted")


@contextmanager
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
