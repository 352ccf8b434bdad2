"""Options and ini values of `--sync`, as one frozen value.

The pod loads this module too: its pytest must know the ini values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

__all__ = ["SyncOptions", "add_sync_options", "read_sync_options"]

DEFAULT_LIMIT = "8"  # MiB; ten ConfigMaps of what etcd keeps in memory
MIB = 1 << 20
INSTALLED = "installed"  # in place of a file: what is installed here

OPTIONS: dict[str, dict[str, Any]] = {
    "--sync": {
        "action": "store_true",
        "help": "bring the tests of this machine into the pod; with --in-cluster",
    },
    "--sync-requirements": {
        "metavar": "FILE",
        "help": "bring these packages too; installed: pytest, its plugins and requests, as they "
        "are here (default without a manifest: installed)",
    },
    "--sync-python": {
        "metavar": "X.Y",
        "help": "Python of the image, if packages depend on it (default: this Python's version)",
    },
}
INI_VALUES: dict[str, tuple[str, dict[str, Any]]] = {
    "k8s_sync": ("as --sync", {"type": "bool", "default": False}),
    "k8s_sync_include": (
        "files and folders that --sync brings too: a pattern a line, from the root directory",
        {"type": "linelist"},
    ),
    "k8s_sync_requirements": ("as --sync-requirements, from the root directory", {"default": ""}),
    "k8s_sync_python": ("as --sync-python", {"default": ""}),
    "k8s_sync_limit": ("MiB that the packed files may have", {"default": DEFAULT_LIMIT}),
}


@dataclass(frozen=True)
class SyncOptions:
    """What `--sync` brings; `requirements` is None if no file was named."""

    include: tuple[str, ...]
    requirements: Path | None
    installed: bool
    """Whether pytest and the like are to go along as they are installed here."""
    python: str
    limit: int
    """Bytes that the packed files may have."""


def add_sync_options(parser: pytest.Parser) -> None:
    """Declare options and ini values."""
    group = parser.getgroup("k8s-job")
    for name, attributes in OPTIONS.items():
        group.addoption(name, **attributes)
    for name, (about, attributes) in INI_VALUES.items():
        parser.addini(name, about, **attributes)


def read_sync_options(config: pytest.Config) -> SyncOptions | None:
    """Return the options of this session, None if it brings no files."""
    option = config.option
    if not (option.sync or config.getini("k8s_sync")):
        return None
    here, root = config.invocation_params.dir, config.rootpath
    typed, ini = option.sync_requirements, config.getini("k8s_sync_requirements")
    installed = (typed or ini) == INSTALLED
    file = here / typed if typed else root / ini if ini else None
    return SyncOptions(
        tuple(config.getini("k8s_sync_include")),
        None if installed else file,
        installed,
        _python(option.sync_python or config.getini("k8s_sync_python")),
        _limit(config.getini("k8s_sync_limit")),
    )


def _python(text: str) -> str:
    if text and not re.fullmatch(r"3\.\d+", text):
        message = f"--sync-python (ini k8s_sync_python) takes a version like 3.13, not {text!r}"
        raise pytest.UsageError(message)
    return text


def _limit(text: str) -> int:
    try:
        limit = int(float(text) * MIB)
    except ValueError:
        limit = 0
    if limit <= 0:
        raise pytest.UsageError(f"k8s_sync_limit takes a number of MiB, not {text!r}")
    return limit
