"""Formats a diagnosis as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pytest_k8s_job.diagnosis.finding import Finding, Outlook

if TYPE_CHECKING:
    from pytest_k8s_job.diagnosis.focus import Diagnosis

__all__ = ["as_text", "diagnosis_text"]

OUTLOOKS = {
    Outlook.FINAL: "waiting does not help",
    Outlook.STUCK: "goes on by itself once mended",
    Outlook.MAY_HEAL: "may heal by itself",
    Outlook.HELPED: "the cluster is mending it",
}
SHOWN = 5  # lines of what is over, and of what others have


def as_text(findings: Iterable[Finding]) -> str:
    """Return the findings in plain text, root causes first."""
    return "\n\n".join("\n".join(_lines(each)) for each in findings)


def diagnosis_text(found: Diagnosis, place: str) -> str:
    """Return the text of a diagnosis; `place` ends the line that all is well."""
    fine = "nothing wrong was found" if found.notes else "nothing is wrong"
    blocks = [as_text(found.findings) or f"{fine}{place}"]
    if found.rest:
        rest = (each.sentence for each in found.rest)
        blocks.append("\n".join(["elsewhere in the namespace:", *_shown(rest)]))
    if found.history:
        past = (f"{age_words(found.now - each.at)} ago: {each.sentence}" for each in found.history)
        blocks.append("\n".join(["earlier:", *_shown(past)]))
    return "\n\n".join([*blocks, *(f"({note})" for note in found.notes)])


def age_words(seconds: float) -> str:
    """Return an age in its largest unit: `14 min`."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _shown(lines: Iterable[str]) -> Iterator[str]:
    listed = list(lines)
    yield from (f"  {line}" for line in listed[:SHOWN])
    if len(listed) > SHOWN:
        yield f"  and {len(listed) - SHOWN} more"


def _lines(finding: Finding) -> Iterable[str]:
    yield finding.sentence
    for effect in finding.effects:
        yield f"  so        {effect.sentence}"
    if finding.remedy:
        yield f"  remedy    {finding.remedy}"
    for number, line in enumerate(finding.evidence):
        yield f"  {'evidence' if number == 0 else '':<10}{line}"
    yield f"  cause     {finding.cause} ({OUTLOOKS[finding.outlook]})"
