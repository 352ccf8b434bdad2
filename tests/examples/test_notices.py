"""The relay of examples/notices: a notice of the tool becomes what three receivers take."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_k8s_job.validation.notify import notify
from tests.checkout import CHECKOUT
from tests.tool.validation.receiver import Receiver, answer, receiving
from tests.tool.validation.runs import run

pytestmark = pytest.mark.slow

KEY = b"the key"
DIGEST = "sha256:" + "0a" * 32
COMMIT = "c0ffee" * 6 + "c0ff"
SKOPEO = f'#!/bin/sh\ncase "$*" in *app@{DIGEST}) echo {COMMIT} ;; *) exit 1 ;; esac\n'


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Slack, Teams and GitHub in one."""
    with receiving(answer(200)) as serving:
        yield serving


@pytest.fixture
def relay(receiver: Receiver, tmp_path: Path) -> Iterator[str]:
    """The URL of a relay that runs in a process of its own."""
    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "skopeo").write_text(SKOPEO)
    (tmp_path / "skopeo").chmod(0o755)
    base = f"http://127.0.0.1:{receiver.server_port}"
    environment = {
        "PORT": "0",
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "NOTIFY_KEY": str(tmp_path / "key"),
        "SLACK_URL": f"{base}/slack",
        "TEAMS_URL": f"{base}/teams",
        "GITHUB_API": f"{base}/github",
        "GITHUB_REPO": "me/app",
        "GITHUB_TOKEN": "token",
        "IMAGE": "registry.example.com/app",
    }
    program = CHECKOUT / "examples" / "notices" / "relay.py"
    with subprocess.Popen(
        [sys.executable, str(program)], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().split()[-1]
        yield f"http://127.0.0.1:{port}/"
        process.terminate()


def test_each_receiver_is_told_in_its_own_form(relay: str, receiver: Receiver) -> None:
    """Slack gets text, Teams a card, the commit on GitHub a status; images of others get none."""
    images = (("deployment/api/api", DIGEST), ("deployment/redis/redis", "sha256:" + "ff" * 32))
    assert notify(relay, run("FAILED", images=images), KEY) == ""
    told = {path: (headers, json.loads(body)) for path, headers, body in receiver.seen}
    status = f"/github/repos/me/app/statuses/{COMMIT}"
    assert set(told) == {"/slack", "/teams", status}
    text = told["/slack"][1]["text"]
    assert text.startswith(":x: *integration-test* FAILED 3f2a9c1e55 (167 passed, 1 failed")
    (attachment,) = told["/teams"][1]["attachments"]
    assert attachment["content"]["body"][1]["text"].startswith("FAILED 3f2a9c1e55")
    headers, body = told[status]
    assert headers["Authorization"] == "Bearer token"
    assert (body["state"], body["context"]) == ("failure", "k8s-job/integration-test")
    assert len(body["description"]) <= 140


@pytest.mark.parametrize(("verdict", "state"), [("PASSED", "success"), ("VOID", "error")])
def test_only_passed_is_a_success(verdict: str, state: str, relay: str, receiver: Receiver) -> None:
    """A run that proved nothing is no success on the commit."""
    assert notify(relay, run(verdict, images=(("deployment/api/api", DIGEST),)), KEY) == ""
    assert json.loads(receiver.seen[-1][2])["state"] == state


@pytest.mark.parametrize("key", [None, b"another"])
def test_who_has_not_the_key_tells_nobody(
    key: bytes | None, relay: str, receiver: Receiver
) -> None:
    """A notice without a signature, or with that of another key, is refused."""
    assert notify(relay, run(), key).endswith("it answered 403")
    assert receiver.seen == []
