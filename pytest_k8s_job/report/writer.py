"""The plugin behind `--report DIR`, which writes the report at the session's end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_k8s_job.report.annotations import annotate
from pytest_k8s_job.report.builder import ReportBuilder
from pytest_k8s_job.report.document import Document, to_json
from pytest_k8s_job.report.markdown import summarise
from pytest_k8s_job.report.page import render
from pytest_k8s_job.report.run_data import REPORT_BUILDER

__all__ = ["ReportWriter", "register", "write"]

PAGE, JSON, MARKDOWN, JUNIT = "index.html", "report.json", "summary.md", "junit.xml"


def register(config: pytest.Config) -> None:
    """Add the report to this session, before pytest's own reporters are configured."""
    folder = Path(config.invocation_params.dir, config.option.report)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise pytest.UsageError(f"--report {folder}: {error.strerror}") from None
    if not getattr(config.option, "xmlpath", None):
        config.option.xmlpath = str(folder / JUNIT)
    builder = ReportBuilder(config)
    config.pluginmanager.register(builder, REPORT_BUILDER)
    config.pluginmanager.register(ReportWriter(config, folder, builder), "k8s_job_report_writer")


def write(document: Document, folder: Path) -> None:
    """Write the page, the JSON document and the summary into `folder`."""
    texts = {PAGE: render(document, folder), JSON: to_json(document), MARKDOWN: summarise(document)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", errors="replace")


class ReportWriter:
    """Writes the report, then prints where it is."""

    def __init__(self, config: pytest.Config, folder: Path, builder: ReportBuilder) -> None:
        self._config = config
        self._folder = folder
        self._builder = builder
        self._lines: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """Write the report after all other plugins, before the terminal's summary."""
        document = self._builder.document(int(exitstatus))
        try:
            write(document, self._folder)
            annotations = annotate(document, self._folder, self._config.rootpath, os.environ)
            self._lines = [*annotations, f"report: {self._folder / PAGE}"]
        except OSError as error:
            self._lines = [f"report: not written, {error}"]

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the lines for the CI system and the path of the page."""
        for line in self._lines:
            terminalreporter.write_line(line)
