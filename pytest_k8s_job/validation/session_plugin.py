"""The pytest plugin of a session that follows a run for its verdict."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_k8s_job.cluster.pods import JobFinder
from pytest_k8s_job.report.builder import ReportBuilder
from pytest_k8s_job.report.document import to_json
from pytest_k8s_job.report.run_data import REPORT_BUILDER
from pytest_k8s_job.validation.follow import DOCUMENT, KEPT
from pytest_k8s_job.validation.kept_cluster import KeptCluster

__all__ = ["pytest_configure", "pytest_k8s_job_cluster"]


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Let the session leave its document, as report.json has it, where the environment says."""
    builder = config.pluginmanager.getplugin(REPORT_BUILDER)
    if builder is None:  # there is no --report
        builder = ReportBuilder(config)
        config.pluginmanager.register(builder, REPORT_BUILDER)
    config.pluginmanager.register(Writer(builder), "k8s_job_validation_writer")


@pytest.hookimpl(tryfirst=True)
def pytest_k8s_job_cluster() -> JobFinder | None:
    """Return the kept run in the folder that the environment names, if it names one."""
    return KeptCluster(Path(os.environ[KEPT])) if KEPT in os.environ else None


class Writer:
    """Writes the document of the session, and prints nothing."""

    def __init__(self, builder: ReportBuilder) -> None:
        self._builder = builder

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write it after all other plugins."""
        text = to_json(self._builder.document(int(exitstatus)))
        Path(os.environ[DOCUMENT]).write_text(text, encoding="utf-8", errors="replace")
