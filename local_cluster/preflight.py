"""What must be true of the machine before anything is started, each with its one-line error."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from local_cluster import settings as s
from local_cluster.commands import POLL_SECONDS, run_logged
from local_cluster.errors import ClusterError
from local_cluster.settings import Paths

# program that must be there -> Debian package that brings it
PACKAGES = {
    "/usr/sbin/runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "/usr/sbin/nft": "nftables",
    "/usr/bin/buildah": "buildah",
    "/usr/bin/mmdebstrap": "mmdebstrap",
    "/usr/sbin/ip": "iproute2",
    "/usr/bin/mount": "mount",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
    "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
}
CONTROLLERS = ("cpu", "cpuset", "memory", "pids")  # those without which the kubelet does not start
LEAVE_SECONDS = 5.0  # a killed process lets go of its sockets within a second
LISTENING = "0A"  # state of a socket in /proc/net/tcp
PORTS = {
    s.API_PORT: "the API server",
    s.KUBELET_PORT: "the kubelet",
    s.ETCD_PORT: "etcd",
    s.ETCD_PEER_PORT: "etcd's peers",
    s.KUBELET_HEALTH_PORT: "the kubelet's health",
    s.PROXY_METRICS_PORT: "kube-proxy's metrics",
    s.PROXY_HEALTH_PORT: "kube-proxy's health",
    s.CONTROLLER_PORT: "the controller manager",
    s.SCHEDULER_PORT: "the scheduler",
}


def check_root() -> None:
    """Containers, mounts and interfaces need root."""
    if os.geteuid() != 0:
        raise ClusterError("the local cluster needs root: run this as root")


def check_disk(paths: Paths) -> None:
    """State and cache need room."""
    for path in (paths.state, paths.cache):
        there = next(p for p in (path, *path.parents) if p.exists())
        free = shutil.disk_usage(there).free / 1e9
        if free < s.SPACE_NEEDED_GB:
            raise ClusterError(f"{there} has {free:.1f} GB free, {s.SPACE_NEEDED_GB} are needed")


def cgroup_version(root: Path = Path("/sys/fs/cgroup")) -> int:
    """1 for cgroup v1 and hybrid, 2 for the unified hierarchy alone.

    Raises:
        ClusterError: neither is there with the controllers that the kubelet needs.
    """
    unified = root / "cgroup.controllers"
    if unified.exists():
        absent = set(CONTROLLERS) - set(unified.read_text().split())
    else:
        absent = {c for c in CONTROLLERS if not (root / c / "tasks").exists()}
    if absent:
        raise ClusterError(f"no cgroups: {root} has no controller {', '.join(sorted(absent))}")
    return 2 if unified.exists() else 1


def check_ports() -> None:
    """The cluster's ports must be free; a process that is ending gets some seconds to leave one."""
    end = time.monotonic() + LEAVE_SECONDS
    while taken := {p: inode for p, inode in listening_inodes().items() if p in PORTS}:
        port, inode = next(iter(taken.items()))
        pid = pid_of_socket(inode)
        if pid is not None or time.monotonic() > end:
            holder = f"pid {pid} ({_name(pid)})" if pid else "an unknown process"
            raise ClusterError(f"port {port}, for {PORTS[port]}, is taken by {holder}")
        time.sleep(POLL_SECONDS)


def listening_inodes() -> dict[int, str]:
    """Port -> inode of a TCP socket that listens on it."""
    found = {}
    for table in ("tcp", "tcp6"):
        path = Path("/proc/net") / table
        for line in path.read_text().splitlines()[1:] if path.exists() else []:
            fields = line.split()
            if fields[3] == LISTENING:
                found[int(fields[1].rpartition(":")[2], 16)] = fields[9]
    return found


def pid_of_socket(inode: str) -> int | None:
    """The process that holds the socket, None if it is not to be found."""
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if str(link.readlink()) == f"socket:[{inode}]":
                return int(link.parts[2])
        except OSError:  # the process has gone or the descriptor is closed
            continue
    return None


def install_packages(paths: Paths, say: Callable[[str], None]) -> None:
    """Install the Debian packages that are missing.

    Raises:
        ClusterError: not a Debian, or apt-get failed; names the log.
    """
    missing = [package for path, package in PACKAGES.items() if not Path(path).exists()]
    if not missing:
        return
    names = " ".join(missing)
    if shutil.which("apt-get") is None:
        raise ClusterError(f"missing, and no apt-get to install them: {names}")
    say(f"installing Debian packages: {names}")
    log = paths.cache / "apt.log"
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    apt: list[str | Path] = ["apt-get", "-y", "-o", "DPkg::Lock::Timeout=300"]
    install = [*apt, "install", "--no-install-recommends", *missing]
    what = f"installing {names} (no network?)"
    try:
        run_logged(install, log, what, env)
    except ClusterError:  # lists absent or older than the mirror
        run_logged([*apt, "update"], log, what, env)
        run_logged(install, log, what, env)


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return "gone"
