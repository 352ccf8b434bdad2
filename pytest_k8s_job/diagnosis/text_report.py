"""Formats findings as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pytest_k8s_job.diagnosis.finding import Finding, Outlook

__all__ = ["as_json", "as_text"]

OUTLOOKS = {
    Outlook.FINAL: "waiting does not help",
    Outlook.STUCK: "goes on by itself once mended",
    Outlook.MAY_HEAL: "may heal by itself",
    Outlook.HELPED: "the cluster is mending it",
}


def as_text(findings: Iterable[Finding], notes: Iterable[str] = (), fine: str = "") -> str:
    """Return the findings in plain text, root causes first; `fine` if there is none."""
    blocks = ["\n".join(_lines(each)) for each in findings] or [fine]
    return "\n\n".join([*blocks, *(f"({note})" for note in notes)])


def _lines(finding: Finding) -> Iterable[str]:
    yield finding.sentence
    for effect in finding.effects:
        yield f"  so        {effect.sentence}"
    if finding.remedy:
        yield f"  remedy    {finding.remedy}"
    for number, line in enumerate(finding.evidence):
        yield f"  {'evidence' if number == 0 else '':<10}{line}"
    yield f"  cause     {finding.cause} ({OUTLOOKS[finding.outlook]})"


def as_json(findings: Iterable[Finding], notes: Iterable[str] = ()) -> str:
    """Return the findings as one JSON document."""
    document = {"findings": [each.as_json() for each in findings], "notes": list(notes)}
    return json.dumps(document, indent=1)
