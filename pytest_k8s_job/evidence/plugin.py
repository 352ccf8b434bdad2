"""The collector's plugin that attaches evidence to failed reports and masks secrets.

It is light: a run without failures reads nothing and imports nothing of the rest.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.junitxml import xml_key

from pytest_k8s_job.cluster.pods import JobRef, Reader
from pytest_k8s_job.evidence.masking import Masks, secret_values
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.wire.records import EXCHANGES_TITLE, Kind, Record

if TYPE_CHECKING:
    from pytest_k8s_job.evidence.connections import Peer
    from pytest_k8s_job.evidence.gatherer import Gatherer

__all__ = ["EvidencePlugin"]

CONNECTIONS = "connected to"  # title of a section
LIKELY_CAUSE = "likely cause"  # the section's title; the report has a place of its own for it


class EvidencePlugin:
    """Attaches evidence to each failed report before reporters see it."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._wanted = config.option.k8s_evidence == "yes"
        try:
            self._masks = Masks(config.option.mask)
        except re.error as error:
            raise pytest.UsageError(f"--mask: {error.pattern!r} is no regex: {error}") from None
        self._begun: dict[str, float] = {}
        self._causes: list[tuple[str, str]] = []
        self._peers: dict[str, list[Peer]] = {}
        self._jobs: Sequence[JobRef] = ()
        self._reader: Reader | None = None
        self._find_target: Callable[[], Target] = Target
        self._gatherer: Gatherer | None = None

    def follow(
        self, reader: Reader, jobs: Sequence[JobRef], find_target: Callable[[], Target]
    ) -> None:
        """Set the Jobs to watch, which grow while the run creates more, and the target."""
        self._reader, self._jobs, self._find_target = reader, jobs, find_target

    def clean(self, record: Record) -> Record:
        """Return a record of the pod with secrets masked."""
        if record[0] == Kind.REPORT and record[1].get("outcome") == "failed":
            self._begin()
        if record[0] == Kind.CONNECTIONS:
            self._peers.setdefault(record[1], []).extend(map(tuple, record[2]))
        if record[0] in (Kind.ARTIFACTS, Kind.ARTIFACT):
            return record  # whole files: their sha256 must stay right
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
            self._peers.pop(report.nodeid, None)
            self._write_junit(report)  # its case is written in this very call
            return (yield)
        result = yield
        self._write_junit(report)
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
        window, message = Window(begun, report.stop), _error_message(report)
        found = self._gatherer.gather(report.nodeid, trace, window, message)
        found = [*self._connections(report), *found]
        found = [(title, masks.evidence(text)) for title, text in found]
        ours = [each for each in report.sections if each[0] == EXCHANGES_TITLE]
        others = [each for each in report.sections if each[0] != EXCHANGES_TITLE]
        report.sections = [*others, *ours, *found]
        if cause := dict(found).get(LIKELY_CAUSE, ""):
            report.likely_cause = cause
            self._causes.append((cause, report.nodeid))
        if ours or found:
            report.__dict__["k8s_job_evidence"] = [*ours, *found]

    def _connections(self, report: Any) -> list[tuple[str, str]]:
        peers = list(dict.fromkeys(self._peers.get(report.nodeid, ())))
        if not peers:
            return []
        from pytest_k8s_job.evidence.connections import connections_text  # noqa: PLC0415 (light)

        exchanges = "".join(text for title, text in report.sections if title == EXCHANGES_TITLE)
        namespace = self._jobs[0].namespace if self._jobs else ""
        text = connections_text(peers, self._find_target(), namespace, exchanges)
        return [(CONNECTIONS, text)]

    def _begin(self) -> None:
        """Create the gatherer at the first failure."""
        jobs, reader = self._jobs, self._reader
        if self._gatherer is not None or not self._wanted or reader is None or not jobs:
            return
        from pytest_k8s_job.evidence.gatherer import Gatherer  # noqa: PLC0415 (light)

        marker = self._config.getini("k8s_evidence_marker")
        self._gatherer = Gatherer(reader, jobs[0].namespace, self._find_target, marker)
        self._masks.add(secret_values(self._gatherer.secrets()))

    def shared_line(self) -> str:
        """Return what the target logged in most of the failed tests, or nothing."""
        return self._masks.evidence(self._gatherer.shared_line()) if self._gatherer else ""

    def _write_junit(self, report: Any) -> None:
        """Write the evidence as system-out, which pytest leaves out by default."""
        xml = self._config.stash.get(xml_key, None)
        # A passed report that is asked for its __dict__ takes 64 bytes more, to the end.
        found = report.__dict__.pop("k8s_job_evidence", ()) if report.failed else ()
        if xml is not None and found:
            text = "\n\n".join(f"--- {title} ---\n{text}" for title, text in found)
            xml.node_reporter(report)._write_content(report, text, "system-out")

    @pytest.hookimpl(tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the likely causes, and what evidence is missing."""
        if self._gatherer is None:
            return
        from pytest_k8s_job.diagnosis.grouping import group_texts  # noqa: PLC0415 (light)
        from pytest_k8s_job.evidence.shared_log import same_complaint  # noqa: PLC0415 (light)

        shared = self.shared_line()
        causes = [each for each in self._causes if not same_complaint(each[0], shared)]
        groups = group_texts(causes)
        if groups or shared:
            terminalreporter.write_sep("=", "likely causes")
        if shared:
            terminalreporter.write_line(shared)
        for cause, nodeids in groups:
            count = len(set(nodeids))
            tests = f"{count} tests" if count > 1 else f"1 test ({nodeids[0]})"
            terminalreporter.write_line(f"{tests} failed because {cause}")
        for note in self._gatherer.notes():
            terminalreporter.write_line(note)
        self._gatherer.close()


def _error_message(report: Any) -> str:
    """Return class and message of the exception."""
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message) if crash is not None else ""
