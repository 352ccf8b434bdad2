"""What it costs to bring a large artifact out of a living pod, against `kubectl cp`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator

from pytest_k8s_job.cluster.client import connect
from pytest_k8s_job.cluster.pods import JobRef
from pytest_k8s_job.sync.artifact_store import ArtifactStore, Described
from pytest_k8s_job.sync.waiting_files import WaitingFiles
from tests.bench.figures import Figure, ratio
from tests.bench.scene import IMAGE, Scene

__all__ = ["artifacts"]

POD = "artifacts"
SIZE = 100_000_000
FILE = "/tmp/big.bin"  # noqa: S108 (in the pod)
# What the agent leaves when a file waits; the pod then lives as long as it is read.
WAITS = f"""
import hashlib, os, time
from pytest_k8s_job.wire import artifacts, journal

data = os.urandom({SIZE})
open({FILE!r}, "wb").write(data)
folder = journal.make_folder(os.environ)
journal.Journal(folder).write(b"frame\\n")
sha256 = hashlib.sha256(data).hexdigest()
artifacts.write_waiting(folder, [{{"path": {FILE!r}, "size": {SIZE}, "sha256": sha256}}])
print("ready", flush=True)
time.sleep(3600)
"""


def artifacts(scene: Scene, rounds: int) -> Iterator[Figure]:
    """Read 100 MB in both ways, in turn; only whole files with the right sha256 count."""
    container = {"name": POD, "image": IMAGE, "imagePullPolicy": "IfNotPresent"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": POD},
        "spec": {
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "containers": [{**container, "command": ["python", "-c", WAITS]}],
        },
    }
    scene.kubectl("create", "-f", "-", text=json.dumps(pod))
    while "ready" not in scene.try_kubectl("logs", POD):
        time.sleep(0.2)
    ours, theirs = [], []
    copy = scene.folder / "copy.bin"
    for number in range(rounds + 1):
        seconds = _bring(scene)
        command = scene.kubectl_command("cp", f"{POD}:{FILE}", str(copy))
        other = scene.run(command, scene.folder).seconds
        assert copy.stat().st_size == SIZE
        if number:  # the first round loads the client's modules
            ours.append(seconds)
            theirs.append(other)
    yield ratio("100 MB out of a living pod, to kubectl cp", ours, theirs, 1.5)


def _bring(scene: Scene) -> float:
    cluster = connect(scene.environment["KUBECONFIG"])
    job = JobRef(scene.namespace, POD, POD)
    began = time.monotonic()
    waiting = WaitingFiles(lambda command: cluster.exec(job, POD, command))
    store = ArtifactStore(scene.folder / "artifacts", SIZE)
    for each in waiting.list():
        name = os.path.basename(each["path"])  # noqa: PTH119 (a path of the pod)
        what = Described("", each["path"], name, each["size"], each["sha256"])
        with store.open(what) as incoming:
            for piece in waiting.read(what.size):
                incoming.write(piece)
    assert store.files
    return time.monotonic() - began
