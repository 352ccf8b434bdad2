"""What the wheel has in it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from hatchling.build import build_wheel

from tests.checkout import CHECKOUT


def test_the_wheel_is_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wheel has every file of the package, py.typed among them, and nothing of the service."""
    monkeypatch.chdir(CHECKOUT)
    name = build_wheel(str(tmp_path))
    files = {
        file for file in zipfile.ZipFile(tmp_path / name).namelist() if ".dist-info/" not in file
    }
    package = CHECKOUT / "pytest_k8s_job"
    assert files == {
        str(path.relative_to(CHECKOUT))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "pytest_k8s_job/py.typed" in files
