"""A namespace that admits restricted pods only, and a folder whose tests run there by `--sync`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.tool.run.test_on_cluster import kubectl

__all__ = ["BARE", "restricted_namespace", "write_settings"]

BARE = "weather-api:0.1.0"  # a Python without pytest, as python:3.13-slim is


@contextmanager
def restricted_namespace(prefix: str) -> Iterator[str]:
    """Make a throwaway namespace and delete it at the end."""
    name = f"{prefix}-{secrets.token_hex(3)}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    try:
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def write_settings(folder: Path, namespace: str, *more: str) -> None:
    """Leave an ini file that brings the folder's tests into a bare image, and no manifest."""
    lines = ["[pytest]", f"k8s_job_namespace = {namespace}", f"k8s_job_image = {BARE}"]
    (folder / "pytest.ini").write_text("\n".join([*lines, "k8s_sync = true", *more, ""]))
