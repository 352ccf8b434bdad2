"""Precision and recall of the diagnosis on snapshots with noise; `make chaos-precision` is real."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.tool.diagnosis.faults import FAULTS
from tests.tool.diagnosis.scenes import Scene, healthy_scenes, recorded_scenes, scenes

SCENES = scenes()
LEAST_HEALTHY = 20


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_noise_changes_no_first_line(scene: Scene) -> None:
    """The first line is that of the scene without noise; where nothing is wrong, there is none."""
    found = scene.diagnosed().findings
    assert [(each.cause, each.sentence) for each in found] == (
        [(scene.cause, scene.expected)] if scene.expected else []
    )


@pytest.mark.parametrize("scene", list(healthy_scenes()), ids=lambda scene: scene.name)
def test_what_others_have_is_listed_apart(scene: Scene) -> None:
    """The neighbours' troubles are there, under their own heading."""
    about = {ref.name for each in scene.diagnosed().rest for ref in each.objects}
    assert {"noise-crash-1-x", "noise-image-1-x", "noise-gated-0", "noise-quota"} <= about


@pytest.mark.parametrize("scene", list(healthy_scenes()), ids=lambda scene: scene.name)
def test_without_a_scope_the_noise_would_be_named(scene: Scene) -> None:
    """The noise is real trouble of somebody: who asks for the whole namespace is told of it."""
    everything = replace(scene.scope, jobs=frozenset(), target=type(scene.scope.target)())
    assert replace(scene, scope=everything).diagnosed().findings


def test_all_faults_and_enough_healthy_targets_are_there() -> None:
    """Each fault is seen twice, and at least twenty targets are healthy."""
    assert len(list(recorded_scenes())) == 2 * len(FAULTS)
    assert len(list(healthy_scenes())) >= LEAST_HEALTHY
