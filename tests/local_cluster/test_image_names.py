"""Names of images, pip's settings for builds, mirrors: what happens before buildah is called."""

from pathlib import Path

import pytest

from local_cluster import images
from local_cluster.base_images import PYTHON, RECIPES, REDIS


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("redis:8.0", "docker.io/library/redis:8.0"),
        ("redis", "docker.io/library/redis:latest"),
        ("localhost/weather-api:0.1.0", "docker.io/library/weather-api:0.1.0"),
        ("someone/thing:1", "docker.io/someone/thing:1"),
        ("registry.example.org/a/b", "registry.example.org/a/b:latest"),
        ("registry:5000/a:1", "registry:5000/a:1"),
    ],
)
def test_names_are_completed_as_kubernetes_does(name: str, full: str) -> None:
    """What `load` writes into the node is what a manifest's short name is looked up as."""
    assert images.normalize(name) == full


def test_pip_takes_the_environments_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment outdoes the machine's file, unknown options stay out, folders are mounted."""
    machine = tmp_path / "pip.conf"
    machine.write_text("[global]\nretries = 1\ntimeout = 5\nuser = yes\n")
    monkeypatch.setattr(images, "PIP_FILES", (machine,))
    environment = {"PIP_RETRIES": "7", "PIP_FIND_LINKS": str(tmp_path), "PIP_TARGET": "/x"}
    text, folders = images.pip_settings(environment)
    lines = text.splitlines()
    assert lines[0] == "[global]"
    assert {"retries = 7", "timeout = 5", f"find-links = {tmp_path}"} <= set(lines)
    assert not any(line.startswith(("user", "target")) for line in lines)
    assert folders == [str(tmp_path)]


def test_recipe_of_a_base_image_decides_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed Dockerfile or script means a new image; two images never share a key."""
    before = PYTHON.key(), REDIS.key()
    assert before[0] != before[1]
    for name in ("python.Dockerfile", "redis.Dockerfile", *REDIS.files):
        (tmp_path / name).write_bytes((RECIPES / name).read_bytes() + b"\n")
    monkeypatch.setattr("local_cluster.base_images.RECIPES", tmp_path)
    assert PYTHON.key() != before[0]
    assert REDIS.key() != before[1]
