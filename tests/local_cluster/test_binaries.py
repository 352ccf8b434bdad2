"""The cache of programs: what decides its key, and what a failed build leaves."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from local_cluster import binaries
from local_cluster.binaries import BUILDS, MODULES, Module, cache_key
from local_cluster.errors import ClusterError
from local_cluster.settings import Paths

GO = "go version go1.27.3 linux/amd64"
PAUSE = BUILDS[0]


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A copy of the module directories that a test may change."""
    return Path(shutil.copytree(MODULES, tmp_path / "modules"))


@pytest.mark.parametrize("module", BUILDS, ids=lambda module: module.name)
def test_key_depends_on_each_file(modules: Path, module: Module) -> None:
    """A change in go.mod, go.sum or our own source means another key."""
    before = cache_key(module, GO, modules)
    for source in sorted((modules / module.name).iterdir()):
        content = source.read_bytes()
        source.write_bytes(content + b"\n")
        assert cache_key(module, GO, modules) != before, source.name
        source.write_bytes(content)
    assert cache_key(module, GO, modules) == before


def test_key_depends_on_go_and_flags() -> None:
    """Another Go or another flag gives other binaries."""
    keys = {
        cache_key(PAUSE, GO),
        cache_key(PAUSE, GO.replace("1.27.3", "1.27.4")),
        cache_key(replace(PAUSE, ldflags="-X main.x=y"), GO),
        cache_key(replace(PAUSE, flags=("-tags", "x")), GO),
    }
    assert len(keys) == 4


def test_key_does_not_depend_on_words_for_the_user() -> None:
    """What is printed while it builds may change without a build."""
    assert cache_key(replace(PAUSE, title="another", time="long"), GO) == cache_key(PAUSE, GO)


def test_every_module_pins_its_versions() -> None:
    """Each module with dependencies has its go.sum beside its go.mod."""
    for module in BUILDS:
        text = (MODULES / module.name / "go.mod").read_text()
        assert ("require" in text) == (MODULES / module.name / "go.sum").exists(), module.name


def test_build_gives_the_program_once(own_paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first call builds, the second finds the result in the cache."""
    monkeypatch.setattr(binaries, "BUILDS", (PAUSE,))
    said: list[str] = []
    first = binaries.provide(own_paths, said.append)
    assert (first / "pause").stat().st_mode & 0o111
    assert any("building pause" in line for line in said)
    said.clear()
    assert binaries.provide(own_paths, said.append) == first
    assert said == []


def test_failed_build_names_its_log_and_leaves_nothing(
    own_paths: Paths, modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that does not compile is not in the cache, and the log says why."""
    (modules / "pause/main.go").write_text("package main\nfunc main() { undefined() }\n")
    monkeypatch.setattr(binaries, "BUILDS", (PAUSE,))
    monkeypatch.setattr(binaries, "MODULES", modules)
    with pytest.raises(ClusterError, match=r"building pause failed.*build\.log"):
        binaries.provide(own_paths, lambda _: None)
    assert "undefined" in (own_paths.cache / "build.log").read_text()
    assert list((own_paths.cache / "bin").iterdir()) == []


def test_missing_network_is_said(
    own_paths: Paths, modules: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A module that cannot be fetched is put down to the network."""
    monkeypatch.setenv("GOMODCACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:9")  # the discard port: nothing listens
    monkeypatch.setattr(binaries, "BUILDS", (next(b for b in BUILDS if b.name == "etcd"),))
    with pytest.raises(ClusterError, match="no network"):
        binaries.provide(own_paths, lambda _: None)


def test_unfinished_build_is_removed(own_paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a killed build left in the cache goes with the next build."""
    monkeypatch.setattr(binaries, "BUILDS", (PAUSE,))
    (own_paths.cache / "bin/.pause-abc").mkdir(parents=True)
    binaries.provide(own_paths, lambda _: None)
    assert not list((own_paths.cache / "bin").glob(".*"))
