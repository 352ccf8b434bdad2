"""The status line, on a terminal and in a file."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

from pytest_k8s_job.cluster.pods import Phase, PodState
from pytest_k8s_job.run.status_line import step_of
from tests.tool.conftest import SECONDS, Side


def test_steps_are_told_once_without_a_terminal(remote: Side) -> None:
    """In a file the line grows by one word for each step; -q leaves it out."""
    line = next(
        line for line in remote.run("test_sections.py").stdout.splitlines() if "Job sample" in line
    )
    assert line.count("creating") == line.count("created") == line.count("started") == 1
    assert "Job sample" not in remote.run("-q", "test_sections.py::test_prints").stdout


def test_line_is_rewritten_on_a_terminal(remote: Side) -> None:
    """On a terminal the same line is written over, and then stays."""
    near, far = pty.openpty()
    command = [sys.executable, "-m", "pytest", *remote.extra, "test_sections.py::test_prints"]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **remote.environment}
    with subprocess.Popen(command, cwd=remote.folder, env=environment, stdout=far) as process:
        os.close(far)
        text = b""
        while chunk := _read(near):
            text += chunk
        assert process.wait(SECONDS) == 0
    os.close(near)
    assert b"\rJob sample-test-" in text
    assert text.count(b"\n") < text.count(b"\r")
    assert b"1 passed" in text


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1 << 16)
    except OSError:  # Linux says EIO when the last writer has gone
        return b""


def test_step_names_what_is_waited_for() -> None:
    """A reason that tells something is shown; the ordinary ones are not."""
    assert step_of(None) == "created"
    assert step_of(PodState("p", Phase.SCHEDULED, "ContainerCreating")) == "scheduled"
    assert step_of(PodState("p", Phase.SCHEDULED, "ErrImagePull")) == "scheduled, ErrImagePull"
    assert step_of(PodState("p", Phase.RUNNING)) == "started"
