"""Tests of the Git server: what was committed is what a clone gets."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.recipes.git_server import Repository, serve


def test_a_clone_has_the_newest_commit(tmp_path: Path) -> None:
    """A clone over HTTP has the files and the commit of the newest deploy."""
    repository = Repository(tmp_path / "served" / "demo")
    for version in ("1", "2"):
        (repository.folder / "version").write_text(version)
        commit = repository.commit(f"Deploy version {version}")
    clone = tmp_path / "clone"
    with serve(tmp_path / "served") as url:
        subprocess.run(["git", "clone", "--quiet", f"{url}/demo", str(clone)], check=True)
    assert (clone / "version").read_text() == "2"
    head = ["git", "-C", str(clone), "rev-parse", "HEAD"]
    assert subprocess.check_output(head, text=True).strip() == commit
