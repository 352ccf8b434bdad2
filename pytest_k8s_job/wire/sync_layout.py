"""Where synced files lie in the pod, and how both sides name them.

Standard library only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

__all__ = [
    "FILES",
    "INPUT",
    "NAMED_DIGITS",
    "PACKAGES",
    "SUITE",
    "SYNC",
    "TOOL",
    "TOOL_FILE",
    "WORK",
    "content_digest",
    "part_name",
    "tree_digest",
]

INPUT = "/k8s-job/input"  # the volume of the ConfigMaps, read-only
WORK = "/k8s-job/work"  # an emptyDir
TOOL_FILE = "tool.zip"  # the pod's half of this package
TOOL = f"{INPUT}/{TOOL_FILE}"
SUITE = f"{WORK}/suite"  # pytest's root directory
PACKAGES = f"{WORK}/packages"  # pytest and what the tests need, where the image has none

# Environment of the container; both are taken away from the tests.
SYNC = "PYTEST_K8S_JOB_SYNC"  # the order to the pod, as JSON
FILES = "PYTEST_K8S_JOB_FILES"  # the file that tells the emitter what was unpacked

NAMED_DIGITS = 16  # hex digits of a file's sha256 in a plan


def part_name(kind: str, number: int) -> str:
    """Return the file name of one part of an archive in the volume."""
    return f"{kind}.{number:03}"


def content_digest(data: bytes) -> str:
    """Return the sha256 of a file's content, as hex."""
    return hashlib.sha256(data).hexdigest()


def tree_digest(files: Mapping[str, str]) -> str:
    """Return the sha256 over paths and contents' digests of a tree of files."""
    lines = (f"{digest} {path}\0" for path, digest in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
