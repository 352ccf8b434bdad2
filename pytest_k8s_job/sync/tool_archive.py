"""The half of this package that runs in the pod, as a zip file."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest_k8s_job
from pytest_k8s_job import __version__

__all__ = ["tool_archive"]

PACKAGE = Path(pytest_k8s_job.__file__).parent
POD_ROOMS = ("pod", "wire")
OPTIONS = ("sync_options.py", "artifact_options.py")  # the plugin declares ini values there too
ALSO = ("sync/__init__.py", *(f"sync/{name}" for name in OPTIONS))
# Pytest finds plugins by the metadata of what is installed.
METADATA = f"{PACKAGE.name}-{__version__}.dist-info"
ABOUT = ("Metadata-Version: 2.1", "Name: pytest-k8s-job", f"Version: {__version__}", "")
DOCUMENTS = {
    f"{METADATA}/METADATA": "\n".join(ABOUT),
    f"{METADATA}/entry_points.txt": "[pytest11]\nk8s_job = pytest_k8s_job.plugin\n",
}


def tool_archive() -> bytes:
    """Return the zip file; the same sources always give the same bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in sorted([*_sources(), *DOCUMENTS.items()]):
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return data.getvalue()


def _sources() -> Iterator[tuple[str, str]]:
    files = [*PACKAGE.glob("*.py"), *(PACKAGE / each for each in ALSO)]
    for room in POD_ROOMS:
        files += (PACKAGE / room).rglob("*.py")
    for file in files:
        yield f"{PACKAGE.name}/{file.relative_to(PACKAGE).as_posix()}", file.read_text("utf-8")
