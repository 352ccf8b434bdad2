"""Pdb in the pod, in a pseudo-terminal here; the pod is a process on this machine."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.tool.conftest import MANIFEST, Side
from tests.tool.terminal import CTRL_C, CTRL_D, PROMPT, Typist, typist_at

pytestmark = pytest.mark.slow

SUITE = """\
import os
import time


def test_before(): pass


def test_fails():
    value = 41
    print("captured", "text")
    assert value == 42


def test_stops():
    here = {"answer": 1}
    breakpoint(); here["answer"] += 0
    print("printed", "meanwhile")
    assert here["answer"] == 2


def test_loops():
    rounds = 0
    breakpoint(); rounds += 0
    while rounds >= 0:
        rounds += 1
        time.sleep(0.001)


def test_hangs():
    rounds = 0
    print("hangs", flush=True)
    while True:
        rounds += 1
        time.sleep(0.001)


def test_ignores():
    import signal
    breakpoint()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print("deaf", "now", flush=True)
    while True:
        time.sleep(0.001)


def test_swallows():
    try:
        breakpoint()
        value = 1
    except Exception:
        pass


def test_loads_nothing():
    import sys
    assert "pytest_k8s_job.pod.debugger" not in sys.modules
    assert not [name for name in os.environ if name.startswith("PYTEST_K8S")]
"""
FILE = "test_debugged.py"
OWN_LINES = r"^(Job sample-test-|\[pytest-k8s-job: |The Job stays|target: |The image ran).*\n"


@pytest.fixture
def suite(remote: Side) -> Side:
    """The tool, with a suite that stops; what is here of it differs in nothing."""
    for folder in (remote.suite, remote.folder):
        (folder / FILE).write_text(SUITE)
    return remote


def test_name(name: str) -> str:
    """Return the node id of a test of the suite."""
    return f"{FILE}::{name}"


test_name.__test__ = False  # type: ignore[attr-defined]


def without_own_lines(typist: Typist) -> str:
    """Return what appeared, without times, paths and the lines that only the tool writes."""
    text = re.sub(r"[^\n]*\r", "", typist.text)
    text = re.sub(r"\d+\.\d\ds", "N s", text)
    text = re.sub(r"/\S*/(here|pod|near)/sample", "/sample", text)
    text = re.sub(r"^(=+|!+|>+) (.*?) (=+|!+|>+)$", r"\2", text, flags=re.M)
    text = text.replace("in cluster: FAILED\nQuitting debugger\n", "")
    return re.sub(OWN_LINES, "", text, flags=re.M)


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (["--pdb", test_name("test_fails")], ["p value", "value + 1", "c"]),
        (["--pdb", test_name("test_fails")], ["up", "q"]),
        (["--pdb", test_name("test_before"), test_name("test_fails")], [CTRL_D]),
        ([test_name("test_stops")], ["n", "n", "p here", "!here['answer'] = 2", "c"]),
        ([test_name("test_stops")], ["here['answer'] = 3", CTRL_C, "c"]),
        ([test_name("test_stops")], ["interact", f">>> here\n{CTRL_D}", "!breakpoint()", "c"]),
        (["-s", test_name("test_stops")], ["b 18", "c", "where", "q"]),
        (["--trace", test_name("test_before"), test_name("test_stops")], ["c", "c", "n", "q"]),
        (["--trace", "-x", test_name("test_fails")], ["debug len('x')", "(c", "return", "c"]),
    ],
)
def test_a_session_is_the_same_as_here(
    options: list[str], lines: list[str], suite: Side, local: Side
) -> None:
    """The same keys show the same text, and leave the same exit code, as with plain pytest."""
    (local.suite / FILE).write_text(SUITE)
    seen = []
    for side in (local, suite):
        with typist_at(side, *options) as typist:
            for line in lines:
                answer(typist, line)
            code = typist.finish()
        seen.append((without_own_lines(typist), code))
    assert seen[0] == seen[1]


def answer(typist: Typist, line: str) -> None:
    """Type a line at the prompt that it begins with, or at pdb's."""
    prompt = next((each for each in (">>> ", "(") if line.startswith(each)), "")
    typist.wait_for({"(": "((Pdb))"}.get(prompt, prompt) or PROMPT)
    keys = line.removeprefix(prompt)
    if keys == CTRL_C:
        typist.wait_for_reading()
    typist.type(keys if keys.endswith((CTRL_C, CTRL_D)) else f"{keys}\n")


def test_the_tab_key_asks_the_pod(suite: Side) -> None:
    """Names of the debugged frame are completed, and commands of pdb."""
    with typist_at(suite, test_name("test_stops")) as typist:
        assert "{'answer': 1}" in typist.answer("p her\t")
        typist.type("unti\t\n")
        assert "until" in typist.wait_for(PROMPT)
        typist.type("q\n")
        assert typist.finish() == 2


def test_ctrl_c_stops_code_that_runs_on(suite: Side) -> None:
    """As here, pdb comes back where the code was; quitting is no success."""
    with typist_at(suite, test_name("test_loops")) as typist:
        typist.wait_for(PROMPT)
        typist.type("c\n")
        typist.wait_for("resumed)")
        typist.type(CTRL_C)
        assert "once more ends the run" in typist.wait_for("Program interrupted")
        assert "True" in typist.answer("p rounds >= 0")
        typist.type("q\n")
        assert typist.finish() == 2
    assert "Exit: Quitting debugger" in typist.text


def test_ctrl_c_shows_where_a_test_hangs(suite: Side) -> None:
    """With --pdb no breakpoint is needed; while pdb evaluates, Ctrl-C ends just that."""
    with typist_at(suite, "--pdb", "-s", test_name("test_hangs")) as typist:
        typist.wait_for("hangs\n")
        typist.type(CTRL_C)
        assert "True" in typist.answer("p rounds >= 0")
        typist.type("while 1: pass\n")
        typist.wait_for("while 1: pass\n")
        typist.type(CTRL_C)
        assert "KeyboardInterrupt" in typist.wait_for(PROMPT)
        typist.type("q\n")
        assert typist.finish() == 2


def test_ctrl_c_twice_ends_the_run(suite: Side) -> None:
    """Code that does not hear the first one is deleted with its Job."""
    with typist_at(suite, "-s", test_name("test_ignores")) as typist:
        typist.wait_for(PROMPT)
        typist.type("c\n")
        typist.wait_for("deaf now")
        typist.type(CTRL_C)
        typist.wait_for("once more ends the run")
        typist.type(CTRL_C)
        assert typist.finish() == 2
    assert "Ctrl-C: the Job local/sample-test-" in typist.text


@pytest.mark.parametrize("keys", ["q\n", CTRL_D])
def test_a_quit_session_never_passes(keys: str, suite: Side) -> None:
    """Not even where the test swallows the exception by which pdb quits."""
    with typist_at(suite, test_name("test_swallows")) as typist:
        typist.wait_for(PROMPT)
        typist.type(keys)
        assert typist.finish() == 1
    assert "in cluster: FAILED" in typist.text
    assert "the debugger was quit, and pytest went on" in typist.text


def test_continuing_passes(suite: Side) -> None:
    """A test that was stopped and let go passes as any other."""
    with typist_at(suite, test_name("test_swallows"), test_name("test_before")) as typist:
        typist.wait_for(PROMPT)
        typist.type("c\n")
        assert typist.finish() == 0
    assert "2 passed" in typist.text


def test_time_outs_stand_still(suite: Side) -> None:
    """The time of a test does not run while pdb waits, and runs again afterwards."""
    manifest = MANIFEST.replace("spec:\n", "spec:\n  activeDeadlineSeconds: 900\n", 1)
    (suite.folder / "job.yaml").write_text(manifest)
    with typist_at(suite, "--k8s-test-timeout=1", test_name("test_loops")) as typist:
        assert "the Job may live 8" in typist.answer("import time; time.sleep(2)")
        typist.type("c\n")
        assert typist.finish() == 11
    assert "PDB continue" in typist.text
    assert "one test took longer than --k8s-test-timeout=1" in typist.text


def test_the_deadline_of_the_job_does_not_stand_still(suite: Side) -> None:
    """Kubernetes would take the results away; so pytest is ended before, at the prompt too."""
    manifest = MANIFEST.replace("spec:\n", "spec:\n  activeDeadlineSeconds: 10\n", 1)
    (suite.folder / "job.yaml").write_text(manifest)
    with typist_at(suite, test_name("test_stops")) as typist:
        assert "the Job may live" in typist.wait_for(PROMPT)
        assert typist.finish() == 11
    assert "7 s were over, and the Job's deadline of 10 s near" in typist.text


def processes_of(side: Side, word: str) -> list[int]:
    """Return the processes of a run whose command has `word` in it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_text()
            environment = (folder / "environ").read_text()
        except OSError:
            continue
        if word in command and f"SUITE={side.suite}\0" in environment:
            found.append(int(folder.name))
    return found


def test_a_broken_connection_is_joined_again(suite: Side) -> None:
    """The prompt comes back, and what was typed before counts."""
    with typist_at(suite, test_name("test_stops")) as typist:
        typist.answer("here['answer'] = 2")
        for process in processes_of(suite, "pod.joiner"):
            os.kill(process, signal.SIGKILL)
        assert "broke; joining it again" in typist.wait_for(PROMPT)
        assert "{'answer': 2}" in typist.say("p here")
        typist.type("c\n")
        assert typist.finish() == 0


def test_a_pod_that_dies_ends_the_session(suite: Side) -> None:
    """Nobody has to press a key to learn of it, and the run is INCOMPLETE."""
    with typist_at(suite, test_name("test_stops")) as typist:
        typist.wait_for(PROMPT)
        for process in processes_of(suite, "pod.agent") + processes_of(suite, "pod.emitter"):
            os.kill(process, signal.SIGKILL)
        assert typist.finish() == 11
    assert "in cluster: INCOMPLETE" in typist.text


def test_a_pytest_that_dies_at_the_prompt_is_incomplete(suite: Side) -> None:
    """What the user types may end pytest, and the container with it."""
    with typist_at(suite, test_name("test_stops")) as typist:
        typist.wait_for(PROMPT)
        typist.type("import os; os._exit(0)\n")
        assert typist.finish() == 11
    assert "pytest ended with exit code 0 in the middle of its session" in typist.text


@pytest.mark.parametrize("option", ["--pdb", "--trace"])
def test_without_a_terminal_one_sentence(option: str, suite: Side) -> None:
    """It is said before any Job is created."""
    result = suite.run(option, FILE)
    assert result.code == 4
    assert f"{option} needs a terminal: stdin or stdout of this pytest is none" in result.stderr
    assert "Job sample-test" not in result.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--shards=2"], "--pdb debugs one pod: leave --shards out"),
        (["--shards=auto"], "--pdb debugs one pod: leave --shards out"),
        (["--k8s-attach=x"], "--pdb needs a run of its own: it cannot join one that runs"),
    ],
)
def test_several_pods_or_none_of_ours_one_sentence(
    words: list[str], sentence: str, suite: Side
) -> None:
    """So is this."""
    with typist_at(suite, "--pdb", *words, FILE) as typist:
        assert typist.finish() == 4
    assert sentence in typist.text
    assert "Job sample-test" not in typist.text


def test_a_breakpoint_without_a_terminal_fails_as_here(suite: Side, local: Side) -> None:
    """It does not hang: pdb reads the end of its input, and quits."""
    (local.suite / FILE).write_text(SUITE)
    here, there = local.run(test_name("test_stops")), suite.run(test_name("test_stops"))
    assert here.code == there.code == 1
    assert "bdb.BdbQuit" in there.stdout
    texts = [re.sub("/(pod|NEAR)/sample", "/sample", each.text) for each in (here, there)]
    assert texts[0] == texts[1]


def test_a_breakpoint_in_one_of_several_pods_does_not_hang(suite: Side) -> None:
    """A terminal is of no use to two pods."""
    with typist_at(suite, "--shards=2", test_name("test_stops")) as typist:
        assert typist.finish() == 1
    assert "bdb.BdbQuit" in typist.text


def test_breakpoints_can_be_switched_off(suite: Side) -> None:
    """PYTHONBREAKPOINT=0 here counts in the pod."""
    names = test_name("test_swallows"), test_name("test_loads_nothing")
    with typist_at(suite, *names, PYTHONBREAKPOINT="0") as typist:
        assert typist.finish() == 0
    assert PROMPT not in typist.text
    assert "2 passed" in typist.text


FORBIDDING = """\
import near_double

from pytest_k8s_job.errors import ClusterError


def pytest_k8s_job_cluster(config):
    cluster = near_double.pytest_k8s_job_cluster(config)
    cluster.converse = refuse
    return cluster


def refuse(job, pod, command):
    raise ClusterError("pods/exec is forbidden", 403)
"""


def test_without_the_right_to_exec_one_sentence(suite: Side) -> None:
    """The Job is deleted: nobody could let it go on."""
    (suite.folder.parent.parent / "forbidding.py").write_text(FORBIDDING)
    plugins = suite.environment["PYTEST_PLUGINS"]
    suite.environment["PYTEST_PLUGINS"] = plugins.replace("near_double", "forbidding")
    with typist_at(suite, test_name("test_stops")) as typist:
        assert typist.finish() == 4
    assert "the debugger cannot be joined by exec: pods/exec is forbidden" in typist.text
    assert "The Job stays" not in typist.text
