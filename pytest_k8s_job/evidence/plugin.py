"""The plugin of the near side that attaches evidence to failed reports and masks secrets.

It is light: a run without failures reads nothing and imports nothing of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.junitxml import xml_key

from pytest_k8s_job.cluster.pods import JobRef, Reader
from pytest_k8s_job.evidence.masking import Masks, secret_values
from pytest_k8s_job.wire.records import EXCHANGES_TITLE, Kind, Record

if TYPE_CHECKING:
    from pytest_k8s_job.evidence.gatherer import Gatherer

__all__ = ["Attaching"]

LIKELY = "likely cause"  # the section's title; the report has a place of its own for it


class Attaching:
    """Holds a failed report until its evidence is there."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._wanted = config.option.k8s_evidence == "yes"
        try:
            self._masks = Masks(config.option.mask)
        except re.error as error:
            raise pytest.UsageError(f"--mask: {error.pattern!r} is no regex: {error}") from None
        self._begun: dict[str, float] = {}
        self._causes: list[tuple[str, str]] = []
        self._jobs: Sequence[JobRef] = ()
        self._reader: Reader | None = None
        self._gatherer: Gatherer | None = None

    def follow(self, reader: Reader, jobs: Sequence[JobRef]) -> None:
        """Say whose failures these are; `jobs` grows while the run creates Jobs."""
        self._reader, self._jobs = reader, jobs

    def clean(self, record: Record) -> Record:
        """Return a record of the pod without what must not be shown."""
        if record[0] == Kind.REPORT and record[1].get("outcome") == "failed":
            self._begin()
        return self._masks.record(record)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> Generator[None, None, None]:
        """Attach the evidence before any reporter sees the report."""
        begun = self._begun
        if report.when == "setup":
            begun[report.nodeid] = report.start
        if report.failed:
            self._attach(report, begun.get(report.nodeid, report.start))
        if report.when == "teardown":
            begun.pop(report.nodeid, None)
            self._tell_junit(report)  # its case is written in this very call
            return (yield)
        result = yield
        self._tell_junit(report)
        return result

    def _attach(self, report: Any, begun: float) -> None:
        masks = self._masks
        report.sections = [
            (title, masks.evidence(text) if title == EXCHANGES_TITLE else text)
            for title, text in report.sections
        ]
        self._begin()
        if self._gatherer is None or not report.start:
            return
        from pytest_k8s_job.evidence.window import Window  # noqa: PLC0415 (light)

        trace = getattr(report, "trace_id", "")
        window, said = Window(begun, report.stop), _said(report)
        found = self._gatherer.gather(report.nodeid, trace, window, said)
        found = [(title, masks.evidence(text)) for title, text in found]
        ours = [each for each in report.sections if each[0] == EXCHANGES_TITLE]
        others = [each for each in report.sections if each[0] != EXCHANGES_TITLE]
        report.sections = [*others, *ours, *found]
        if cause := dict(found).get(LIKELY, ""):
            report.likely_cause = cause
            self._causes.append((cause, report.nodeid))
        if ours or found:
            report.__dict__["k8s_job_evidence"] = [*ours, *found]

    def _begin(self) -> None:
        """Make ready at the first failure."""
        jobs, reader = self._jobs, self._reader
        if self._gatherer is not None or not self._wanted or reader is None or not jobs:
            return
        from pytest_k8s_job.evidence.gatherer import Gatherer  # noqa: PLC0415 (light)

        ini = self._config.getini
        selector, marker = ini("k8s_target_selector"), ini("k8s_evidence_marker")
        self._gatherer = Gatherer(reader, jobs[0].namespace, selector, marker)
        self._masks.add(secret_values(self._gatherer.secrets()))

    def _tell_junit(self, report: Any) -> None:
        """Write the evidence as system-out, which pytest itself leaves out by default."""
        xml = self._config.stash.get(xml_key, None)
        # A passed report that is asked for its __dict__ takes 64 bytes more, to the end.
        found = report.__dict__.pop("k8s_job_evidence", ()) if report.failed else ()
        if xml is not None and found:
            text = "\n\n".join(f"--- {title} ---\n{text}" for title, text in found)
            xml.node_reporter(report)._write_content(report, text, "system-out")

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what failures have in common, and what evidence is missing."""
        from pytest_k8s_job.diagnosis.grouping import group_texts  # noqa: PLC0415 (light)

        groups = group_texts(self._causes)
        if groups:
            terminalreporter.write_sep("=", "likely causes")
        for cause, nodeids in groups:
            count = len(set(nodeids))
            tests = f"{count} tests" if count > 1 else f"1 test ({nodeids[0]})"
            terminalreporter.write_line(f"{tests} failed because {cause}")
        if self._gatherer is not None:
            for note in self._gatherer.notes():
                terminalreporter.write_line(note)
            self._gatherer.close()


def _said(report: Any) -> str:
    """Return the message of what was raised, with its class."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message) if crash is not None else ""
