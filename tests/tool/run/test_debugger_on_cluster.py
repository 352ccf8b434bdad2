"""Pdb in a pod of the real cluster, with tests that `--sync` brings, in a pseudo-terminal here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pytest_k8s_job.sync.built_in import role_text
from tests.tool.restricted import restricted_namespace, write_settings
from tests.tool.run.test_on_cluster import environment, kubectl
from tests.tool.run.test_shards_on_cluster import kubeconfig_of
from tests.tool.terminal import CTRL_C, PROMPT, Typist

pytestmark = pytest.mark.cluster

SUITE = """\
import time


def test_fails():
    value = 41
    assert value == 42


def test_stops():
    here = {"answer": 1}
    breakpoint()
    here["answer"] += 1
    assert here["answer"] == 2


def test_loops():
    rounds = 0
    breakpoint()
    while True:
        rounds += 1
        time.sleep(0.001)
"""


@pytest.fixture(scope="session")
def namespace() -> Iterator[str]:
    """A throwaway namespace that admits nothing but restricted pods."""
    with restricted_namespace("debugger-test") as name:
        yield name


@pytest.fixture
def folder(namespace: str, tmp_path: Path) -> Path:
    """A folder with tests and settings, and no manifest."""
    write_settings(tmp_path, namespace)
    (tmp_path / "test_it.py").write_text(SUITE)
    return tmp_path


def typist_in(folder: Path, *arguments: str, **more: str) -> Typist:
    """Start `pytest --in-cluster` in a terminal."""
    command = [sys.executable, "-m", "pytest", "--in-cluster", "--color=no", *arguments]
    return Typist(command, folder, environment(folder) | more)


def test_post_mortem_breakpoint_and_ctrl_c(folder: Path) -> None:
    """One run with all of it; the run is quit, and no success."""
    with typist_in(folder, "--pdb") as typist:
        assert "the Job may live 17" in typist.wait_for("test_fails()\n")
        assert "41" in typist.answer("p val\t")
        typist.type("c\n")
        assert "2" in typist.answer("p here['answer'] + 1")
        assert "test_it.py(12)" in typist.say("n") + typist.say("w")
        typist.type("c\n")
        typist.wait_for("test_loops()")
        typist.wait_for(PROMPT)
        typist.type("c\n")
        typist.wait_for("resumed)")
        typist.type(CTRL_C)
        assert "Program interrupted" in typist.wait_for(PROMPT)
        assert "True" in typist.say("p rounds >= 0")
        typist.type("q\n")
        assert typist.finish() == 2
    assert "in cluster: FAILED" in typist.text
    assert "1 failed, 1 passed" in typist.text


def test_a_test_that_is_let_go_passes(folder: Path) -> None:
    """Exit code and verdict are those of a run that nobody stopped."""
    with typist_in(folder, "test_it.py::test_stops") as typist:
        typist.answer("p 1")
        typist.type("c\n")
        assert typist.finish() == 0
    assert "1 passed" in typist.text


def test_a_test_that_failed_stays_failed(folder: Path) -> None:
    """Looking at it does not change the verdict."""
    with typist_in(folder, "--pdb", "test_it.py::test_fails") as typist:
        typist.answer("value = 42")
        typist.type("c\n")
        assert typist.finish() == 1
    assert "1 failed" in typist.text


def test_a_hanging_test_is_interrupted(folder: Path) -> None:
    """With --pdb, Ctrl-C joins a pod whose debugger nobody has used."""
    (folder / "test_it.py").write_text(
        "import time\n\n\ndef test_hangs():\n    rounds = 1\n    print('hangs')\n"
        "    time.sleep(600)\n"
    )
    with typist_in(folder, "--pdb", "-s") as typist:
        typist.wait_for("hangs\n")
        typist.type(CTRL_C)
        assert "KeyboardInterrupt" in typist.wait_for(PROMPT)
        assert "1" in typist.say("p rounds")
        typist.type("q\n")
        assert typist.finish() == 2


def test_a_pod_that_is_deleted_ends_the_session(folder: Path, namespace: str) -> None:
    """The prompt goes away by itself, and the run is INCOMPLETE."""
    with typist_in(folder, "test_it.py::test_stops") as typist:
        typist.wait_for(PROMPT)
        kubectl("-n", namespace, "delete", "pods", "--all", "--grace-period=1", "--wait=false")
        assert typist.finish() == 11
    assert "in cluster: INCOMPLETE" in typist.text


def test_a_container_that_ends_at_the_prompt(folder: Path) -> None:
    """Its pod is still there, and cannot be joined again."""
    with typist_in(folder, "test_it.py::test_stops") as typist:
        typist.wait_for(PROMPT)
        typist.type("import os; os._exit(0)\n")
        assert typist.finish() == 11
    assert "pytest ended with exit code 0 in the middle of its session" in typist.text


@pytest.mark.parametrize("may_exec", [True, False])
def test_the_rights_of_the_role_suffice(may_exec: bool, folder: Path, namespace: str) -> None:
    """Those of `k8s-job init`; without `pods/exec` one sentence names what is missing."""
    account = f"tester-{may_exec}".lower()
    role = yaml.safe_load(role_text())
    role["metadata"]["name"] = account
    if not may_exec:
        role["rules"] = [each for each in role["rules"] if "pods/exec" not in each["resources"]]
    kubectl("-n", namespace, "apply", "-f", "-", text=yaml.safe_dump(role))
    kubectl("-n", namespace, "create", "serviceaccount", account)
    bind = (f"--role={account}", f"--serviceaccount={namespace}:{account}")
    kubectl("-n", namespace, "create", "rolebinding", account, *bind)
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_of(namespace, account)))
    with typist_in(folder, f"--k8s-kubeconfig={kubeconfig}", "test_it.py::test_stops") as typist:
        if may_exec:
            typist.answer("p 1")
            typist.type("c\n")
        assert typist.finish() == (0 if may_exec else 4)
    assert ("cannot be joined by exec: the API server refused (403)" in typist.text) != may_exec
