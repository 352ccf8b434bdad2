"""Kubeconfigs that are read without the official client, and those that are left to it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import certifi
import pytest
import yaml

from pytest_k8s_job.cluster.kubeconfig import TOKEN_SECONDS, read_in_cluster, read_plain
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


def test_a_token_in_a_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is renewed before it runs out."""
    (tmp_path / "token").write_text("first\n")
    found = read_plain(write(tmp_path, {}, {"tokenFile": "token"}), None)
    assert found is not None
    (tmp_path / "token").write_text("second\n")
    assert found.authorization() == "Bearer first"
    later = time.monotonic() + TOKEN_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert found.authorization() == "Bearer second"


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files and the environment of a pod with a service account."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    (tmp_path / "ca.crt").write_text(Path(certifi.where()).read_text("utf-8"))
    (tmp_path / "token").write_text("secret")
    (tmp_path / "namespace").write_text("shop")
    return tmp_path


def test_the_service_account_of_a_pod(account: Path) -> None:
    """Server, namespace and token come from where the kubelet puts them."""
    found = read_in_cluster(account)
    assert found is not None
    assert (found.server, found.namespace) == ("https://10.96.0.1:443", "shop")
    assert (found.context, found.authorization()) == ("in-cluster", "Bearer secret")


def test_an_address_of_ipv6(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only in brackets it is a host of a URL."""
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    found = read_in_cluster(account)
    assert found is not None
    assert found.server == "https://[fd00::1]:443"


@pytest.mark.parametrize("missing", ["token", "ca.crt", "namespace"])
def test_a_pod_without_a_service_account(account: Path, missing: str) -> None:
    """What is wrong is said by the official client."""
    (account / missing).unlink()
    assert read_in_cluster(account) is None


def test_a_kubeconfig_comes_before_the_service_account(
    account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for the official client; one in the home directory too."""
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    assert read_in_cluster(account) is None
    monkeypatch.delenv("KUBECONFIG")
    (account / ".kube").mkdir()
    (account / ".kube" / "config").write_text("")
    assert read_in_cluster(account) is None


def test_outside_of_a_pod(account: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing names the API server there."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    assert read_in_cluster(account) is None


@pytest.mark.parametrize(
    ("cluster", "user"),
    [
        ({"insecure-skip-tls-verify": True}, {"token": "x"}),
        ({"proxy-url": "http://proxy"}, {"token": "x"}),
        ({}, {"exec": {"command": "aws"}}),
        ({}, {"auth-provider": {"name": "oidc"}}),
        ({}, {"username": "me", "password": "x"}),
        ({}, {"tokenFile": "/nowhere/token"}),
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
