"""Annotates failures in the way that the CI system understands.

GitHub Actions reads commands from the output and a job summary from a file; GitLab reads JUnit
reports, links from an annotations report, and collapsible sections in the output.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from pytest_k8s_job.report.document import Document, Failure, Result
from pytest_k8s_job.report.markdown import summarise

__all__ = ["annotate"]

ANNOTATIONS = 10  # GitHub shows no more errors of one step
SUMMARY_BYTES = 900_000  # GitHub refuses a step's summary above 1 MiB
MESSAGE_LENGTH = 1_000  # characters
GITLAB_REPORT = "gitlab-annotations.json"


def annotate(
    document: Document, folder: Path, root: Path, environ: Mapping[str, str]
) -> Iterator[str]:
    """Write the CI system's files, and yield the lines for its output."""
    if environ.get("GITHUB_ACTIONS") == "true":
        if summary := environ.get("GITHUB_STEP_SUMMARY"):
            with Path(summary).open("ab") as file:
                file.write(summarise(document).encode(errors="replace")[:SUMMARY_BYTES] + b"\n")
        yield from _github(document, _prefix(root, environ.get("GITHUB_WORKSPACE")))
    elif environ.get("GITLAB_CI") == "true":
        _link_in_gitlab(folder, environ)
        yield from _gitlab(document)


def _failures(document: Document) -> Iterator[tuple[Result, Failure]]:
    """Yield one failure of each failed test, distinct causes first."""
    by_id = {test.nodeid: test for test in document.tests}
    first = [cause.nodeids[0] for cause in document.causes]
    others = [nodeid for cause in document.causes for nodeid in cause.nodeids[1:]]
    for nodeid in [*first, *others]:
        yield by_id[nodeid], by_id[nodeid].main_failure


def _github(document: Document, prefix: str) -> Iterator[str]:
    if document.exit_code and not document.causes:
        yield f"::error title={_property(document.verdict)}::{_message(document.first_line)}"
    for number, (test, failure) in enumerate(_failures(document)):
        if number == ANNOTATIONS - 1 and len(document.failed) > ANNOTATIONS:
            rest = len(document.failed) - number
            yield f"::error title={rest} more tests failed::The report and the summary name them."
            return
        line = f",line={failure.line}" if failure.line else ""
        place = f"file={_property(prefix + (failure.file or test.file))}{line}"
        text = failure.headline
        if failure.likely_cause:
            text += f"\nLikely cause: {failure.likely_cause}"
        yield f"::error {place},title={_property(test.nodeid)}::{_message(text)}"


def _prefix(root: Path, workspace: str | None) -> str:
    """Return the path from the checkout to the root directory."""
    if not workspace or not root.is_relative_to(workspace) or root == Path(workspace):
        return ""
    return root.relative_to(workspace).as_posix() + "/"


def _message(text: str) -> str:
    text = text[:MESSAGE_LENGTH].replace("%", "%25")
    return text.replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def _link_in_gitlab(folder: Path, environ: Mapping[str, str]) -> None:
    """Write the annotations report that links the page from the job."""
    job, project = environ.get("CI_JOB_URL"), environ.get("CI_PROJECT_DIR")
    if not job or not project or not folder.is_relative_to(project):
        return
    path = (folder / "index.html").relative_to(project).as_posix()
    link = {"external_link": {"label": "Test report", "url": f"{job}/artifacts/file/{path}"}}
    (folder / GITLAB_REPORT).write_text(json.dumps({"test_report": [link]}))


def _gitlab(document: Document) -> Iterator[str]:
    if not document.causes:
        return
    now = int(time.time())
    title = f"{len(document.failed)} failed tests by cause"
    yield f"\x1b[0Ksection_start:{now}:failures_by_cause[collapsed=true]\r\x1b[0K{title}"
    for test, failure in list(_failures(document))[:ANNOTATIONS]:
        place = failure.file + (f":{failure.line}" if failure.line else "")
        yield f"{place}: {test.nodeid}: {failure.headline}"
    yield f"\x1b[0Ksection_end:{now}:failures_by_cause\r\x1b[0K"
