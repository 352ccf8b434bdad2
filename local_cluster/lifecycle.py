"""`up`, `down` and `status`: the main path of this package, from top to bottom."""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local_cluster import base_images, binaries, boot, files, health, machine, preflight, sweep
from local_cluster import settings as s
from local_cluster.components import components
from local_cluster.settings import Paths

Say = Callable[[str], None]


def up(paths: Paths, say: Say) -> None:
    """Start the cluster, or mend what is not well; returns when it is usable.

    Raises:
        ClusterError: says what is missing or broken, and where the log is.
    """
    preflight.check_root()
    preflight.cgroup_version()
    with lock(paths, say):
        preflight.check_disk(paths)
        preflight.install_packages(paths, say)
        programs = binaries.provide(paths, say)
        base_images.provide(paths, say)
        parts = components(paths, programs)
        if files.current(paths, programs) and all(
            p.well for p in health.parts(paths, parts, programs / "kubectl")
        ):
            say(f"the local cluster is up: context {s.CONTEXT} in {paths.kubeconfig}")
            return
        boot.start(paths, programs, parts, say)
        say(f"the local cluster is up: context {s.CONTEXT} in {paths.kubeconfig}")


def down(paths: Paths, say: Say) -> None:
    """End the cluster and remove everything of it but the cache.

    Raises:
        ClusterError: something does not go away.
    """
    preflight.check_root()
    with lock(paths, say):
        say("ending the processes")
        sweep.end_everything(paths)
        say("removing mounts, bridge, packet rules, cgroups and files")
        machine.unmount(paths)
        machine.restore(paths)
        sweep.remove_files(paths)
        say("the local cluster is down")


def status(paths: Paths) -> list[health.Part]:
    """Every part of the cluster and how it is; never raises for a part that is not well."""
    programs = running_programs(paths)
    if programs is None:
        return [health.Part("cluster", False, "not up")]
    return health.parts(paths, components(paths, programs), programs / "kubectl")


def running_programs(paths: Paths) -> Path | None:
    """The directory of the running cluster's programs, None if it was never started."""
    link = paths.state / "bin"
    return link.resolve() if link.exists() else None


@contextmanager
def lock(paths: Paths, say: Say) -> Iterator[None]:
    """One at a time, over all checkouts of this user."""
    paths.cache.mkdir(parents=True, exist_ok=True)
    with (paths.cache / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            say(f"waiting for process {file.read().strip() or '?'}, which works on the cluster")
            fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield
