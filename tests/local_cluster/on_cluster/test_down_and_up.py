"""The cluster goes and comes: these tests end it with all that runs on it.

While they run, a file says so to others who share the machine's cluster.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deployment.images import build_and_load
from local_cluster import machine, sweep
from local_cluster.supervision import Supervisor
from tests.local_cluster.on_cluster.real_cluster import Cluster, wait_until

pytestmark = pytest.mark.cluster

OUTSIDE = ("/var/lib/cni", "/var/lib/kubelet", "/var/log/containers", "/run/netns")
POD = """
apiVersion: v1
kind: Pod
metadata: {name: lasting}
spec:
  terminationGracePeriodSeconds: 1
  containers: [{name: redis, image: "redis:8.0"}]
"""


@pytest.fixture(scope="module", autouse=True)
def left_up(cluster: Cluster) -> Iterator[None]:
    """However the tests end, the cluster is up afterwards, with the images of this checkout."""
    yield
    cluster.up()
    build_and_load()


def tables() -> set[str]:
    """The machine's nft tables."""
    listed = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True)
    return set(listed.stdout.splitlines())


def interfaces() -> set[str]:
    """The machine's network interfaces."""
    return {path.name for path in Path("/sys/class/net").iterdir()}


def ours_outside(cluster: Cluster) -> list[str]:
    """Files outside the cluster's directories that mention it."""
    roots = (str(cluster.paths.state), "weather-local")
    found = [path for top in OUTSIDE for path in Path(top).rglob("*") if not path.is_dir()]
    return [
        str(path)
        for path in found
        if "weather-local" in path.name
        or (path.is_symlink() and str(path.readlink()).startswith(roots))
    ]


def test_recovers_after_everything_was_killed(cluster: Cluster) -> None:
    """kill -9 of supervisord, components, shims and pods: `up` brings all back, data too."""
    cluster.kubectl("apply", "-f", "-", stdin=POD)
    cluster.kubectl("wait", "--for=condition=Ready", "pod/lasting", "--timeout=60s")
    for pid in sweep.everything(cluster.paths):
        with suppress(ProcessLookupError):  # a probe's command, say, has ended by itself
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not sweep.everything(cluster.paths), 10, "all processes are gone")
    assert cluster.run("status").returncode == 1
    cluster.up()
    assert cluster.run("status").returncode == 0

    def answers() -> bool:
        done = cluster.kubectl("get", "pod/lasting", "-o", "jsonpath={.status.podIP}")
        containers = cluster.get("pod/lasting")["status"]["containerStatuses"]
        return bool(done) and containers[0]["ready"] and containers[0]["restartCount"] > 0

    wait_until(answers, 90, "the pod runs again")
    cluster.kubectl("delete", "pod/lasting")


def test_recovers_after_the_supervisor_alone_was_killed(cluster: Cluster) -> None:
    """Components that nobody watches any more are ended and started anew, under supervision."""
    old = set(sweep.components(cluster.paths))
    os.kill(Supervisor(cluster.paths).pid(), signal.SIGKILL)
    wait_until(lambda: not sweep.supervisors(cluster.paths), 10, "supervisord is gone")
    cluster.up()
    assert not old & set(sweep.components(cluster.paths))
    assert cluster.run("status").returncode == 0


def test_recovers_after_network_and_sockets_have_gone(cluster: Cluster) -> None:
    """As after a reboot: no process, no bridge, no rules, no cgroup, nothing in /run."""
    sweep.end_everything(cluster.paths)
    machine.unmount(cluster.paths)
    machine.restore(cluster.paths)
    subprocess.run(["rm", "-rf", cluster.paths.run], check=True)
    cluster.up()
    assert cluster.run("status").returncode == 0


def test_down_leaves_nothing_and_up_works_again(cluster: Cluster) -> None:
    """No process, mount, interface, rule, cgroup or file of the cluster survives `down`."""
    forwarding = Path("/proc/sys/net/ipv4/ip_forward")
    done = cluster.run("down")
    assert done.returncode == 0, done.stderr
    assert sweep.everything(cluster.paths) == []
    assert machine.our_mounts(cluster.paths) == []
    assert machine.our_cgroups() == []
    assert not {t for t in tables() if "kube-proxy" in t or "weather" in t}
    assert not {i for i in interfaces() if i.startswith(("veth", "weather"))}
    assert not cluster.paths.state.exists()
    assert not cluster.paths.run.exists()
    assert ours_outside(cluster) == []
    before = forwarding.read_text()
    assert cluster.run("down").returncode == 0, "down of what is down is no error"
    cluster.up()
    assert cluster.run("status").returncode == 0
    assert cluster.run("down").returncode == 0
    assert forwarding.read_text() == before


def test_taken_port_is_said_before_anything_starts(cluster: Cluster) -> None:
    """With a port of the cluster in other hands `up` fails with the port and the process."""
    assert cluster.run("down").returncode == 0
    server = (
        "import socket; s = socket.create_server(('127.0.0.1', 12379)); print(flush=True); input()"
    )
    with subprocess.Popen(
        ["python3", "-c", server], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        holder.stdout.readline()
        done = cluster.run("up")
        holder.communicate(b"\n")
    assert done.returncode == 1
    assert f"port 12379, for etcd, is taken by pid {holder.pid} (python3)" in done.stderr
    assert sweep.everything(cluster.paths) == []
