"""`--sync` on the real cluster: edit, run, see the edit, leave nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pytest_k8s_job.sync.built_in import role_text
from tests.tool.conftest import SECONDS
from tests.tool.restricted import restricted_namespace, write_settings
from tests.tool.run.test_on_cluster import Place, environment, kubectl, wait_until
from tests.tool.run.test_shards_on_cluster import kubeconfig_of

pytestmark = pytest.mark.cluster

WITH_PYTEST = "weather-test:0.1.0"
PASSES = "def test_passes(): pass\n"
FAILS = "def test_fails():\n    assert 1 == 2\n"


@pytest.fixture(scope="session")
def namespace() -> Iterator[str]:
    """A throwaway namespace that admits nothing but restricted pods."""
    with restricted_namespace("sync-test") as name:
        yield name


@pytest.fixture
def place(namespace: str, tmp_path: Path) -> Place:
    """A folder with settings, and no manifest."""
    write_settings(tmp_path, namespace)
    return Place(namespace, tmp_path)


def own_files(place: Place) -> list[str]:
    """Return the ConfigMaps that belong to one run."""
    return [name for name in place.names("configmaps") if name.startswith("pytest-k8s-job-files-")]


def shared_files(place: Place) -> set[str]:
    """Return the ConfigMaps that runs share."""
    return {name for name in place.names("configmaps") if name.startswith("pytest-k8s-job-deps-")}


def manifest(**more: object) -> str:
    """Return a Job whose image has pytest and another suite."""
    container = {
        "name": "suite",
        "image": WITH_PYTEST,
        "command": ["python", "-m", "pytest_k8s_job.pod.agent"],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
        **more,
    }
    pod = {
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "own"}}
    return yaml.safe_dump({**job, "spec": {"template": {"spec": pod}}})


def test_edit_run_and_see_the_edit(place: Place) -> None:
    """Without an image of the tests, and without a manifest; nothing of a run stays."""
    test = place.folder / "test_it.py"
    test.write_text("import requests\n" + PASSES)
    result = place.run("--k8s-keep=never")
    assert result.code == 0, result.stdout + result.stderr
    assert re.search(r"^synced: 2 files, \d+ B, sha256 [0-9a-f]{16}", result.stdout, re.M)
    known = shared_files(place)
    assert known
    test.write_text(FAILS)
    result = place.run("--k8s-keep=never")
    assert result.code == 1, result.stdout + result.stderr
    assert "test_it.py::test_fails" in result.stdout
    assert "assert 1 == 2" in result.stdout
    assert shared_files(place) == known
    wait_until(lambda: own_files(place) == [], "the files to go with their Jobs")


def test_edited_tests_lie_over_those_of_an_own_image(place: Place) -> None:
    """The image's pytest runs them; a new file, an edited conftest and a deleted test count."""
    (place.folder / "job.yaml").write_text(manifest())
    suite = place.folder / "tests" / "incluster"  # the image has a suite of that name
    suite.mkdir(parents=True)
    (suite / "conftest.py").write_text(
        "import pytest\n\n@pytest.fixture\ndef edited():\n    return 1\n"
    )
    (suite / "test_new.py").write_text("def test_new(edited): assert edited == 1\n")
    before = shared_files(place)
    result = place.run("tests/incluster", "-v", f"--k8s-image={WITH_PYTEST}")
    assert result.code == 0, result.stdout + result.stderr
    assert "tests/incluster/test_new.py::test_new PASSED" in result.stdout
    assert "1 passed" in result.stdout
    assert len(shared_files(place) - before) <= 1, "pytest went along too"


def test_shards_share_the_files(place: Place) -> None:
    """Each pod proves what it ran."""
    for number in range(4):
        (place.folder / f"test_{number}.py").write_text(PASSES)
    result = place.run("--shards=2")
    assert result.code == 0, result.stdout + result.stderr
    assert "4 passed" in result.stdout


def call(place: Place, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the command `k8s-job` in the folder."""
    return subprocess.run(
        [sys.executable, "-m", "pytest_k8s_job", words[0], "-n", place.namespace, *words[1:]],
        cwd=place.folder,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def test_a_kept_run_is_read_again_and_its_proof_with_it(place: Place) -> None:
    """Attach, collect and --rerun-failed know it; a Job that says another digest is INCOMPLETE."""
    (place.folder / "test_it.py").write_text(PASSES + "\n\n" + FAILS)
    failed = place.run("--report=out")
    assert failed.code == 1, failed.stdout + failed.stderr
    report = json.loads((place.folder / "out" / "report.json").read_text())
    line = next(each for each in failed.stdout.splitlines() if each.startswith("synced: "))
    assert report["place"]["files"] == line.removeprefix("synced: ")
    job = report["place"]["job"]
    collected = call(place, "collect", f"job/{job}")
    assert collected.returncode == 1, collected.stdout + collected.stderr
    assert "1 failed, 1 passed" in collected.stdout
    attached = call(place, "attach", report["place"]["run_id"])
    assert attached.returncode == 1, attached.stdout + attached.stderr
    again = place.run("--rerun-failed", report["place"]["run_id"], "--k8s-keep=never")
    assert again.code == 1, again.stdout + again.stderr
    assert "1 failed, 1 deselected" in again.stdout
    note = f"pytest-k8s-job/files={'0' * 64}"
    kubectl("-n", place.namespace, "annotate", "--overwrite", f"job/{job}", note)
    forged = call(place, "collect", f"job/{job}")
    assert forged.returncode == 11, forged.stdout
    assert "the pod unpacked other files than were sent" in forged.stdout
    assert call(place, "clean").returncode == 0
    wait_until(lambda: own_files(place) == [], "the files to go with their Job")


def test_interrupt_leaves_nothing(place: Place) -> None:
    """Ctrl-C deletes the Job, and the files go with it."""
    slow = "import time\n\ndef test_one(): pass\n\ndef test_two(): time.sleep(60)\n"
    (place.folder / "test_it.py").write_text(slow)
    before = own_files(place)
    with place.start("-v") as process:
        wait_until(lambda: "test_one PASSED" in read_on(process), "the first test")
        assert own_files(place) != before
        process.send_signal(signal.SIGINT)
        result = place.result(process)
    assert result.code == 2
    wait_until(lambda: own_files(place) == before, "the files to go with their Job")


def read_on(process: subprocess.Popen[str]) -> str:
    """Return the next line of a run."""
    assert process.stdout is not None
    return process.stdout.readline()


NAMES = ["test_ünï côdé.py", "test_-dash.py", "test_quote'\".py", "test_日本.py", "test_a[b].py"]


def test_file_names_of_all_kinds(place: Place) -> None:
    """Node ids are the same as here."""
    for name in NAMES:
        (place.folder / name).write_text(PASSES)
    (place.folder / os.fsdecode(b"data-\xff")).write_text("")
    (place.folder / "line\nbreak").write_text("")
    result = place.run("-v", "--k8s-keep=never")
    assert result.code == 0, result.stdout + result.stderr
    for name in NAMES:
        assert f"{name}::test_passes PASSED" in result.stdout


def test_two_thousand_files(place: Place) -> None:
    """They come, all of them, and each test is reported."""
    for number in range(2000):
        folder = place.folder / f"p{number % 40}"
        folder.mkdir(exist_ok=True)
        (folder / f"test_{number}.py").write_text(PASSES)
    (place.folder / "data.bin").write_bytes(os.urandom(2 << 20))  # more than one ConfigMap holds
    began = time.monotonic()
    result = place.run("-q", "--k8s-keep=never", "--k8s-start-timeout=120")
    assert result.code == 0, result.stdout[-3000:] + result.stderr
    assert "2000 passed" in result.stdout
    assert time.monotonic() - began < SECONDS


def test_clean_removes_packages_that_nobody_uses(place: Place) -> None:
    """A week after the last run; those of today stay."""
    (place.folder / "test_it.py").write_text(PASSES)
    assert place.run("--k8s-keep=never").code == 0
    old, *others = sorted(shared_files(place))
    assert others
    note = "pytest-k8s-job/used=2020-01-01"
    kubectl("-n", place.namespace, "annotate", "--overwrite", f"configmap/{old}", note)
    cleaned = call(place, "clean")
    assert f"{old}, unused for a week" in cleaned.stdout, cleaned.stdout + cleaned.stderr
    assert shared_files(place) == set(others)
    assert place.run("--k8s-keep=never").code == 0
    assert old in shared_files(place)


def test_questions_are_answered_by_the_synced_tests(place: Place) -> None:
    """Pytest's --fixtures shows a fixture that only this machine has."""
    (place.folder / "conftest.py").write_text(
        "import pytest\n\n@pytest.fixture\ndef brought():\n    'From here.'\n"
    )
    (place.folder / "test_it.py").write_text(PASSES)
    result = place.run("--fixtures")
    assert result.code == 0, result.stdout + result.stderr
    assert "From here." in result.stdout


def test_an_image_without_python_is_one_sentence(place: Place) -> None:
    """The container's runtime names what is missing."""
    (place.folder / "test_it.py").write_text(PASSES)
    result = place.run("--k8s-image=redis:8.0")
    assert result.code == 10, result.stdout
    assert "python3" in result.stdout
    assert "executable file not found" in result.stdout


def test_too_much_starts_nothing(place: Place) -> None:
    """The largest files are named before anything is created."""
    (place.folder / "test_it.py").write_text(PASSES)
    (place.folder / "video.mp4").write_bytes(os.urandom(9 << 20))
    before = place.names("jobs"), own_files(place)
    result = place.run()
    assert result.code == 4
    assert "video.mp4 (9.4 MB)" in result.stderr
    assert (place.names("jobs"), own_files(place)) == before


def test_a_quota_on_config_maps_is_named(place: Place) -> None:
    """No Job stays without its files."""
    (place.folder / "test_it.py").write_text(PASSES)
    count = len(place.names("configmaps"))
    quota = ("create", "quota", "few", f"--hard=count/configmaps={count}")
    kubectl("-n", place.namespace, *quota)
    before = place.names("jobs")
    try:
        wait_until(
            lambda: "used" in kubectl("-n", place.namespace, "get", "quota", "few", "-o", "json"),
            "the quota to be counted",
        )
        result = place.run()
    finally:
        kubectl("-n", place.namespace, "delete", "quota", "few")
    assert result.code == 10, result.stdout
    assert re.search(r"ConfigMap \S+: ResourceQuota few is used up: it asks", result.stdout)
    assert place.names("jobs") == before


def test_the_role_that_init_writes_is_enough(place: Place) -> None:
    """Nothing is created or read that it does not allow."""
    (place.folder / "test_it.py").write_text(PASSES)
    kubectl("-n", place.namespace, "apply", "-f", "-", text=role_text())
    kubectl("-n", place.namespace, "create", "serviceaccount", "tester")
    account = f"--serviceaccount={place.namespace}:tester"
    bind = ("create", "rolebinding", "tester", "--role=test-runner", account)
    kubectl("-n", place.namespace, *bind)
    kubeconfig = place.folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_of(place.namespace, "tester")))
    result = place.run("test_it.py", f"--k8s-kubeconfig={kubeconfig}", "--k8s-keep=never")
    assert result.code == 0, result.stdout + result.stderr
    assert "lacks" not in result.stdout


def test_a_missing_right_names_the_rule(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The account may create Jobs, and no ConfigMaps."""
    (place.folder / "test_it.py").write_text(PASSES)
    account = f"{place.namespace}:runner"
    kubectl("-n", place.namespace, "create", "serviceaccount", "runner")
    verbs = ("--verb=get,list,create,delete", "--resource=jobs,pods,pods/log,services,events")
    kubectl("-n", place.namespace, "create", "role", "runner", *verbs)
    bind = ("create", "rolebinding", "runner", "--role=runner", f"--serviceaccount={account}")
    kubectl("-n", place.namespace, *bind)
    kubeconfig = place.folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_of(place.namespace, "runner")))
    before = place.names("jobs")
    result = place.run("test_it.py", f"--k8s-kubeconfig={kubeconfig}")
    assert result.code == 10, result.stdout
    assert "configmaps" in result.stdout
    assert "create" in result.stdout
    assert place.names("jobs") == before
