"""Artifacts from the real cluster: by log and by exec, late, without rights, after an OOM kill."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tool.conftest import SECONDS
from tests.tool.restricted import restricted_namespace, write_settings
from tests.tool.run.test_on_cluster import Place, environment, kubectl
from tests.tool.run.test_shards_on_cluster import kubeconfig_of

pytestmark = pytest.mark.cluster

MEGABYTE = 1_000_000
WRITES = """\
import hashlib, os, pathlib

def test_writes():
    os.mkdir("out")
    pathlib.Path("out/log.txt").write_text("hello")
    block = os.urandom({size})
    pathlib.Path("out/big.bin").write_bytes(block)
    print("sha256", hashlib.sha256(block).hexdigest())
    {end}
"""


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """A throwaway namespace that admits nothing but restricted pods."""
    with restricted_namespace("artifacts-test") as name:
        yield name


@pytest.fixture
def place(namespace: str, tmp_path: Path) -> Place:
    """A folder with settings, and no manifest."""
    write_settings(tmp_path, namespace, "k8s_artifacts = out")
    return Place(namespace, tmp_path)


def write_test(place: Place, size: int, end: str = "pass") -> None:
    """Leave the test that writes a small file and one of this `size`."""
    (place.folder / "test_it.py").write_text(WRITES.format(size=size, end=end))


def brought(place: Place) -> Path:
    """Return the folder with what came."""
    return place.folder / "reports" / "artifacts" / "out"


def test_100_mb_come_whole(place: Place) -> None:
    """The sha256 is the one that the test printed."""
    write_test(place, 100 * MEGABYTE)
    result = place.run("-rP", "--k8s-keep=never", "--report=page")
    assert result.code == 0, result.stdout + result.stderr
    printed = re.search(r"sha256 ([0-9a-f]{64})", result.stdout)
    assert printed, result.stdout
    big = (brought(place) / "big.bin").read_bytes()
    assert len(big) == 100 * MEGABYTE
    assert hashlib.sha256(big).hexdigest() == printed[1]
    document = json.loads((place.folder / "page" / "report.json").read_text("utf-8"))
    found = {each["file"]: each["sha256"] for each in document["artifacts"]}
    assert found["../reports/artifacts/out/big.bin"] == printed[1]


def test_shards_bring_large_files(place: Place) -> None:
    """Each pod lingers for its own."""
    text = """\
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(2))
def test_it(number):
    os.mkdir("out")
    pathlib.Path("out/big.bin").write_bytes(os.urandom(5 << 20))
"""
    (place.folder / "test_it.py").write_text(text)
    result = place.run("--shards=2", "--k8s-keep=never")
    assert result.code == 0, result.stdout + result.stderr
    folder = place.folder / "reports" / "artifacts"
    files = sorted(str(each.relative_to(folder)) for each in folder.rglob("*.bin"))
    assert files == ["shard-0/out/big.bin", "shard-1/out/big.bin"]


def test_who_collects_later_has_the_small_files(place: Place) -> None:
    """They are in the log; what waited in the pod went with it, and is named."""
    write_test(place, 3 * MEGABYTE)
    result = place.run("--k8s-keep=always")
    assert result.code == 0, result.stdout + result.stderr
    name = re.search(r"logs job/(\S+)", result.stdout)
    assert name, result.stdout
    later = place.folder / "later"
    later.mkdir()
    (later / "pytest.ini").write_text("[pytest]\n")
    words = ["collect", "-n", place.namespace, f"job/{name[1]}"]
    collected = subprocess.run(
        [sys.executable, "-m", "pytest_k8s_job", *words],
        cwd=later,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert collected.returncode == 0, collected.stdout + collected.stderr
    assert (later / "reports/artifacts/out/log.txt").read_text() == "hello"
    assert not (later / "reports/artifacts/out/big.bin").exists()
    said = "not brought: out/big.bin (it was only to be had while the pod lived)"
    assert said in collected.stdout


def test_without_the_right_to_exec_the_verdict_stands(place: Place) -> None:
    """What did not fit into the log is named."""
    account = f"no-exec-{secrets.token_hex(2)}"
    rules = [
        ("batch", "jobs", ["get", "list", "create", "delete"]),
        ("", "configmaps", ["list", "create", "patch", "delete"]),
        ("", "pods", ["list"]),
        ("", "pods/log", ["get"]),
    ]
    role = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "Role",
        "metadata": {"name": account},
        "rules": [
            {"apiGroups": [group], "resources": [what], "verbs": verbs}
            for group, what, verbs in rules
        ],
    }
    kubectl("-n", place.namespace, "create", "serviceaccount", account)
    kubectl("-n", place.namespace, "apply", "-f", "-", text=json.dumps(role))
    subject = f"--serviceaccount={place.namespace}:{account}"
    kubectl("-n", place.namespace, "create", "rolebinding", account, f"--role={account}", subject)
    kubeconfig = place.folder / "kubeconfig"
    kubeconfig.write_text(json.dumps(kubeconfig_of(place.namespace, account)))
    write_test(place, 3 * MEGABYTE)
    result = place.run("--k8s-keep=never", f"--k8s-kubeconfig={kubeconfig}")
    assert result.code == 0, result.stdout + result.stderr
    assert (brought(place) / "log.txt").exists()
    assert not (brought(place) / "big.bin").exists()
    assert re.search(r"not brought: out/big\.bin \(.*the right to get pods/exec", result.stdout), (
        result.stdout
    )


def test_files_come_after_an_oom_kill(place: Place) -> None:
    """The kernel ends pytest, and the agent may live: then what was written comes."""
    grow = "hold = [bytes(b'x') * (64 << 20) for _ in range(100)]"
    write_test(place, 3 * MEGABYTE, grow)
    result = place.run("--k8s-keep=never")
    assert result.code == 11, result.stdout + result.stderr
    came = (brought(place) / "big.bin").exists()
    assert came or "not brought: all files (the pod ended before" in result.stdout, result.stdout
