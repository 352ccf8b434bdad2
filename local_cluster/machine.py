"""What the cluster changes on the machine, and how that is taken back.

That is: bridge, packet rules, sysctls, cgroups, mounts. Everything here may be called again, and
after an unclean end.
"""

import ipaddress
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from local_cluster import configs
from local_cluster import settings as s
from local_cluster.commands import run
from local_cluster.errors import ClusterError
from local_cluster.settings import Paths

CGROUPS = Path("/sys/fs/cgroup")
SYSCTLS = Path("/proc/sys")
# Set by us (the first), by the kubelet and by kube-proxy; `down` restores what was there before.
TOUCHED = (
    "net/ipv4/ip_forward",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/netfilter/nf_conntrack_tcp_be_liberal",
)
CGROUP_SECONDS = 10.0  # a killed process leaves its cgroup within milliseconds


def prepare(paths: Paths) -> None:
    """Bridge, packet rules, forwarding and the parent cgroup."""
    _save_sysctls(paths)
    (SYSCTLS / TOUCHED[0]).write_text("1")
    if not Path(f"/sys/class/net/{s.BRIDGE}").exists():
        run("ip", "link", "add", s.BRIDGE, "type", "bridge", what="making the bridge")
    run("ip", "addr", "replace", f"{s.NODE_IP}/32", "dev", s.BRIDGE)
    run("ip", "link", "set", s.BRIDGE, "up")
    # so that Services answer the machine itself also when it has no default route
    run("ip", "route", "replace", s.SERVICE_CIDR, "dev", s.BRIDGE, "src", s.NODE_IP)
    run("nft", "-f", "-", stdin=configs.nft_rules(), what="packet rules")
    for parent in hierarchies():
        (parent / s.CGROUP).mkdir(exist_ok=True)
        _inherit_cpuset(parent / s.CGROUP)


def restore(paths: Paths) -> None:
    """Take back what `prepare` and the components did outside the cluster's directories."""
    for interface in our_interfaces():
        subprocess.run(["ip", "link", "delete", interface], capture_output=True, check=False)
    if left := our_interfaces():
        raise ClusterError(f"cannot delete interface {left[0]}")
    for table in _our_tables():
        run("nft", "delete", "table", *table.split())
    for top in our_cgroups():
        _remove_cgroup(top)
    _restore_sysctls(paths)


def hierarchies() -> list[Path]:
    """The mounted cgroup hierarchies, each a directory."""
    if (CGROUPS / "cgroup.controllers").exists():
        with suppress(OSError):  # some are enabled already, some cannot be
            (CGROUPS / "cgroup.subtree_control").write_text("+cpu +cpuset +memory +pids")
        return [CGROUPS]
    found = [p for p in sorted(CGROUPS.iterdir()) if (p / "cgroup.procs").exists()]
    return [p for p in found if not p.is_symlink()]


def our_cgroups() -> list[Path]:
    """The cluster's parent cgroup in each hierarchy."""
    return [p / s.CGROUP for p in hierarchies() if (p / s.CGROUP).exists()]


def our_interfaces() -> list[str]:
    """The bridge, and the near ends of the pods' veth pairs: those with an address of ours."""
    if not Path("/usr/sbin/ip").exists():
        return []
    subnet = ipaddress.ip_network(s.POD_CIDR)
    links = json.loads(run("ip", "-json", "-4", "addr", "show"))
    return [
        link["ifname"]
        for link in links
        if link.get("ifname") == s.BRIDGE
        or any(ipaddress.ip_address(a["local"]) in subnet for a in link.get("addr_info", []))
    ]


def our_mounts(paths: Paths) -> list[str]:
    """Mount points below the cluster's directories, the deepest last."""
    roots = tuple(f"{p}/" for p in (paths.state, paths.run))
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    points = [line.split()[4].encode().decode("unicode_escape") for line in lines]
    return [p for p in points if p.startswith(roots)]


def unmount(paths: Paths) -> None:
    """Unmount everything below the cluster's directories."""
    for point in reversed(our_mounts(paths)):
        subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)
    if left := our_mounts(paths):
        raise ClusterError(f"cannot unmount {left[0]}")


def _our_tables() -> Iterator[str]:
    """nft tables: ours, and those that kube-proxy made."""
    ours = {f"inet {s.NFT_TABLE}", "ip kube-proxy", "ip6 kube-proxy"}
    if not Path("/usr/sbin/nft").exists():
        return
    for line in run("nft", "list", "tables").splitlines():
        table = line.removeprefix("table ").strip()
        if table in ours:
            yield table


def _inherit_cpuset(cgroup: Path) -> None:
    """A new cpuset of cgroup v1 has no processors: nothing can enter it."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        target, parent = cgroup / name, cgroup.parent / name
        if target.exists() and parent.exists() and not target.read_text().strip():
            target.write_text(parent.read_text())


def _remove_cgroup(top: Path) -> None:
    """Remove a cgroup with those below it; waits until the killed processes have left."""
    end = time.monotonic() + CGROUP_SECONDS
    while top.exists():
        for directory in sorted(top.rglob("*/"), reverse=True):
            with suppress(OSError):
                directory.rmdir()
        with suppress(OSError):
            top.rmdir()
        if time.monotonic() > end:
            raise ClusterError(f"cannot remove {top}: a process is in it")
        time.sleep(0.02)


def _save_sysctls(paths: Paths) -> None:
    saved = paths.state / "sysctls.json"
    if saved.exists():
        return
    values = {n: (SYSCTLS / n).read_text().strip() for n in TOUCHED if (SYSCTLS / n).exists()}
    saved.write_text(json.dumps(values, indent=1))


def _restore_sysctls(paths: Paths) -> None:
    saved = paths.state / "sysctls.json"
    if not saved.exists():
        return
    for name, value in json.loads(saved.read_text()).items():
        current = SYSCTLS / name
        if current.exists() and current.read_text().strip() != value:
            current.write_text(value)
