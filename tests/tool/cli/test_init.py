"""`k8s-job init` writes files that work, and overwrites none."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pytest_k8s_job.cli.main import main


def test_writes_job_role_and_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a cluster; the Job has the image, pytest reads the settings."""
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "absent"))
    assert main(["init", "--image", "shop/tests:3", "-n", "shop", str(tmp_path)]) == 0
    job = yaml.safe_load((tmp_path / "job.yaml").read_text())
    assert job["spec"]["template"]["spec"]["containers"][0]["image"] == "shop/tests:3"
    assert yaml.safe_load((tmp_path / "role.yaml").read_text())["kind"] == "Role"
    assert (tmp_path / "pytest.ini").read_text() == (
        "[pytest]\nk8s_job_manifest = job.yaml\nk8s_sync = true\n"
        "k8s_sync_requirements = installed\nk8s_job_namespace = shop\n"
    )
    assert capsys.readouterr().out.count("wrote ") == 3


def test_settings_that_are_there_are_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lines to add are shown."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    assert main(["init", str(tmp_path)]) == 0
    assert not (tmp_path / "pytest.ini").exists()
    assert "    k8s_sync = true\n" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["job.yaml", "role.yaml"])
def test_a_file_that_is_there_is_never_changed(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is written then."""
    (tmp_path / name).write_text("mine")
    assert main(["init", str(tmp_path)]) == 4
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert f"{name} is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--image", "x\ny: z"], "takes the name of an image"), (["absent"], "cannot write")],
)
def test_wrong_words_are_one_line(
    words: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not a traceback, and no file."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", *words]) == 4
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
