"""Runs through the tool with a process as the pod: what crashes, lies, stops or never starts."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pytest_k8s_job.pod.agent import LINGER_SECONDS
from pytest_k8s_job.wire.agent_settings import (
    GRACE,
    LOG_BYTES,
    NONCE,
    RUN_ID,
    TERMINATION_LOG,
)
from pytest_k8s_job.wire.frames import Decoder
from tests.checkout import CHECKOUT
from tests.tool.conftest import SECONDS, Side

AROUND = "def test_before(): pass\n\n\n{}\n\n\ndef test_after(): pass\n"


def write_test(side: Side, body: str, name: str = "test_it.py") -> str:
    """Put a test between two others into a new file of the pod's suite; return the file's name."""
    (side.suite / name).write_text(AROUND.format(body))
    return name


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("def test_it():\n    import os\n    os._exit(0)", "ended with exit code 0 in the middle"),
        ("def test_it():\n    import os\n    os._exit(3)", "ended with exit code 3 in the middle"),
        ("def test_it():\n    import os\n    os.kill(os.getpid(), 11)", "killed by signal 11"),
        ("def test_it():\n    import os\n    os.kill(os.getpid(), 9)", "killed by signal 9"),
        ("def test_it():\n    import os\n    os.closerange(0, 99)", "in the middle of its session"),
    ],
)
def test_a_crash_fails_the_open_test(body: str, reason: str, remote: Side) -> None:
    """A test that takes pytest along is reported as failed, and the run as INCOMPLETE."""
    result = remote.run(write_test(remote, body))
    assert result.code == 11, result.stdout
    assert "in cluster: INCOMPLETE" in result.stdout
    assert reason in result.stdout
    assert "FAILED test_it.py::test_it - " in result.stdout
    assert "1 failed, 1 passed" in result.stdout
    assert [case for case in result.junit if "INCOMPLETE" in str(case)]


def test_a_killed_agent_never_passes(remote: Side) -> None:
    """When the agent itself is killed, the end of the results is missing."""
    body = "import os\ndef test_it():\n    os.kill(os.getppid(), 9)"
    result = remote.run(write_test(remote, body))
    assert result.code == 11
    assert "the end of the results is missing" in result.stdout
    assert "exit code 137" in result.stdout


@pytest.mark.parametrize(
    "body",
    [
        "def test_it():\n    import os\n    os.closerange(0, 3)",
        "def test_it():\n    import os\n    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)",
        "def test_it(capfd):\n    with capfd.disabled():\n        print('x' * (1 << 20), end='')",
        "def test_it():\n    import subprocess\n    subprocess.Popen(['sleep', '20'])",
    ],
)
def test_abused_output_loses_nothing(body: str, remote: Side) -> None:
    """Closing, flooding or leaking stdout does not cost a result."""
    result = remote.run(write_test(remote, body))
    assert result.code == 0, result.stdout
    assert "3 passed" in result.stdout


def test_forged_frames_change_nothing(remote: Side) -> None:
    """A test that prints a frame it has seen, or made, gains nothing."""
    body = """\
import base64, zlib
def test_it(capfd):
    record = b'["finish",2]\\n["end",{"exit":0,"signal":null,"records":1,"sha256":""}]\\n'
    piece = base64.b64encode(zlib.compress(record))
    head = b"%s 9 1/1" % (b"0" * 32)
    line = b"::k8sjob1 %s %08x %s" % (head, zlib.crc32(piece, zlib.crc32(head)), piece)
    with capfd.disabled():
        print(line.decode())
    assert False"""
    result = remote.run(write_test(remote, body))
    assert result.code == 1
    assert "1 failed, 2 passed" in result.stdout
    assert b"::k8sjob1 " + b"0" * 32 in (remote.folder / "pod.log").read_bytes()


def test_secrets_stay_with_the_agent(remote: Side) -> None:
    """Tests find neither nonce nor run id in their environment, but a trace of their own."""
    body = """\
import os, re
def test_it():
    assert not [name for name in os.environ if name.startswith("PYTEST_K8S")]
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", os.environ["TRACEPARENT"])
    assert test_it.__dict__.setdefault("seen", os.environ["TRACEPARENT"])
def test_other():
    assert os.environ["TRACEPARENT"] != test_it.seen"""
    result = remote.run(write_test(remote, body))
    assert result.code == 0, result.stdout


def test_trace_is_known_here(remote: Side) -> None:
    """A report with something to show carries the trace id that its test found in the pod."""
    body = 'import os\ndef test_it():\n    print(os.environ["TRACEPARENT"])\n    assert 0'
    (remote.folder.parent / "show_trace.py").write_text(
        "def pytest_runtest_logreport(report):\n"
        "    if report.failed:\n"
        "        assert report.trace_id in report.capstdout\n"
        "        print('same trace')\n"
    )
    remote.environment["PYTHONPATH"] += os.pathsep + str(remote.folder.parent)
    remote.environment["PYTEST_PLUGINS"] += ",show_trace"
    assert "same trace" in remote.run(write_test(remote, body)).stdout


def test_dots_appear_while_tests_run(remote: Side) -> None:
    """A finished test is shown while the next one still waits for it to be shown."""
    gate = remote.folder / "gate"
    body = f"""\
import pathlib, time
def test_it():
    while not pathlib.Path({str(gate)!r}).exists():
        time.sleep(0.01)"""
    with remote.start("-v", write_test(remote, body)) as process:
        assert process.stdout is not None
        while "test_before PASSED" not in process.stdout.readline():
            assert process.poll() is None
        gate.touch()
        stdout, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert "3 passed" in stdout


def test_interrupt_ends_the_pod(remote: Side) -> None:
    """Ctrl-C stops the pod's processes, says that the Job was deleted, and exits 2."""
    pid = remote.folder / "pid"
    body = f"""\
import os, pathlib, time
def test_it():
    pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))
    time.sleep(60)"""
    with remote.start("-v", write_test(remote, body)) as process:
        assert process.stdout is not None
        while "test_before PASSED" not in process.stdout.readline():
            assert process.poll() is None
        while not (pid.exists() and pid.read_text()):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=SECONDS)
    assert process.returncode == 2, stdout + stderr
    assert "Ctrl-C: the Job local/sample-test-" in stdout
    assert not Path(f"/proc/{pid.read_text()}").exists()


def test_preflight_message_comes_first(remote: Side) -> None:
    """What a check before the first test said opens the summary, and the exit code is not 0."""
    result = remote.run("preflight")
    assert result.code == 2
    summary = result.stdout.split("in cluster: FAILED")[1].splitlines()
    assert summary[1] == "http://api.weather.svc does not answer"


def test_pytest_exit_with_success_does_not_pass(remote: Side) -> None:
    """A test that ends the session with exit code 0 leaves the run INCOMPLETE."""
    body = "import pytest\ndef test_it():\n    pytest.exit('enough', returncode=0)"
    result = remote.run(write_test(remote, body))
    assert result.code == 11
    assert "2 planned tests were not reported" in result.stdout


def test_only_skips_do_not_pass(remote: Side) -> None:
    """A suite that skips all of its tests exits 5 and says so."""
    (remote.suite / "test_it.py").write_text("import pytest\ndef test_it(): pytest.skip('no')\n")
    result = remote.run("test_it.py")
    assert result.code == 5
    assert "all 1 tests were skipped" in result.stdout


def test_last_failed_selects_in_the_pod(remote: Side, local: Side) -> None:
    """--lf runs what failed in the run before, as local pytest does."""
    for side in (remote, local):
        side.run("test_outcomes.py")
    here, there = local.run("--lf"), remote.run("--lf")
    assert there.text == here.text
    assert "run-last-failure" in there.stdout
    assert there.code == here.code == 1


def test_runs_without_pytests_cache(remote: Side) -> None:
    """`-p no:cacheprovider` only loses what would have been remembered."""
    result = remote.run("-p", "no:cacheprovider", "inner")
    assert (result.code, len(result.junit)) == (1, 1), result.stdout + result.stderr


def test_paths_are_understood_from_any_directory(remote: Side) -> None:
    """A path typed below the root directory, or an absolute one, means the same file there."""
    absolute = str(remote.folder / "test_sections.py::test_prints")
    assert "1 passed" in remote.run(absolute).stdout
    manifest = "--k8s-manifest=../job.yaml"
    below = Side(remote.folder / "inner", remote.suite, remote.environment, "--in-cluster")
    environment = "--k8s-env=PYTEST_DISABLE_PLUGIN_AUTOLOAD=1"
    assert "inherited" in below.run("test_inner.py", manifest, environment).stdout


def test_the_pods_environment_can_be_set(remote: Side) -> None:
    """--k8s-env reaches the tests; a word without = is a usage error."""
    body = "import os\ndef test_it():\n    assert os.environ['API_WAIT'] == '1=2'"
    assert remote.run("--k8s-env=API_WAIT=1=2", write_test(remote, body)).code == 0
    result = remote.run("--k8s-env=API_WAIT")
    assert result.code == 4
    assert "--k8s-env takes NAME=VALUE" in result.stderr


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        (None, "cannot read the Job manifest"),
        ("kind: Service\n", "must hold exactly one Job or CronJob, it holds 0"),
        ("kind: Job\n---\nkind: Job\n", "it holds 2"),
        ("kind: Job\nmetadata: {name: x}\n", "has no name or no container"),
        ("{", "is not YAML"),
    ],
)
def test_a_wrong_manifest_is_a_usage_error(manifest: str | None, reason: str, remote: Side) -> None:
    """A manifest that cannot be used is one line and exit code 4."""
    path = remote.folder / "job.yaml"
    path.unlink() if manifest is None else path.write_text(manifest)
    result = remote.run()
    assert result.code == 4
    assert reason in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize("hook", ["pytest_collection_finish", "pytest_runtest_logreport"])
def test_a_session_that_breaks_off_leaves_no_job(hook: str, remote: Side) -> None:
    """When a plugin here fails, pytest says so, and the pod does not go on for nobody."""
    pid = remote.folder / "pid"
    body = f"""\
import os, pathlib, time
pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))
def test_it():
    time.sleep({SECONDS})
"""
    plugin = f"def {hook}():\n    raise ValueError('this side is broken')\n"
    (remote.folder.parent.parent / "broken.py").write_text(plugin)
    environment = {**remote.environment}
    environment["PYTEST_PLUGINS"] += ",broken"
    near = Side(remote.folder, remote.suite, environment, *remote.extra)
    result = near.run(write_test(remote, body))
    assert result.code == 3
    assert "this side is broken" in result.stdout
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), 0)


def test_the_manifests_selection_holds_until_a_path_is_named(remote: Side) -> None:
    """What the manifest selects runs by default; typed words follow it, a path takes its place."""
    names = write_test(remote, "def test_a(): pass\ndef test_b(): pass\ndef test_ab(): pass")
    path = remote.folder / "job.yaml"
    args = f'args: [-k, "b", {names}]'
    path.write_text(path.read_text().replace("args: []", args))
    assert "3 passed, 2 deselected" in remote.run().stdout
    assert "1 passed, 4 deselected" in remote.run("-k", "ab").stdout
    assert "5 passed" in remote.run(names).stdout


def test_a_container_that_cannot_start_was_not_run(remote: Side) -> None:
    """A command that fails before the agent speaks is NOT_RUN, and its last words are shown."""
    path = remote.folder / "job.yaml"
    path.write_text(path.read_text().replace("pytest_k8s_job.pod.agent", "no_such_module"))
    result = remote.run()
    assert result.code == 10
    assert "in cluster: NOT_RUN" in result.stdout
    assert "No module named no_such_module" in result.stdout


def test_a_silent_container_is_given_up(remote: Side) -> None:
    """A container that runs something else is given up after the start time-out."""
    path = remote.folder / "job.yaml"
    path.write_text(
        path.read_text().replace("[python, -m, pytest_k8s_job.pod.agent]", "[sh, -c, sleep 9]")
    )
    result = remote.run("--k8s-start-timeout=1")
    assert result.code == 10
    assert "nothing started within 1 s" in result.stdout


def test_an_unreachable_api_server_is_one_line(remote: Side) -> None:
    """A cluster that does not answer is named, without a traceback."""
    kubeconfig = remote.folder / "kubeconfig"
    entry = {"cluster": "c", "user": "u"}
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "x",
        "contexts": [{"name": "x", "context": entry}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:9"}}],
        "users": [{"name": "u", "user": {}}],
    }
    kubeconfig.write_text(json.dumps(text))
    remote.environment["PYTEST_PLUGINS"] = "pytest_k8s_job.plugin"
    result = remote.run(f"--k8s-kubeconfig={kubeconfig}")
    assert result.code == 10
    assert "the API server http://127.0.0.1:9 does not answer" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


def test_job_is_deleted_or_kept_as_told(remote: Side) -> None:
    """The Job goes after success and stays after failure, unless --k8s-keep says otherwise."""
    passing, failing = "test_sections.py::test_prints", "test_outcomes.py::test_fails"
    assert "The Job stays" not in remote.run(passing).stdout
    assert "The Job stays" in remote.run(failing).stdout
    assert "The Job stays" in remote.run(passing, "--k8s-keep=always").stdout
    assert "The Job stays" not in remote.run(failing, "--k8s-keep=never").stdout


DELETING = """\
import os
import pathlib

from pytest_k8s_job.testing.local_pod import LocalCluster


class Deleting(LocalCluster):
    def log(self, job, pod, since):
        for chunk in super().log(job, pod, since):
            yield chunk
            self.delete(job)


def pytest_k8s_job_cluster(config):
    return Deleting(pathlib.Path(os.environ["SUITE"]))
"""


def test_a_job_that_somebody_deleted_does_not_stay(remote: Side) -> None:
    """The last line names what became of the Job, not a command that would find nothing."""
    (remote.folder.parents[1] / "near_double.py").write_text(DELETING)
    result = remote.run(write_test(remote, HANG), "--k8s-keep=always")
    assert result.code == 11, result.stdout
    assert re.search(r"The Job local/sample-test-\w+ was deleted by somebody else", result.stdout)
    assert "The Job stays" not in result.stdout


HANG = "def test_it():\n    import threading\n    threading.Event().wait()"
STUBBORN = """\
import threading
def test_it():
    while True:
        try:
            threading.Event().wait()
        except BaseException:
            pass"""


@pytest.mark.parametrize("body", [HANG, STUBBORN], ids=["hang", "stubborn"])
def test_a_hanging_test_fails_with_its_stack(body: str, remote: Side) -> None:
    """A test over its time is ended, reported as failed with its stack, and named as the cause."""
    grace = f"--k8s-env={GRACE}=2"
    result = remote.run(write_test(remote, body), "--k8s-test-timeout=1", grace)
    assert result.code == 11
    said = result.stdout.split("in cluster: INCOMPLETE")[1].splitlines()[1]
    cause = "one test took longer than --k8s-test-timeout=1, after 1 of 3 tests"
    assert re.fullmatch(rf"{cause}, in test_it\.py::test_it for \d(\.\d)? s", said)
    assert "FAILED test_it.py::test_it - " in result.stdout
    assert re.search(r'File ".*test_it.py", line \d+ in test_it', result.stdout)
    assert "1 failed, 1 passed" in result.stdout


def test_tests_within_their_time_are_left_alone(remote: Side) -> None:
    """The time counts for one test, not for all of them."""
    body = "import time\ndef test_it():\n    time.sleep(0.6)\ntest_again = test_it"
    assert remote.run(write_test(remote, body), "--k8s-test-timeout=1").code == 0


def test_a_pod_that_is_stopped_while_it_collects_has_no_collection_error(remote: Side) -> None:
    """SIGTERM in the middle of an import is told as such, not as an error of the file."""
    text = "import os, signal\n\nos.kill(os.getpid(), signal.SIGTERM)\n\n\ndef test_it(): pass\n"
    (remote.suite / "test_stopped.py").write_text(text)
    result = remote.run("test_stopped.py")
    assert result.code == 11, result.stdout
    assert "the pod was told to stop (SIGTERM)" in result.stdout
    assert "ERROR collecting" not in result.stdout


def test_the_deadline_of_the_job_is_not_waited_for(remote: Side) -> None:
    """The agent ends pytest before Kubernetes would delete the pod, and says so."""
    manifest = remote.folder / "job.yaml"
    text = manifest.read_text().replace("spec:\n", "spec:\n  activeDeadlineSeconds: 4\n", 1)
    manifest.write_text(text)
    result = remote.run(write_test(remote, HANG))
    assert result.code == 11
    assert "the Job's deadline of 4 s near, after 1 of 3 tests, in test_it.py::" in result.stdout


def test_a_test_that_ignores_sigterm_is_ended_within_the_grace_period(local: Side) -> None:
    """When the pod is told to stop, a test that does not react still leaves its stack."""
    body = STUBBORN.replace("():\n", "():\n    open('begun', 'w').close()\n")
    write_test(local, body)
    with agent_process(local.suite, "test_it.py", **{GRACE: "4"}) as process:
        while not (local.suite / "begun").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        stdout, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 137
    assert re.search(r'File ".*test_it.py", line \d+ in test_it', stdout)


FLOOD = """\
import os
def test_it():
    print(os.urandom(200_000).hex())
    assert 0"""


def test_after_a_long_log_the_agent_waits_for_its_collector(remote: Side, local: Side) -> None:
    """It ends when the collector has everything; without one it does not wait."""
    small = {LOG_BYTES: "100000", TERMINATION_LOG: os.devnull}
    result = remote.run(write_test(remote, FLOOD), f"--k8s-env={LOG_BYTES}=100000", "--tb=no")
    assert result.code == 1
    assert '"linger":true' in text_of(remote.folder / "pod.log")
    write_test(local, FLOOD)
    began = time.monotonic()
    assert agent(local.suite, "test_it.py", **small).returncode == 1
    assert time.monotonic() - began < LINGER_SECONDS


def test_after_a_short_log_the_agent_ends_at_once(remote: Side) -> None:
    """An ordinary run pays nothing for the journal."""
    remote.run("test_sections.py::test_prints")
    assert '"linger":false' in text_of(remote.folder / "pod.log")


def test_captured_output_has_a_budget_for_the_whole_run(local: Side, tmp_path: Path) -> None:
    """Past the budget, sections are cut short and say why; every report still comes."""
    body = "import pytest\n@pytest.mark.parametrize('i', range(9))\ndef test_it(i):\n"
    write_test(local, f"{body}    print('x' * 30_000)\n    assert 0")
    log = tmp_path / "log"
    settings = {NONCE: "ab" * 16, LOG_BYTES: "100000", TERMINATION_LOG: os.devnull}
    log.write_text(agent(local.suite, "test_it.py", "--tb=no", **settings).stdout)
    assert text_of(log).count("left out by pytest-k8s-job: this run") == 0
    settings[NONCE] = ""
    log.write_text(agent(local.suite, "test_it.py", "--tb=no", **settings).stdout)
    said = re.findall(r"(\d+) characters left out by pytest-k8s-job: this run", text_of(log))
    assert said == ["28001"] * 2 * 8  # pytest shows a section in the teardown's report too
    assert text_of(log).count('"outcome":"failed"') == 9


def test_chatter_is_cut_and_costs_no_result(remote: Side) -> None:
    """Output past the capture has a budget; the tests' own reports do not suffer."""
    body = "def test_it(capfd):\n    with capfd.disabled():\n        print('0123456789\\n' * 9999)"
    result = remote.run(write_test(remote, body), f"--k8s-env={LOG_BYTES}=100000")
    assert result.code == 0
    assert "bytes of output left out here" in (remote.folder / "pod.log").read_text()


def test_a_wrong_number_is_one_sentence(local: Side) -> None:
    """A setting in the manifest that is no number is named."""
    done = agent(local.suite, **{LOG_BYTES: "many"})
    assert done.stderr == f"{LOG_BYTES} must be a number, not 'many'\n"


def text_of(log: Path) -> str:
    """Return the records in the frames of a log."""
    lines = log.read_bytes()
    nonce = lines.split(b" ", 2)[1].decode()
    return b"".join(Decoder(nonce).feed(lines)).decode()


def agent_process(suite: Path, *arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start the agent as a container would."""
    return subprocess.Popen(
        [sys.executable, "-m", "pytest_k8s_job.pod.agent", *arguments],
        cwd=suite,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def agent(suite: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the agent as a container would."""
    with agent_process(suite, *arguments, **environment) as process:
        stdout, stderr = process.communicate(timeout=SECONDS)
    return subprocess.CompletedProcess([], process.returncode, stdout, stderr)


def test_without_a_collector_the_log_reads_well(local: Side, tmp_path: Path) -> None:
    """Started by kubectl apply, the log is what pytest writes, with few frames between."""
    message = tmp_path / "message"
    done = agent(local.suite, "-q", "test_outcomes.py", **{TERMINATION_LOG: str(message)})
    assert done.returncode == 1
    frames = [line for line in done.stdout.splitlines() if line.startswith("::k8sjob1")]
    assert done.stdout.startswith(frames[0])
    assert len(frames) < 20
    assert re.search(r"\d+ failed, \d+ passed", done.stdout)
    left = json.loads(message.read_text())
    assert left["exit"] == 1
    assert left["nonce"] == frames[0].split()[1]


def test_frames_stand_at_the_beginning_of_lines(local: Side, tmp_path: Path) -> None:
    """Between the frames the log is pytest's own output, line by line."""
    settings = {RUN_ID: "r1", NONCE: "ab" * 16, TERMINATION_LOG: str(tmp_path / "message")}
    done = agent(local.suite, "test_outcomes.py", **settings)
    lines = done.stdout.splitlines()
    assert [line for line in lines if line.startswith("::k8sjob1 " + "ab" * 16)]
    assert not [line for line in lines if "::k8sjob1" in line[1:]]
    assert [line for line in lines if line.startswith("test_outcomes.py .FFF")]
    message = json.loads((tmp_path / "message").read_text())
    assert message["run"] == "r1"
    assert message["counts"]["failed"] > 1


LOSING = """\
import os
import pathlib

from pytest_k8s_job.testing.local_pod import LocalCluster


class Losing(LocalCluster):
    def log(self, job, pod, since):
        whole = b"".join(super().log(job, pod, since))
        lines = whole.splitlines(keepends=True)
        yield b"".join(line for line in lines if line.split()[2:3] != [b"1"])


def pytest_k8s_job_cluster(config):
    return Losing(pathlib.Path(os.environ["SUITE"]))
"""


def test_a_lost_plan_is_incomplete(remote: Side, tmp_path: Path) -> None:
    """When the frame with the plan is lost for good, the reports after it cannot be named."""
    (tmp_path / "near_double.py").write_text(LOSING)
    slow = "import time\ndef test_it():\n    time.sleep(0.3)"  # its report is in a later frame
    result = remote.run(write_test(remote, slow))
    assert result.code == 11, result.stdout
    assert "in cluster: INCOMPLETE" in result.stdout
    assert "records were lost" in result.stdout
    assert "INTERNALERROR" not in result.stdout
