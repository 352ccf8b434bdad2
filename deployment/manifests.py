"""Applies the manifests of this checkout."""

import os
import tempfile
from pathlib import Path
from typing import Any

import yaml

from deployment.images import CHECKOUT
from deployment.kubectl import Kubectl

NOT_THE_TEST = "app.kubernetes.io/component!=test"  # the tool creates the test Job itself


def apply(kubectl: Kubectl, tags: dict[str, str]) -> None:
    """Apply kustomization.yaml without the test Job, with `tags` (image name -> tag) in place."""
    overlay: dict[str, Any] = {
        "namespace": kubectl.namespace,
        "images": [{"name": name, "newTag": tag} for name, tag in tags.items()],
    }
    # A kustomization below its own base is a cycle: so it lies outside of the checkout.
    with tempfile.TemporaryDirectory() as place:
        overlay["resources"] = [os.path.relpath(CHECKOUT, Path(place).resolve())]
        Path(place, "kustomization.yaml").write_text(yaml.safe_dump(overlay))
        done = kubectl.run("apply", "-k", place, "-l", NOT_THE_TEST)
    changed = [line for line in done.splitlines() if not line.endswith(" unchanged")]
    print("\n".join(f"  {line}" for line in changed) or "  nothing changed", flush=True)
