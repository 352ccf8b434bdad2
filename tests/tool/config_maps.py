"""Package and suite of a test as ConfigMaps, for pods whose image has neither."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path
from typing import Any

import yaml

from tests.checkout import CHECKOUT

__all__ = ["MOUNTS", "PYTHONPATH", "files_config_map", "package_config_map"]

PACKAGE = "pytest_k8s_job"
MOUNTS = {"package": "/mnt/package", "suite": "/suite-of-test"}
PYTHONPATH = f"{MOUNTS['package']}/{PACKAGE}.zip"  # a ConfigMap has no folders; Python reads zips


def package_config_map(folder: Path = CHECKOUT) -> str:
    """Return the ConfigMap `package` with the tool of `folder` as a zip file."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted((folder / PACKAGE).rglob("*.py")):
            archive.write(file, file.relative_to(folder))
    return _config_map("package", {f"{PACKAGE}.zip": data.getvalue()})


def files_config_map(name: str, folder: Path) -> str:
    """Return the ConfigMap `name` with the files that lie in `folder`."""
    files = {each.name: each.read_bytes() for each in sorted(folder.iterdir()) if each.is_file()}
    return _config_map(name, files)


def _config_map(name: str, files: dict[str, bytes]) -> str:
    document: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "binaryData": {key: base64.b64encode(data).decode() for key, data in files.items()},
    }
    return yaml.safe_dump(document)
