"""What `--sync` costs: after an edit, with nothing cached, and with many files."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure, ratio, size
from tests.bench.scene import IMAGE, Scene, tool

__all__ = ["sync"]

SHARED = "pytest-k8s-job/deps"  # label of the ConfigMaps that runs use again
FILES = 2000
PASSED = " passed in "


def sync(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Compare an edited test with the same one in its image; then bring everything anew."""
    plain = scene.checkout("one")
    edited = scene.folder / "edited"
    shutil.copytree(plain, edited)
    with_sync, without = [], []
    for number in range(rounds + 1):
        (edited / "test_one.py").write_text(f"def test_one():\n    pass  # edit {number}\n")
        ours = scene.run(tool("--in-cluster", "--sync"), edited).seconds
        theirs = scene.run(tool("--in-cluster"), plain).seconds
        if number:  # the first run fills the caches of both
            with_sync.append(ours)
            without.append(theirs)
    yield ratio(
        "wall time after an edit with --sync to the image's test without", with_sync, without, 1.3
    )
    yield size("an edit to its verdict with --sync, one trivial test", with_sync, "s", 3.0)
    name = "nothing cached: --sync with pytest and requests, one trivial test"
    yield size(name, [_uncached(scene, edited) for _ in range(rounds)], "s", 6.0)
    yield size(f"--sync with {FILES:,} files of one test", [_many(scene, edited)], "s", None)


def _uncached(scene: Scene, folder: Path) -> float:
    """Return the seconds of a run for which nothing lies here or in the cluster."""
    bare = scene.folder / "bare"
    cache = scene.folder / "cache"
    for each in (bare, cache):
        shutil.rmtree(each, ignore_errors=True)
    bare.mkdir()
    shutil.copy(folder / "test_one.py", bare)
    scene.kubectl("delete", "configmaps", "-l", SHARED)
    command = tool(
        "--in-cluster", "--sync", f"--k8s-namespace={scene.namespace}", f"--k8s-image={IMAGE}"
    )
    return scene.run(command, bare, {"XDG_CACHE_HOME": str(cache)}, PASSED).seconds


def _many(scene: Scene, folder: Path) -> float:
    many = scene.folder / "many"
    shutil.copytree(folder, many)
    for number in range(FILES):
        (many / f"test_{number}.py").write_text(f"def test_{number}():\n    pass\n")
    return scene.run(tool("--in-cluster", "--sync"), many, wait_for=PASSED).seconds
