"""The diagnosis of snapshots that were recorded on a real cluster, and of some made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_k8s_job.diagnosis.causes import MEANINGS, Cause
from pytest_k8s_job.diagnosis.diagnose import diagnose
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from tests.tool.diagnosis.faults import FAULTS
from tests.tool.diagnosis.made import MADE, healthy
from tests.tool.diagnosis.record import FOLDER

RECORDS = sorted(FOLDER.glob("*.json"))
RUNNERS_RIGHTS = ("jobs", "pods", "events")
# What stands in front of a cause that cannot be seen: true, but not the root.
SHALLOW = (Cause.CLAIM_PENDING, Cause.CRASH_LOOP, Cause.CONNECTION_REFUSED)
CAUSES = {fault.name: fault.cause for fault in FAULTS}


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text()))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_recorded_fault_is_named(path: Path) -> None:
    """The first finding has the cause of the injected fault and the recorded sentence."""
    recorded = _read(path)
    findings = diagnose(Snapshot.from_json(recorded["snapshot"]))
    assert findings[0].cause is CAUSES[path.stem]
    assert findings[0].sentence == recorded["sentence"]
    assert [each.cause for each in findings[0].effects] == recorded["effects"]


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_one_fault_is_one_finding(path: Path) -> None:
    """A fault and all of its effects are one finding, not several."""
    findings = diagnose(Snapshot.from_json(_read(path)["snapshot"]))
    assert [each.cause for each in findings] == [findings[0].cause]


def test_the_records_are_those_of_the_faults() -> None:
    """Each fault has its record, and no record is left of one that is gone."""
    assert {path.stem for path in RECORDS} == set(CAUSES)


@pytest.mark.parametrize("cause", MADE, ids=str)
def test_a_made_fault_is_named(cause: Cause) -> None:
    """What cannot be injected here is named all the same."""
    assert [each.cause for each in diagnose(MADE[cause])] == [cause]


def test_nothing_is_wrong_in_a_healthy_namespace() -> None:
    """A namespace without a fault has no finding."""
    assert diagnose(healthy()) == []


def test_every_cause_is_shown_and_explained() -> None:
    """Each cause has a line of meaning, and a snapshot that leads to it."""
    assert set(MEANINGS) == set(Cause)
    assert set(CAUSES.values()) | set(MADE) == set(Cause)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_a_finding_shows_what_it_rests_on(path: Path) -> None:
    """Each finding has evidence, and names the object that it is about."""
    first = diagnose(Snapshot.from_json(_read(path)["snapshot"]))[0]
    assert first.evidence
    assert first.objects


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)
def test_with_few_rights_no_wrong_cause_is_named(path: Path) -> None:
    """Who may read no more than a run needs is told less, but nothing that is not so."""
    recorded = _read(path)
    content = recorded["snapshot"]
    seen = content["objects"]
    content["objects"] = {name: seen[name] for name in RUNNERS_RIGHTS if name in seen}
    named = {each.cause for each in diagnose(Snapshot.from_json(content))}
    assert named <= {CAUSES[path.stem], *SHALLOW}
