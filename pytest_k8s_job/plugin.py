"""The pytest plugin: options, and late registration of the collector.

Pytest loads this module everywhere, also in the pod; it must stay light and must not import
`kubernetes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_k8s_job.option_table import add_options
from pytest_k8s_job.options import read_options
from pytest_k8s_job.sync.artifact_options import add_artifact_options, read_artifact_options
from pytest_k8s_job.sync.sync_options import add_sync_options

if TYPE_CHECKING:
    from pytest_k8s_job.cluster.pods import Cluster

# Options that cannot work with tests in the pod, and why.
REFUSED = {
    "numprocesses": "-n would start the processes of pytest-xdist here: use --shards in its place",
}


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the options."""
    add_options(parser)
    add_sync_options(parser)
    add_artifact_options(parser)
    config = pluginmanager.getplugin("pytestconfig")
    if config is not None and "--in-cluster" in config.invocation_params.args:
        from pytest_k8s_job.replay import suite_settings  # noqa: PLC0415 (light)
        from pytest_k8s_job.run.arguments import REPORTERS  # noqa: PLC0415 (light)

        suite_settings.ignore_requirements(config)
        suite_settings.tolerate_missing_plugins(pluginmanager, but=REPORTERS)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks of this package."""
    from pytest_k8s_job import hooks  # noqa: PLC0415 (light for sessions that run here)

    pluginmanager.add_hookspecs(hooks)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> None:
    """Drop conftest files, options and ini values that only the pod knows."""
    if early_config.known_args_namespace.in_cluster:
        from pytest_k8s_job.replay.suite_settings import drop_suite_settings  # noqa: PLC0415 (light)

        drop_suite_settings(early_config, parser, args)
        # Five full garbage collections at the end, to find what tests left: none ran here.
        early_config.pluginmanager.set_blocked("unraisableexception")


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Refuse what cannot work; pass questions about pytest to the pod."""
    if config.option.report and not hasattr(config, "workerinput"):  # not in a worker of xdist
        _register_report(config)
    if not config.known_args_namespace.in_cluster:
        if config.option.sync:
            raise pytest.UsageError("--sync brings tests into a pod: add --in-cluster")
        return None
    for name, reason in REFUSED.items():
        if getattr(config.option, name, False):
            raise pytest.UsageError(reason)
    try:
        from pytest_k8s_job.run.questions import answer_from_pod, is_question  # noqa: PLC0415 (needs the extra)
        from pytest_k8s_job.run.terminal import check_debugger  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise pytest.UsageError(
            f"--in-cluster needs {error.name}: pip install 'pytest-k8s-job[collector]'"
        ) from error
    if is_question(config):
        return answer_from_pod(config)
    check_debugger(config)
    return None


def _register_report(config: pytest.Config) -> None:
    """Register the report, before pytest's own reporters choose where to write."""
    try:
        from pytest_k8s_job.report.writer import register  # noqa: PLC0415 (needs the extra)
    except ModuleNotFoundError as error:
        raise pytest.UsageError(
            f"--report needs {error.name}: pip install 'pytest-k8s-job[report]'"
        ) from error
    register(config)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the collector, after the reporters whose hooks it replaces.

    The cache that --cache-show shows is kept here: for that, nothing has to run.
    """
    in_pod = config.pluginmanager.hasplugin("k8s_job_emitter")
    if in_pod and config.getini("k8s_target_url"):
        from pytest_k8s_job.pod.target_check import TargetCheck  # noqa: PLC0415 (loads ssl)

        config.pluginmanager.register(TargetCheck(config), "k8s_job_target_check")
    if config.option.in_cluster and not getattr(config.option, "cacheshow", None):
        from pytest_k8s_job.evidence.plugin import EvidencePlugin  # noqa: PLC0415
        from pytest_k8s_job.replay.flaky import Flaky  # noqa: PLC0415
        from pytest_k8s_job.replay.local_plugins import (  # noqa: PLC0415
            ARTIFACTS_PLUGIN,
            EVIDENCE_PLUGIN,
        )
        from pytest_k8s_job.run.artifacts import Artifacts  # noqa: PLC0415
        from pytest_k8s_job.run.collector import Collector  # noqa: PLC0415 (needs the extra)
        from pytest_k8s_job.run.durations import Durations  # noqa: PLC0415

        config.pluginmanager.register(Durations(config), "k8s_job_durations")
        config.pluginmanager.register(Flaky(), "k8s_job_flaky")
        config.pluginmanager.register(EvidencePlugin(config), EVIDENCE_PLUGIN)
        artifacts = Artifacts(config, read_artifact_options(config))
        config.pluginmanager.register(artifacts, ARTIFACTS_PLUGIN)
        config.pluginmanager.register(Collector(config, read_options(config)), "k8s_job_collector")


@pytest.hookimpl(trylast=True)
def pytest_k8s_job_cluster(config: pytest.Config) -> Cluster:
    """Connect to the real cluster."""
    from pytest_k8s_job.cluster.client import connect  # noqa: PLC0415 (needs the extra)

    options = read_options(config)
    return connect(options.kubeconfig, options.context)
