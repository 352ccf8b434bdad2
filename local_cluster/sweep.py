"""Find and end what belongs to the cluster, however it was left.

`down` needs it, and `up` after a crash. Nothing is found by name alone: a process is ours if its
program lies in our cache, if its cgroup is below ours, or if it is a supervisord or a
runc whose command line names our files.
"""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from local_cluster import machine
from local_cluster.errors import ClusterError
from local_cluster.settings import CONTEXT, Paths
from local_cluster.supervision import can_connect

USERS_PROGRAMS = ("kubectl", "kubeadm", "ctr")  # they end by themselves
END_SECONDS = 10.0  # from SIGKILL to the end; more means a process that hangs in the kernel
CNI_RESULTS = Path("/var/lib/cni")  # containerd's CNI library gives no choice
LOG_LINKS = Path("/var/log/containers")  # nor does the kubelet
DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")  # nor here


def supervisors(paths: Paths) -> list[int]:
    """Ids of supervisord processes with our configuration."""
    marks = {"supervisor.supervisord", str(paths.supervisor_conf)}
    return [pid for pid in _pids() if marks <= set(_words(pid))]


def components(paths: Paths) -> list[int]:
    """Ids of the cluster's own programs, shims left out: those hold pods."""
    return [pid for pid, name in _programs(paths) if not name.startswith("containerd-shim")]


def shims(paths: Paths) -> list[int]:
    """Ids of the shims of pods, and of a runc that one of them has called."""
    found = [pid for pid, name in _programs(paths) if name.startswith("containerd-shim")]
    return found + [pid for pid in _pids() if f"{paths.run}/runc/k8s.io" in _words(pid)]


def pod_processes() -> list[int]:
    """Ids of the processes in pods."""
    found: set[int] = set()
    for top in machine.our_cgroups():
        for procs in top.rglob("cgroup.procs"):
            with suppress(OSError):
                found.update(int(pid) for pid in procs.read_text().split())
    return sorted(found - {0})


def everything(paths: Paths) -> list[int]:
    """Ids of all processes of the cluster."""
    return [*supervisors(paths), *components(paths), *shims(paths), *pod_processes()]


def end_components(paths: Paths) -> int:
    """Kill supervisord and components that a crash left, but no pod; how many there were."""
    left = [*supervisors(paths), *components(paths)]
    _kill(left)
    return len(left)


def end_everything(paths: Paths) -> None:
    """Kill all processes of the cluster, again until none is left.

    Raises:
        ClusterError: one does not go.
    """
    end = time.monotonic() + END_SECONDS
    while left := everything(paths):
        _kill(left)
        if time.monotonic() > end:
            raise ClusterError(f"process {left[0]} does not end")


def remove_files(paths: Paths) -> None:
    """Remove the cluster's files outside the cache."""
    for link in LOG_LINKS.glob("*.log"):
        if str(link.readlink()).startswith(f"{paths.state}/"):
            link.unlink()
    for result in CNI_RESULTS.glob(f"results/{CONTEXT}-*"):
        result.unlink()
    plugins = DEVICE_PLUGINS / "kubelet.sock"
    if plugins.exists() and not can_connect(plugins):
        for file in DEVICE_PLUGINS.iterdir():
            file.unlink()
    shared = (CNI_RESULTS / "results", CNI_RESULTS, LOG_LINKS, DEVICE_PLUGINS)
    for directory in (*shared, DEVICE_PLUGINS.parent):
        with suppress(OSError):  # absent, or in use by another cluster
            directory.rmdir()
    for directory in (paths.run, paths.state):
        shutil.rmtree(directory, ignore_errors=True)
        if directory.exists():
            shutil.rmtree(directory)


def _programs(paths: Paths) -> Iterator[tuple[int, str]]:
    cache = f"{paths.cache}/bin/"
    for pid in _pids():
        with suppress(OSError):  # gone, or a kernel thread
            program = str(Path(f"/proc/{pid}/exe").readlink()).removesuffix(" (deleted)")
            name = Path(program).name
            if program.startswith(cache) and name not in USERS_PROGRAMS:
                yield pid, name


def _kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + END_SECONDS
    while any(_alive(pid) for pid in pids):
        if time.monotonic() > end:
            return
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped by its parent does not.

    The first thread may be a zombie while others still end and hold the sockets.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except OSError:
        return False
    return threads > 1 or stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def _pids() -> list[int]:
    own = os.getpid()
    found = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]
    return [pid for pid in found if pid != own and _alive(pid)]


def _words(pid: int) -> list[str]:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    return []
