"""The cluster while it runs: nothing here takes it down."""

import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_cluster import images, sweep
from local_cluster.settings import CONTEXT, NODE_IP, POD_CIDR
from local_cluster.supervision import Supervisor
from tests.local_cluster.on_cluster.real_cluster import Cluster, wait_until

pytestmark = pytest.mark.cluster

RESTART_SECONDS = 60.0  # supervisord's back-off and the component's own start, on a busy machine
POD = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: claim}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 10Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: pod, labels: {app: pod}}
spec:
  terminationGracePeriodSeconds: 1
  securityContext:
    {runAsNonRoot: true, runAsUser: 999, runAsGroup: 999, seccompProfile: {type: RuntimeDefault}}
  containers:
  - name: redis
    image: redis:8.0
    args: ["--appendonly", "yes"]
    readinessProbe: {exec: {command: [redis-cli, ping]}, periodSeconds: 1}
    securityContext:
      {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
    volumeMounts: [{name: data, mountPath: /data}]
  volumes: [{name: data, persistentVolumeClaim: {claimName: claim}}]
---
apiVersion: v1
kind: Service
metadata: {name: store}
spec: {selector: {app: pod}, ports: [{port: 6379}]}
"""


def test_second_up_changes_nothing_and_is_quick(cluster: Cluster) -> None:
    """`up` on a healthy cluster keeps every process and needs a few seconds at most."""
    before = Supervisor(cluster.paths).processes()
    assert cluster.up() < 10
    after = Supervisor(cluster.paths).processes()
    assert [p["pid"] for p in after] == [p["pid"] for p in before]


def test_status_shows_every_part_well(cluster: Cluster) -> None:
    """`status` exits with 0 and has a line for each process, the node, DNS and storage."""
    done = cluster.run("status")
    assert done.returncode == 0, done.stdout
    names = {line.split()[0] for line in done.stdout.splitlines()}
    processes = set(Supervisor(cluster.paths).states())
    assert names == processes | {"supervisord", "node", "DNS", "StorageClass"}


def test_kubeconfig_is_private_and_the_users_is_untouched(cluster: Cluster) -> None:
    """The file in the state folder has mode 0600; ~/.kube/config knows nothing of the cluster."""
    path = Path(cluster.run("kubeconfig").stdout.strip())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert cluster.kubectl("config", "current-context") == f"{CONTEXT}\n"
    users = Path.home() / ".kube/config"
    assert not users.exists() or CONTEXT not in users.read_text()


def test_nothing_listens_on_an_outside_interface(cluster: Cluster) -> None:
    """All listening sockets of the cluster's processes are on loopback or its own address."""
    ours = set(sweep.components(cluster.paths)) | set(sweep.shims(cluster.paths))
    lines = subprocess.run(
        ["ss", "-Hltunp"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    addresses = {
        line.split()[4].rpartition(":")[0]
        for line in lines
        if any(f"pid={pid}," in line for pid in ours)
    }
    assert addresses == {"127.0.0.1", NODE_IP}


def test_other_machines_cannot_reach_the_clusters_subnets(cluster: Cluster) -> None:
    """Packets for pods that come from another interface than theirs are dropped."""
    listed = subprocess.run(
        ["nft", "list", "table", "inet", "weather-local"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert listed.count("drop") == 2
    assert POD_CIDR.partition("/")[0] in listed


def test_killed_component_comes_back(cluster: Cluster) -> None:
    """kill -9 of the scheduler: supervisord starts another, and `status` is well again."""
    supervisor = Supervisor(cluster.paths)
    old = next(p["pid"] for p in supervisor.processes() if p["name"] == "kube-scheduler")
    os.kill(old, signal.SIGKILL)

    def restarted() -> bool:
        new = next(p for p in supervisor.processes() if p["name"] == "kube-scheduler")
        return new["pid"] not in (0, old) and cluster.run("status").returncode == 0

    wait_until(restarted, RESTART_SECONDS, "the scheduler runs again")


def test_stopped_component_is_not_well_until_up(cluster: Cluster) -> None:
    """`status` exits with 1 and names the part that is stopped; `up` starts it again."""
    supervisor = Supervisor(cluster.paths)
    supervisor.call("stopProcess", "storage")
    done = cluster.run("status")
    assert done.returncode == 1
    assert "storage" in next(line for line in done.stdout.splitlines() if "DOWN" in line)
    cluster.up()
    assert cluster.run("status").returncode == 0


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace that enforces Pod Security `restricted`, deleted afterwards."""
    name = f"local-cluster-test-{os.getpid()}"
    cluster.kubectl("create", "namespace", name)
    label = "pod-security.kubernetes.io/enforce=restricted"
    cluster.kubectl("label", "namespace", name, label)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=true")


def test_pod_has_dns_service_volume_exec_and_logs(cluster: Cluster, namespace: str) -> None:
    """A restricted pod with a claim answers under its Service's name, and keeps its data."""
    cluster.kubectl("-n", namespace, "apply", "-f", "-", stdin=POD)
    cluster.kubectl("-n", namespace, "wait", "--for=condition=Ready", "pod/pod", "--timeout=120s")
    client = ("-n", namespace, "exec", "pod", "--", "redis-cli", "-h", f"store.{namespace}.svc")
    wait_until(
        lambda: answers(cluster, *client, "set", "key", "value") == "OK", 30, "the Service answers"
    )
    assert "Ready to accept connections" in cluster.kubectl("-n", namespace, "logs", "pod")
    volume = cluster.get("-n", namespace, "pvc", "claim")["spec"]["volumeName"]
    directory = cluster.paths.state / "volumes" / volume
    assert (directory / "appendonlydir").is_dir()
    cluster.kubectl("-n", namespace, "delete", "pod/pod", "pvc/claim")
    wait_until(lambda: not directory.exists(), 30, "the claim's directory is gone")


def answers(cluster: Cluster, *arguments: str) -> str:
    """kubectl's output, empty if it failed."""
    try:
        return cluster.kubectl(*arguments).strip()
    except AssertionError:
        return ""


def test_loaded_image_is_loaded_once(cluster: Cluster) -> None:
    """`load` of an image that is there says nothing; of one that is not, it names the image."""
    done = cluster.run("load", "redis:8.0")
    assert (done.returncode, done.stderr) == (0, "")
    missing = cluster.run("load", "no-such-image:1")
    assert missing.returncode == 1
    assert "no image no-such-image:1" in missing.stderr


def test_dockerfile_builds_with_pip_and_loads_under_both_tags(
    cluster: Cluster, tmp_path: Path
) -> None:
    """An ordinary Dockerfile installs from the index; build settings do not stay in the image."""
    (tmp_path / "Dockerfile").write_text(
        "FROM python:3.13-slim\nARG WHO\nRUN python -m pip install iniconfig && echo $WHO > /who\n"
        'CMD ["python", "-c", "import iniconfig"]\n'
    )
    tags = ("local-cluster-test:1", "local-cluster-test:2")
    full = [f"docker.io/library/{tag}" for tag in tags]
    ctr = images.ctr_images(cluster.paths, cluster.paths.state / "bin")
    build = ("build", "-t", tags[0], "-t", tags[1], "--build-arg", "WHO=me", str(tmp_path))
    try:
        done = cluster.run(*build)
        assert done.returncode == 0, done.stderr
        assert cluster.run(*build).stdout == done.stdout
        inspected = subprocess.run(
            ["buildah", "inspect", "--type", "image", tags[0]],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        environment = json.loads(inspected)["OCIv1"]["config"]["Env"]
        assert not [e for e in environment if e.startswith(("PIP_", "SSL_", "REQUESTS_"))]
        assert cluster.run("load", *tags).returncode == 0
        there = images.loaded(ctr)
        assert [there.get(name) for name in full] == [done.stdout.strip()] * 2
    finally:
        subprocess.run(["buildah", "rmi", *tags], capture_output=True, check=False)
        subprocess.run([*ctr, "rm", *full], capture_output=True, check=False)
