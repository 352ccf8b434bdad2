"""The comparison of `test_fidelity.py` through a real pod and a live stream of its log.

Plain pytest runs in one pod of the same image, all commands in a row; the tool runs each in a Job.
"""

from __future__ import annotations

import base64
import difflib
import io
import json
import re
import secrets
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import local_cluster
from tests.checkout import CHECKOUT
from tests.tool.conftest import REPEATABLE, SAMPLE, Side, make_remote, normalised
from tests.tool.run.test_on_cluster import IMAGE, kubectl, wait_until

pytestmark = pytest.mark.cluster

COMMANDS = (
    "-v -rA --deselect=test_outcomes.py::test_no_such_fixture",  # JUnit cuts long paths
    "-s --stage staging test_sections.py test_extras.py --setup-show",
    "-x --tb=short",
    "-o log_cli=true -k log",
    "broken --continue-on-collection-errors",
    "stops/test_keyboard.py",
    "--doctest-modules inner",
    "--no-such-option",
    "--co -q",
)
UNPACK = "mkdir /copy/all && tar -xzf /mnt/all.tar.gz -C /copy/all && cd /copy/all/sample && "
PLAIN = """\
import json, pathlib, subprocess, sys
for command in json.loads(sys.argv[1]):
    junit = pathlib.Path("junit.xml")
    junit.unlink(missing_ok=True)
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--junitxml=junit.xml", *command.split()],
        stdin=subprocess.DEVNULL, capture_output=True,
    )
    out, err = (each.decode("utf-8", "backslashreplace") for each in (run.stdout, run.stderr))
    xml = junit.read_text() if junit.exists() else ""
    print(json.dumps([command, run.returncode, out, err, xml]))
"""


def job(namespace: str, name: str, command: list[str], environment: dict[str, str]) -> str:
    """Return a Job whose container unpacks package and suite, then runs `command`."""
    container = {
        "name": "suite",
        "image": IMAGE,
        "command": command,
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "volumeMounts": [
            {"name": "files", "mountPath": "/mnt"},
            {"name": "copy", "mountPath": "/copy"},
        ],
    }
    pod = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 2,
        "containers": [container],
        "volumes": [
            {"name": "files", "configMap": {"name": "files"}},
            {"name": "copy", "emptyDir": {}},
        ],
    }
    return yaml.safe_dump(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"backoffLimit": 0, "template": {"spec": pod}},
        }
    )


@pytest.fixture(scope="module")
def namespace() -> Iterator[str]:
    """A throwaway namespace with package and sample suite as one archive."""
    name = f"fidelity-{secrets.token_hex(3)}"
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for folder in (CHECKOUT / "pytest_k8s_job", SAMPLE):
            tar.add(folder, folder.name, filter=_without_caches)
    data = base64.b64encode(archive.getvalue()).decode("ascii")
    files = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "files"}}
    kubectl("create", "namespace", name)
    try:
        text = yaml.safe_dump({**files, "binaryData": {"all.tar.gz": data}})
        kubectl("-n", name, "create", "-f", "-", text=text)
        yield name
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


def _without_caches(file: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "cache__" in file.name or "_cache" in file.name else file


@pytest.fixture(scope="module")
def plain(namespace: str) -> dict[str, tuple[int, str, str, str]]:
    """What plain pytest says to each command in a pod: exit code, stdout, stderr, JUnit."""
    run = f"{UNPACK} exec python -c '{PLAIN}' '{json.dumps(COMMANDS)}'"
    text = job(namespace, "plain", ["sh", "-c", run], REPEATABLE)
    kubectl("create", "-f", "-", text=text)
    path = ["-n", namespace, "get", "job/plain", "-o", "jsonpath={.status.succeeded}"]
    wait_until(lambda: kubectl(*path) == "1", "plain pytest in its pod")
    lines = kubectl("-n", namespace, "logs", "job/plain").splitlines()
    found = {command: (code, *rest) for command, code, *rest in map(json.loads, lines)}
    assert set(found) == set(COMMANDS)
    return found


@pytest.fixture
def side(namespace: str, tmp_path: Path) -> Side:
    """The tool with empty shells of the suite, and the real cluster."""
    side = make_remote(tmp_path)
    agent = ["sh", "-c", f'{UNPACK} exec python -m pytest_k8s_job.pod.agent "$@"', "agent"]
    environment = {"PYTHONPATH": "/copy/all", **REPEATABLE}
    (side.folder / "job.yaml").write_text(job(namespace, "sample-test", agent, environment))
    side.environment["PYTEST_PLUGINS"] = "pytest_k8s_job.plugin"
    side.environment["KUBECONFIG"] = str(local_cluster.kubeconfig())
    return side


@pytest.mark.parametrize("command", COMMANDS)
def test_looks_like_plain_pytest_in_a_pod(
    command: str, plain: dict[str, tuple[int, str, str, str]], side: Side
) -> None:
    """Terminal, stderr, JUnit file and exit code are those of plain pytest in the same image."""
    result = side.run(*command.split())
    code, *texts = plain[command]
    here = "/copy/all/sample"
    for theirs, ours in zip(texts, (result.stdout, result.stderr, result.xml), strict=True):
        found = _comparable(ours).replace(str(side.folder), here)
        found = found.replace(str(side.folder).replace("/near/", "/NEAR/"), here)
        diff = difflib.unified_diff(_lines(_comparable(theirs)), _lines(found), lineterm="")
        if text := "\n".join(diff):
            pytest.fail(text, pytrace=False)
    assert result.code == code


def _comparable(text: str) -> str:
    """Leave out what belongs to this machine: its Python, where it lies, and times."""
    text = re.sub(r"^(platform |pod: |cachedir: ).*\n", "", normalised(text), flags=re.M)
    text = re.sub(r"(\.\./)+", "../", text)  # places outside, as seen from different depths
    text = re.sub(r"^-+ generated xml file.*\n", "", text, flags=re.M)
    return re.sub(r' (time|timestamp|hostname)="[^"]*"', "", text)


def _lines(text: str) -> list[str]:
    return text.replace("><", ">\n<").splitlines()
