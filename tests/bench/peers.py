"""The peers that the tool is measured against: `helm test`, pytest-xdist."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from local_cluster import binaries
from local_cluster.settings import Paths
from tests.bench.scene import HERE, Scene
from tests.checkout import CHECKOUT

__all__ = ["XDIST", "Chart", "build_helm"]

HELM = binaries.Module("helm", "helm 3.22.0", "tool", ("helm",), "four minutes")
XDIST = CHECKOUT / "build" / "peers"  # where `make bench` installs it


def build_helm() -> Path:
    """Return helm, built from its Go module unless the cache has it."""
    return binaries.provide_one(HELM, HERE, Paths.of_user(), print) / "helm"


class Chart:
    """A release whose test hook is the Job `manifest`."""

    def __init__(self, scene: Scene, manifest: dict[str, Any]) -> None:
        self._helm = str(build_helm())
        self._name = manifest["metadata"]["name"]
        self._namespace = scene.namespace
        folder = scene.folder / f"chart-{self._name}"
        (folder / "templates").mkdir(parents=True)
        about = {"apiVersion": "v2", "name": self._name, "version": "0.1.0"}
        (folder / "Chart.yaml").write_text(yaml.safe_dump(about))
        annotations = {
            "helm.sh/hook": "test",
            "helm.sh/hook-delete-policy": "before-hook-creation",
        }
        hook = json.loads(json.dumps(manifest))
        hook["metadata"] = {**hook["metadata"], "annotations": annotations}
        (folder / "templates" / "test.yaml").write_text(yaml.safe_dump(hook))
        scene.run([*self._command("install"), self._name, str(folder)], scene.folder)

    def _command(self, word: str) -> list[str]:
        return [self._helm, word, "--namespace", self._namespace]

    def test_command(self) -> list[str]:
        """Return the command line that runs the hook and waits for its end."""
        return [*self._command("test"), self._name]
