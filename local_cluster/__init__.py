"""A real single-node Kubernetes on a bare Debian machine.

The functions here are for the rest of the repository; `python -m local_cluster` is for people.
"""

from collections.abc import Mapping
from pathlib import Path

from local_cluster import images, lifecycle
from local_cluster.errors import ClusterError
from local_cluster.progress import Progress
from local_cluster.settings import CONTEXT, Paths

__all__ = ["CONTEXT", "ClusterError", "build", "kubeconfig", "kubectl", "load", "tag", "up"]


def up() -> None:
    """Start the cluster unless it is up and well; prints progress."""
    lifecycle.up(Paths.of_user(), Progress())


def kubeconfig() -> Path:
    """The administrator's kubeconfig, whether the cluster is up or not."""
    return Paths.of_user().kubeconfig


def kubectl() -> Path:
    """The kubectl of the running cluster's version.

    Raises:
        ClusterError: the cluster is not up.
    """
    return _programs() / "kubectl"


def build(
    dockerfile: Path,
    name: str,
    context: Path,
    build_args: Mapping[str, str] | None = None,
    stage: str = "",
) -> str:
    """Build an image; its id, 64 hex digits, which stays the same if nothing changed."""
    log = Paths.of_user().cache / "build" / f"{dockerfile.name}{stage and '.'}{stage}.log"
    source = images.Source(dockerfile, context, stage)
    return images.build(source, [name], build_args or {}, log)


def tag(name: str, further: str) -> None:
    """Give an image one more name."""
    images.tag(name, further)


def load(*names: str) -> None:
    """Bring images into the node; quick for those that are there."""
    images.load(Paths.of_user(), _programs(), names, Progress())


def _programs() -> Path:
    found = lifecycle.running_programs(Paths.of_user())
    if found is None:
        raise ClusterError("the cluster is not up: run `make cluster` first")
    return found
