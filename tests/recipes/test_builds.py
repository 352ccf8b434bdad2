"""Tests of what decides a build: each module is locked, and a wrong checksum is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_cluster.errors import ClusterError
from tests.recipes import builds

ALL = [each for each in vars(builds).values() if isinstance(each, builds.Controller)]


@pytest.mark.parametrize("controller", ALL, ids=lambda each: each.name)
def test_each_module_is_locked(controller: builds.Controller) -> None:
    """Each module of a go.mod has the checksum of its source tree in the go.sum."""
    folder = builds.MODULES / controller.name
    words = (folder / "go.mod").read_text().split()
    required = {each for each in words if each.startswith("github.com/")}
    assert required
    assert builds.locked(folder).keys() == required
    assert set(controller.elsewhere) <= required


def test_every_lock_is_of_a_controller() -> None:
    """No folder of modules/ is left over."""
    assert {each.name for each in ALL} == {each.name for each in builds.MODULES.iterdir()}


def test_a_module_without_checksum_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module that go.sum does not name is not built: Go itself would only add it."""
    folder = tmp_path / "flagger"
    folder.mkdir()
    (folder / "go.sum").write_text("github.com/fluxcd/flagger v1.36.1/go.mod h1:abc=\n")
    monkeypatch.setattr(builds, "MODULES", tmp_path)
    answer = '{"Path": "github.com/fluxcd/flagger", "Sum": "h1:xyz=", "Dir": "/nowhere"}'
    monkeypatch.setattr(builds, "run", lambda *_, **__: answer)
    with pytest.raises(ClusterError, match="does not lock"):
        builds.download(Path("go"), builds.FLAGGER)
