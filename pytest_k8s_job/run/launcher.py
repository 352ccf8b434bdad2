"""Starts or joins a run with the arguments, environment and selection that the user typed."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.junitxml import xml_key

from pytest_k8s_job.cluster.job_manifest import Run, arguments_of, load_job
from pytest_k8s_job.cluster.joining import jobs_of_run
from pytest_k8s_job.cluster.objects import Object
from pytest_k8s_job.cluster.pods import Conversing, JobFinder
from pytest_k8s_job.errors import ClusterError, UsageError
from pytest_k8s_job.option_table import DEFAULT_MANIFEST
from pytest_k8s_job.options import Options, runs_nothing
from pytest_k8s_job.replay.local_plugins import EVIDENCE_PLUGIN, quiet_own_plugins
from pytest_k8s_job.run.arguments import travelling
from pytest_k8s_job.run.durations import Durations, shards_for
from pytest_k8s_job.run.rerun import newest_run, read_results
from pytest_k8s_job.run.run import ClusterRun
from pytest_k8s_job.run.status_line import StatusLine
from pytest_k8s_job.run.target_watch import TargetWatch, search_for
from pytest_k8s_job.run.terminal import can_debug
from pytest_k8s_job.sync.artifact_options import read_artifact_options
from pytest_k8s_job.sync.built_in import built_in_job
from pytest_k8s_job.sync.sync_options import read_sync_options
from pytest_k8s_job.sync.waiting_files import why_no_exec
from pytest_k8s_job.target.said import parse_said
from pytest_k8s_job.wire.agent_settings import ARTIFACT_BYTES, ARTIFACTS, ARTIFACTS_STAY
from pytest_k8s_job.wire.cache_values import KEYS, pack
from pytest_k8s_job.wire.debugger import DEBUGGER
from pytest_k8s_job.wire.records import EVIDENCE, JUNIT
from pytest_k8s_job.wire.sharding import Selection, key_of

if TYPE_CHECKING:
    from pytest_k8s_job.run.debugger import Debugger
    from pytest_k8s_job.sync.synced_tests import SyncedTests

__all__ = ["Launcher"]

# Environment that changes how pytest formats a failure; the pod formats as we would.
FORMATTING_ENVIRONMENT = ("CI", "BUILD_NUMBER")


class Launcher:
    """Starts or joins the run that the options of a session ask for.

    Its methods raise pytest.UsageError for what the user has to mend.
    """

    def __init__(
        self, session: pytest.Session, options: Options, durations: Durations | None
    ) -> None:
        self._session = session
        self._config = session.config
        self._options = options
        self._durations = durations
        self._sync = read_sync_options(session.config)
        self.run: ClusterRun | None = None
        """The run, as soon as its Job may exist."""

    def launch(self) -> ClusterRun:
        """Create the run's Job, or join one that exists, and follow it."""
        try:
            return self._join() if self._options.attach else self._start()
        except (UsageError, ClusterError) as error:
            raise pytest.UsageError(str(error)) from None

    def _start(self) -> ClusterRun:
        options = self._options
        manifest = self._manifest()
        default = arguments_of(manifest)
        synced, words = self._gather(default), self._pod_arguments(default)
        if synced is not None:
            manifest = synced.mounted(manifest)
            words = [*synced.words, *words]
        cluster = self._connect()
        artifacts = self._artifact_environment(cluster, manifest)
        run = Run(
            words,
            options.namespace,
            options.image,
            {**self._pod_environment(cluster), **artifacts, **options.environment},
            self._packed_cache(),
            self._selection(cluster, options.namespace or manifest["metadata"].get("namespace")),
            options.test_timeout,
        )
        name = f"{manifest['metadata']['name']}-{run.run_id}"
        namespace = options.namespace or manifest["metadata"].get("namespace") or cluster.namespace
        watch = self._watch(cluster, manifest, namespace)
        following = self._prepare(cluster, name, run.selection.shards, watch)
        if DEBUGGER in run.environment:
            following.debugger = self._debugger(cluster, manifest)
        following.start(manifest, run, synced)
        return following

    def _manifest(self) -> dict[str, Any]:
        """Return the Job of the user's manifest; with `--sync` none is needed."""
        if self._is_built_in:
            return built_in_job(self._options.image)
        return load_job(self._options.manifest)

    def _gather(self, default: list[str]) -> SyncedTests | None:
        """Pack the tests that are here, if the session brings them."""
        if self._sync is None:
            return None
        from pytest_k8s_job.sync.synced_tests import gather  # noqa: PLC0415 (others run without)

        return gather(self._config, self._sync, default, bare=self._is_built_in)

    @property
    def _is_built_in(self) -> bool:
        unnamed = self._options.manifest == self._config.rootpath / DEFAULT_MANIFEST
        return self._sync is not None and unnamed and not self._options.manifest.exists()

    def _join(self) -> ClusterRun:
        """Follow a run that somebody else started; nothing is created nor deleted."""
        self._packed_cache()  # the pod has selected: no plugin here may select again
        cluster, name = self._connect(), self._options.attach or ""
        jobs = jobs_of_run(cluster, self._options.namespace, name)
        if {"--co", "--collect-only"} & set(jobs[0].arguments):
            self._config.option.collectonly = True
        first = jobs[0].job
        watch = self._watch(cluster, cluster.find(first.namespace, first.name), first.namespace)
        following = self._prepare(cluster, name, jobs[0].shards, watch)
        following.join(jobs)
        return following

    def _connect(self) -> JobFinder:
        cluster: JobFinder = self._config.hook.pytest_k8s_job_cluster(config=self._config)
        return cluster

    def _watch(self, cluster: JobFinder, job: Object, namespace: str) -> TargetWatch:
        options = self._options
        more = {"k8s_target_url": options.target_url, **options.environment}
        said = map(parse_said, options.target)
        return TargetWatch(cluster, search_for(job, namespace, said, more))

    def _prepare(
        self, cluster: JobFinder, name: str, shards: int, watch: TargetWatch
    ) -> ClusterRun:
        reporter = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and shards > 1:
            reporter.showfspath = False  # tests of several files run at once, as with xdist
        pods = f", {shards} shards" if shards > 1 else ""
        status = StatusLine(reporter, f"Job {name}{pods}, {cluster.describe()}")
        self.run = ClusterRun(cluster, self._options, self._session, status, watch)
        if (evidence := self._config.pluginmanager.getplugin(EVIDENCE_PLUGIN)) is not None:
            run = self.run
            evidence.follow(cluster, run.jobs.refs, lambda: run.target)
        return self.run

    # -- what travels

    def _selection(self, cluster: JobFinder, namespace: str | None) -> Selection:
        options = self._options
        alone = options.shards == 1 or self._durations is None
        known = self._durations.by_key() if self._durations and not alone else {}
        shards = options.shards or shards_for(sum(known.values()))
        return Selection(shards, options.shard_by, self._left_over(cluster, namespace), known)

    def _left_over(self, cluster: JobFinder, namespace: str | None) -> frozenset[bytes] | None:
        run = self._options.rerun_failed
        if run is None:
            return None
        left = read_results(cluster, newest_run(cluster, namespace, run)).left
        if not left:
            raise UsageError(f"--rerun-failed: every test of run {run} was reported and passed")
        return frozenset(map(key_of, left))

    def _pod_arguments(self, default: list[str]) -> list[str]:
        config, options = self._config, self._options
        typed = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
        typed += map(str, config.invocation_params.args)
        paths = config.option.file_or_dir
        words = travelling(typed, paths, config.invocation_params.dir, config.rootpath)
        reporter = config.pluginmanager.getplugin("terminalreporter")
        color = [f"--color={'yes' if reporter._tw.hasmarkup else 'no'}"] if reporter else []
        retries = [f"--reruns={options.retries}"] if options.retries else []
        return [*([] if paths else default), *words, *retries, *color]

    def _packed_cache(self) -> str:
        """Return what the pod needs to select like --lf would here; silence the plugins here."""
        config = self._config
        quiet_own_plugins(config)
        chosen = ("lf", "failedfirst", "newfirst", "stepwise")
        if not any(getattr(config.option, name, False) for name in chosen):
            return ""
        values = {key: config.cache.get(key, None) for key in KEYS} if config.cache else {}
        return pack({key: value for key, value in values.items() if value is not None})

    def _debugger(self, cluster: JobFinder, manifest: Object) -> Debugger | None:
        """Return what joins this terminal to a debugger in the pod."""
        from pytest_k8s_job.run.debugger import Debugger, life_of  # noqa: PLC0415 (needs a terminal)

        if not isinstance(cluster, Conversing):
            return None
        return Debugger(cluster, self._config, life_of(manifest))

    def _artifact_environment(self, cluster: JobFinder, manifest: Object) -> dict[str, str]:
        """Return what makes the pod look for artifacts, if any are wanted."""
        artifacts = read_artifact_options(self._config)
        if not artifacts.patterns or runs_nothing(self._config):
            return {}
        typed = self._options.namespace or manifest["metadata"].get("namespace")
        return {
            ARTIFACTS: "\n".join(artifacts.patterns),
            ARTIFACT_BYTES: str(artifacts.limit),
            ARTIFACTS_STAY: why_no_exec(cluster, typed or cluster.namespace),
        }

    def _pod_environment(self, cluster: JobFinder) -> dict[str, str]:
        found = {name: os.environ[name] for name in FORMATTING_ENVIRONMENT if name in os.environ}
        if os.environ.get("PYTHONBREAKPOINT") == "0":
            found["PYTHONBREAKPOINT"] = "0"  # another debugger would need a terminal in the pod
        if isinstance(cluster, Conversing) and can_debug(self._config):
            found[DEBUGGER] = "1"
        found[EVIDENCE] = self._config.option.k8s_evidence
        return {**found, JUNIT: "1"} if xml_key in self._config.stash else found
