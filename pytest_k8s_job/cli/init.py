"""The command `k8s-job init`: writes the built-in Job, its Role and settings as files."""

# ruff: noqa: T201 (the command's output)

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.sync.built_in import built_in_text, role_text
from pytest_k8s_job.sync.sync_options import INSTALLED

__all__ = ["add_init"]

JOB, ROLE, INI = "job.yaml", "role.yaml", "pytest.ini"
# Pytest reads the first of these that has settings for it.
INI_FILES = (
    "pytest.toml",
    ".pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
)
DEFAULT_IMAGE = "python:3.13-slim"


def add_init(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Declare the command."""
    about = "write job.yaml, role.yaml and the ini lines for `pytest --in-cluster`"
    parser = commands.add_parser("init", parents=[shared], help=about)
    parser.add_argument("--image", default=DEFAULT_IMAGE, help="default: %(default)s")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="default: this one")
    parser.set_defaults(run_command=run_init, needs_cluster=False)


def run_init(_cluster: object, options: argparse.Namespace) -> int:
    """Write the files into the folder; none that is there is changed."""
    folder: Path = options.folder
    if not re.fullmatch(r"[\w./:@-]+", options.image):
        raise UsageError(f"--image takes the name of an image, not {options.image!r}")
    texts = {JOB: built_in_text(options.image), ROLE: role_text()}
    lines = _ini_lines(options.namespace)
    has_settings = any((folder / each).exists() for each in INI_FILES)
    if not has_settings:
        texts[INI] = "\n".join(["[pytest]", *(f"{name} = {value}" for name, value in lines), ""])
    if there := [name for name in texts if (folder / name).exists()]:
        raise UsageError(f"{folder / there[0]} is there already: remove it, or name another folder")
    for name, text in texts.items():
        try:
            (folder / name).write_text(text, "utf-8")
        except OSError as error:
            raise UsageError(f"cannot write {folder / name}: {error.strerror}") from error
        print(f"wrote {folder / name}")
    if has_settings:
        print("add to pytest's settings:")
        print("\n".join(f"    {name} = {value}" for name, value in lines))
    return 0


def _ini_lines(namespace: str | None) -> list[tuple[str, str]]:
    """Return settings for every one who runs these tests."""
    lines = [("k8s_job_manifest", JOB), ("k8s_sync", "true"), ("k8s_sync_requirements", INSTALLED)]
    return [*lines, ("k8s_job_namespace", namespace)] if namespace else lines
