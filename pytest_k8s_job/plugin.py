"""The pytest plugin: options, and late registration of the half that needs a cluster.

Pytest loads this module everywhere, also in the pod; it must stay light and must not import
`kubernetes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_k8s_job.options import add_options, read_options
from pytest_k8s_job.target_check import TargetCheck

if TYPE_CHECKING:
    from pytest_k8s_job.pods import Cluster


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    add_options(parser)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks of this package."""
    from pytest_k8s_job import hooks  # noqa: PLC0415 (light for sessions that run here)

    pluginmanager.add_hookspecs(hooks)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Leave the suite's conftest files alone: they and what they import belong to the pod."""
    if early_config.known_args_namespace.in_cluster:
        early_config.known_args_namespace.noconftest = True
        # Five full garbage collections at the end, to find what tests left: none ran here.
        early_config.pluginmanager.set_blocked("unraisableexception")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Register the collector, after the reporters whose hooks it replaces."""
    if not config.option.in_cluster:
        if config.pluginmanager.hasplugin("k8s_job_emitter"):  # this is the pod
            config.pluginmanager.register(TargetCheck(config), "k8s_job_target_check")
        return
    try:
        from pytest_k8s_job.collector import Collector  # noqa: PLC0415 (needs the extra)
        from pytest_k8s_job.durations import Durations  # noqa: PLC0415
        from pytest_k8s_job.flaky import Flaky  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise pytest.UsageError(
            f"--in-cluster needs {error.name}: pip install 'pytest-k8s-job[collector]'"
        ) from error
    config.pluginmanager.register(Durations(config), "k8s_job_durations")
    config.pluginmanager.register(Flaky(), "k8s_job_flaky")
    config.pluginmanager.register(Collector(config, read_options(config)), "k8s_job_collector")


@pytest.hookimpl(trylast=True)
def pytest_k8s_job_cluster(config: pytest.Config) -> Cluster:
    """Connect to the real cluster."""
    from pytest_k8s_job.cluster import connect  # noqa: PLC0415 (needs the extra)

    options = read_options(config)
    return connect(options.kubeconfig, options.context)
