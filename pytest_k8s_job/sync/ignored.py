"""Which files of a tree stay here: ignored ones, caches, virtualenvs, secrets."""

from __future__ import annotations

import fnmatch
import os
from pathlib import Path

from pathspec import GitIgnoreSpec

from pytest_k8s_job.errors import UsageError

__all__ = ["Ignored", "looks_secret"]

NEVER = {
    ".git", ".hg", ".svn", ".eggs", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".nox",
    ".pytest_cache", ".ruff_cache", ".tox", ".venv", "__pycache__", "node_modules",
}  # fmt: skip
NEVER_ENDS = (".pyc", ".pyo", ".egg-info")
VIRTUALENV = "pyvenv.cfg"  # lies in the folder of each
SECRETS = (
    ".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "id_*", ".netrc", ".pypirc",
    "kubeconfig",
)  # fmt: skip


class Ignored:
    """Says what .gitignore files and their like name, in the tree of `root`."""

    def __init__(self, root: Path) -> None:
        self._top = _top_of_repository(root)
        self._specs: dict[Path, GitIgnoreSpec | None] = {}

    def __call__(self, path: Path) -> bool:
        """True if `path`, whose folder is not ignored, is to stay here."""
        if path.name in NEVER or path.name.endswith(NEVER_ENDS):
            return True
        if os.path.exists(path / VIRTUALENV):  # noqa: PTH110 (no error for a closed folder)
            return True
        for folder in path.parents:  # the nearest file that names the path decides
            if not folder.is_relative_to(self._top):
                break
            spec = self._spec(folder)
            name = path.relative_to(folder).as_posix() + ("/" if path.is_dir() else "")
            if spec is not None and (found := spec.check_file(name).include) is not None:
                return found
        return False

    def within(self, path: Path, root: Path) -> bool:
        """True if `path` or a folder between `root` and it is to stay here."""
        folders = [each for each in path.parents if each != root and each.is_relative_to(root)]
        return any(self(each) for each in [path, *folders])

    def _spec(self, folder: Path) -> GitIgnoreSpec | None:
        if folder not in self._specs:
            file = folder / ".gitignore"
            try:
                lines = file.read_text("utf-8", "replace").splitlines() if file.is_file() else []
            except OSError as error:
                raise UsageError(f"--sync: cannot read {file}: {error.strerror}") from error
            self._specs[folder] = GitIgnoreSpec.from_lines(lines) if lines else None
        return self._specs[folder]


def looks_secret(path: Path) -> bool:
    """True if the name is one that keys and passwords are kept under."""
    is_source = path.suffix == ".py"
    return not is_source and any(fnmatch.fnmatchcase(path.name.lower(), each) for each in SECRETS)


def _top_of_repository(root: Path) -> Path:
    return next((each for each in [root, *root.parents] if (each / ".git").exists()), root)
