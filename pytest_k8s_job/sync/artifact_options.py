"""Options and ini values of `--artifact`, as one frozen value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

__all__ = ["ArtifactOptions", "add_artifact_options", "read_artifact_options"]

DEFAULT_FOLDER = "reports/artifacts"
DEFAULT_LIMIT = "1024"  # MiB: what a laptop still takes without notice
MIB = 1 << 20

OPTIONS: dict[str, dict[str, Any]] = {
    "--artifact": {
        "metavar": "GLOB",
        "action": "append",
        "default": [],
        "help": "bring these files out of the pod, relative to its working directory or absolute "
        "(may be repeated)",
    },
    "--artifacts-dir": {
        "metavar": "DIR",
        "help": f"where they go (default: {DEFAULT_FOLDER})",
    },
}
INI_VALUES: dict[str, tuple[str, dict[str, Any]]] = {
    "k8s_artifacts": ("as --artifact, a pattern a line", {"type": "linelist"}),
    "k8s_artifacts_limit": ("MiB that all of them may have", {"default": DEFAULT_LIMIT}),
}


@dataclass(frozen=True)
class ArtifactOptions:
    """Which files are brought, how many bytes of them, and where they go."""

    patterns: tuple[str, ...]
    folder: Path
    limit: int


def add_artifact_options(parser: pytest.Parser) -> None:
    """Declare options and ini values."""
    group = parser.getgroup("k8s-job")
    for name, attributes in OPTIONS.items():
        group.addoption(name, **attributes)
    for name, (about, attributes) in INI_VALUES.items():
        parser.addini(name, about, **attributes)


def read_artifact_options(config: pytest.Config) -> ArtifactOptions:
    """Return the options of this session."""
    option, here = config.option, config.invocation_params.dir
    folder = here / (option.artifacts_dir or DEFAULT_FOLDER)
    if any(place.is_relative_to(folder.resolve()) for place in (config.rootpath, here.resolve())):
        # Names come from the pod: they could replace a conftest.py, or a hook in .git.
        raise pytest.UsageError(
            f"--artifacts-dir {option.artifacts_dir}: it holds more than artifacts; "
            "name a folder of its own"
        )
    patterns = tuple(option.artifact or config.getini("k8s_artifacts"))
    for pattern in patterns:
        if not pattern.strip() or not pattern.isprintable():
            raise pytest.UsageError(f"--artifact takes the pattern of a path, not {pattern!r}")
    return ArtifactOptions(patterns, folder, _limit(config.getini("k8s_artifacts_limit")))


def _limit(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise pytest.UsageError(f"k8s_artifacts_limit takes a number of MiB, not {text!r}")
    return int(text) * MIB
