"""Writes the summary in Markdown, for job summaries and merge requests."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from pytest_k8s_job.report.document import Document
from pytest_k8s_job.report.sentence import plural

__all__ = ["summarise"]

CAUSES = 10  # shown; the page has all
NAMES = 5  # of tests of one cause
TEXT_LENGTH = 3_000  # characters of a traceback; its end says what went wrong
SIGNS = {"PASSED": "✅", "FAILED": "❌"}


def summarise(document: Document) -> str:
    """Return the summary of a document."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Document) -> Iterator[str]:
    yield f"## {SIGNS.get(document.verdict, '⚠️')} {escape(document.verdict)}"
    yield ""
    yield escape(document.first_line)
    yield ""
    if document.target_line:
        yield from [escape(document.target_line), ""]
    for finding in document.findings[:CAUSES]:
        if finding.sentence != document.first_line:
            yield f"- {escape(finding.sentence)}"
        if finding.remedy:
            yield from ["", *fence(finding.remedy), ""]
    if document.counts:
        yield f"| {' | '.join(document.counts)} | seconds |"
        yield f"| {' | '.join('---:' for _ in document.counts)} | ---: |"
        yield f"| {' | '.join(map(str, document.counts.values()))} | {document.duration:.1f} |"
        yield ""
    yield from _failures(document)
    yield from _target(document)


def _failures(document: Document) -> Iterator[str]:
    by_id = {test.nodeid: test for test in document.tests}
    for cause in document.causes[:CAUSES]:
        number = len(cause.nodeids)
        text = html.escape(" ".join(cause.text.split()))  # no Markdown within this element
        yield f"<details><summary>{plural(number, 'test')}: {text}</summary>"
        yield ""
        yield from (f"- {code(nodeid)}" for nodeid in cause.nodeids[:NAMES])
        if number > NAMES:
            yield f"- and {number - NAMES} more"
        yield ""
        yield from fence(by_id[cause.nodeids[0]].main_failure.traceback[-TEXT_LENGTH:])
        yield from ["", "</details>", ""]
    if len(document.causes) > CAUSES:
        yield from [f"And {plural(len(document.causes) - CAUSES, 'more cause')}.", ""]


def _target(document: Document) -> Iterator[str]:
    place = document.place
    words = [
        place.kubernetes and f"Kubernetes {escape(place.kubernetes)}",
        place.namespace and f"namespace {code(place.namespace)}",
        place.job and f"Job {code(place.job)}",
    ]
    if any(words):
        yield from [" · ".join(filter(None, words)), ""]
    if document.target:
        yield from ["| workload | image | digest |", "| --- | --- | --- |"]
        for each in document.target:
            there = "" if each.namespace == place.namespace else f" in {escape(each.namespace)}"
            yield f"| {escape(each.name)}{there} | {escape(each.image)} | {escape(each.digest)} |"


def escape(text: str) -> str:
    """Return `text` for a line of Markdown, with all markup escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#|~&!@])", r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Return `text` as code within a line."""
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""
    return f"{ticks}{space}{' '.join(text.split())}{space}{ticks}"


def fence(text: str) -> list[str]:
    """Return the lines of a code block that holds `text`."""
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=2))
    return [f"{ticks}text", text, ticks]
