"""Renders the page: one HTML file that loads nothing from the network.

Everything that came from outside is escaped by Jinja2's autoescaping; what a template may take as
markup is made here, of escaped parts.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from pytest_k8s_job.report.document import Document, Outcome, Result
from pytest_k8s_job.report.previews import previews
from pytest_k8s_job.report.sentence import plural
from pytest_k8s_job.report.timeline import lay_out

__all__ = ["render"]

SHOWN_PER_CAUSE = 50  # failures in full; nobody reads the fifty-first of the same kind
SHOWN = 300  # failures in full on the page; report.json has all
TEXT_LENGTH = 20_000  # characters of one traceback or section; beginning and end are kept
SLOWEST = 10
GLYPHS = {
    Outcome.FAILED: "✕",
    Outcome.ERROR: "!",
    Outcome.SKIPPED: "\N{EN DASH}",
    Outcome.XFAILED: "x",
    Outcome.XPASSED: "X",
    Outcome.PASSED: "✓",
}


@dataclass(frozen=True)
class Group:
    """The failures of one cause: some in full, the others by name."""

    text: str
    tests: int
    shown: tuple[tuple[str, Result], ...]
    named: tuple[str, ...]


def render(document: Document, folder: Path = Path()) -> str:
    """Return the page that will lie in `folder`."""
    environment = _environment()
    style, script = (_source(environment, name) for name in ("style.css", "page.js"))
    groups = tuple(_groups(document))
    timeline = lay_out(document)
    anchors = {test.nodeid: anchor for group in groups for anchor, test in group.shown}
    return environment.get_template("page.html").render(
        document=document,
        kind=_kind(document),
        findings_title="Found in the cluster" if document.failed else "Cause",
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        groups=groups,
        timeline=timeline,
        rows=list(_rows(document, anchors, timeline.first)),
        outcomes=[outcome.value for outcome in Outcome],
        glyphs={outcome.value: glyph for outcome, glyph in GLYPHS.items()},
        slowest=sorted(document.tests, key=lambda test: -test.duration)[:SLOWEST],
        flaky=[test for test in document.tests if test.reruns],
        anchors=anchors,
        artifacts=previews(document.artifacts, folder),
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pytest_k8s_job.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
    environment.filters |= {
        "cut": cut,
        "traceback": _traceback,
        "seconds": seconds,
        "offset": lambda value: f"{value:.1f} s" if value < 60 else seconds(value),
        "time": _time,
        "plural": plural,
        "bytes": lambda count: f"{count:,} bytes",
    }
    return environment


def _source(environment: Environment, name: str) -> Markup:
    """Return one of the package's own files as markup."""
    loader = environment.loader
    assert loader is not None  # noqa: S101 (_environment sets it)
    return Markup(loader.get_source(environment, name)[0])  # noqa: S704 (our own file)


def _kind(document: Document) -> str:
    """Return the colour class of the verdict."""
    if document.verdict == "PASSED":
        return "good"
    return "bad" if document.verdict == "FAILED" else "odd"


def _groups(document: Document) -> Iterator[Group]:
    by_id = {test.nodeid: test for test in document.tests}
    number = 0
    for cause in document.causes:
        room = min(SHOWN_PER_CAUSE, SHOWN - number)
        shown = tuple(
            (f"failure-{number + i}", by_id[nodeid])
            for i, nodeid in enumerate(cause.nodeids[:room], start=1)
        )
        number += len(shown)
        yield Group(cause.text, len(cause.nodeids), shown, cause.nodeids[room:])


def _rows(document: Document, anchors: dict[str, str], first: float) -> Iterator[list[Any]]:
    """Yield the data of each test for the script, failed tests first."""
    order = list(Outcome)
    for test in sorted(document.tests, key=lambda test: not test.bad):
        note = test.reason or (plural(test.reruns, "rerun") if test.reruns else "")
        began = None if test.started is None else round(test.started - first, 3)
        took, anchor = round(test.duration, 4), anchors.get(test.nodeid, "")
        yield [order.index(test.outcome), test.nodeid, test.shard, began, took, anchor, note]


def cut(text: str) -> str:
    """Return `text`, with its middle left out if it is too long."""
    if len(text) <= TEXT_LENGTH:
        return text
    half = TEXT_LENGTH // 2
    left_out = f"\n\n… {len(text) - 2 * half:,} characters stand in report.json only …\n\n"
    return text[:half] + left_out + text[-half:]


def _traceback(text: str) -> Markup:
    """Return a traceback with its error lines marked."""
    result = Markup()
    for mark, lines in groupby(cut(text).splitlines(keepends=True), key=_mark):
        inside = escape("".join(lines))
        result += Markup('<span class="{}">{}</span>').format(mark, inside) if mark else inside
    return result


def _mark(line: str) -> str:
    if line.startswith("E  "):
        return "wrong"
    return "here" if line.startswith(">  ") else ""


def seconds(value: float) -> str:
    """Return a duration for people."""
    if value < 0.0995:
        return f"{value * 1000:.0f} ms"
    if value < 60:
        return f"{value:.2f} s" if value < 10 else f"{value:.1f} s"
    return f"{int(value // 60)} min {value % 60:02.0f} s"


def _time(at: float, pattern: str = "%Y-%m-%d %H:%M:%S UTC") -> str:
    return datetime.fromtimestamp(at, UTC).strftime(pattern)
