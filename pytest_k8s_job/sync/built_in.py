"""The Job of who has no manifest, and the files that `k8s-job init` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from pytest_k8s_job.errors import UsageError

__all__ = ["built_in_job", "built_in_text", "role_text"]

HERE = Path(__file__).parent
NO_IMAGE = "IMAGE"  # what job.yaml has where an image must stand
EXAMPLE = "--k8s-image python:3.13-slim"


def built_in_job(image: str | None) -> dict[str, Any]:
    """Return the Job with this image of Python."""
    if not image:
        raise UsageError(
            "--sync without a Job manifest needs an image with Python: name one, say "
            f"{EXAMPLE} (ini k8s_job_image), or a manifest with --k8s-manifest"
        )
    job: dict[str, Any] = yaml.safe_load(built_in_text(image))
    return job


def built_in_text(image: str) -> str:
    """Return the same as the text of a file."""
    return (HERE / "job.yaml").read_text("utf-8").replace(f"image: {NO_IMAGE}", f"image: {image}")


def role_text() -> str:
    """Return the text of the file with the rights that runs need."""
    return (HERE / "role.yaml").read_text("utf-8")
