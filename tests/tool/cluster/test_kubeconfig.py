"""Kubeconfigs that are read without the official client, and those that are left to it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_k8s_job.cluster.kubeconfig import read_plain
from tests.checkout import CHECKOUT


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def write(folder: Path, cluster: dict[str, Any], user: dict[str, Any]) -> str:
    """Write a kubeconfig of two contexts and return its path."""
    place = {"cluster": "c", "user": "u"}
    content = {
        "current-context": "one",
        "clusters": [{"name": "c", "cluster": {"server": "http://here:1/prefix/", **cluster}}],
        "users": [{"name": "u", "user": user}],
        "contexts": [
            {"name": "one", "context": place},
            {"name": "two", "context": {**place, "namespace": "mine"}},
        ],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(content))
    return str(file)


def test_a_token_is_read(tmp_path: Path) -> None:
    """The context decides on the namespace, and the token becomes a header."""
    file = write(tmp_path, {}, {"token": "secret"})
    one, two = read_plain(file, None), read_plain(file, "two")
    assert one is not None
    assert two is not None
    assert (one.server, one.context, one.namespace) == ("http://here:1/prefix", "one", "default")
    assert (two.context, two.namespace) == ("two", "mine")
    assert one.authorization() == "Bearer secret"


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        ({"insecure-skip-tls-verify": True}, {"token": "x"}),
        ({"proxy-url": "http://proxy"}, {"token": "x"}),
        ({}, {"exec": {"command": "aws"}}),
        ({}, {"auth-provider": {"name": "oidc"}}),
        ({}, {"username": "me", "password": "x"}),
        ({}, {"tokenFile": "/token"}),
        ({"server": "https://here", "certificate-authority-data": "bm9uZQ=="}, {"token": "x"}),
        ({"server": "https://here"}, {"token": "x"}),
    ],
)
def test_what_is_not_plain_is_left_to_the_official_client(
    cluster: dict[str, Any], user: dict[str, Any], tmp_path: Path
) -> None:
    """Plug-ins, proxies and broken certificates are not guessed at."""
    assert read_plain(write(tmp_path, cluster, user), None) is None


def test_a_proxy_of_the_environment_is_left_to_the_official_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows which hosts bypass the proxy."""
    monkeypatch.setenv("http_proxy", "http://proxy")
    assert read_plain(write(tmp_path, {}, {"token": "x"}), None) is None


@pytest.mark.parametrize("text", ["", "[]", "{", "current-context: nowhere\ncontexts: []"])
def test_a_broken_file_is_left_to_the_official_client(text: str, tmp_path: Path) -> None:
    """What is wrong with it is said in its words."""
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    assert read_plain(str(file), None) is None
    assert read_plain(str(tmp_path / "missing"), None) is None


def test_a_plain_kubeconfig_does_not_load_the_official_client(tmp_path: Path) -> None:
    """Its imports would cost every run a quarter of a second."""
    file = write(tmp_path, {}, {"token": "x"})
    script = (
        "import sys; from pytest_k8s_job.cluster.client import connect; "
        f"connect({file!r}); sys.exit('kubernetes' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, check=False)
    assert done.returncode == 0
