"""What is refused before anything starts, and the one line that says so."""

import os
import shutil
import socket
from collections import namedtuple
from pathlib import Path

import pytest

from local_cluster import preflight
from local_cluster.errors import ClusterError
from local_cluster.settings import Paths


def test_without_root_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any user but root gets one line."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ClusterError, match="needs root"):
        preflight.check_root()


def test_unified_hierarchy_is_version_2(tmp_path: Path) -> None:
    """cgroup.controllers at the top means cgroup v2."""
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    assert preflight.cgroup_version(tmp_path) == 2


def test_separate_hierarchies_are_version_1(tmp_path: Path) -> None:
    """v1 and hybrid both have a directory a controller; `unified` beside them changes nothing."""
    for name in (*preflight.CONTROLLERS, "unified"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "tasks").touch()
    assert preflight.cgroup_version(tmp_path) == 1


@pytest.mark.parametrize("unified", [False, True])
def test_missing_controllers_are_named(tmp_path: Path, unified: bool) -> None:
    """Without cgroups, or without one of the controllers, the line names what is missing."""
    if unified:
        (tmp_path / "cgroup.controllers").write_text("cpuset cpu pids\n")
    with pytest.raises(ClusterError, match=r"no cgroups: .*memory"):
        preflight.cgroup_version(tmp_path)


def test_taken_port_is_named_with_its_holder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the port, what it is for, and the process that has it."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setattr(preflight, "PORTS", {port: "etcd"})
        with pytest.raises(ClusterError, match=rf"port {port}, for etcd.*pid {os.getpid()} \("):
            preflight.check_ports()
    preflight.check_ports()


def test_small_disk_is_refused(own_paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under 5 GB the line names the place and both figures."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(9e9, 5.1e9, 3.9e9))
    with pytest.raises(ClusterError, match=r"3\.9 GB free, 5 are needed"):
        preflight.check_disk(own_paths)


def test_failed_installation_names_packages_and_log(
    own_paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When apt-get fails the line says what was wanted, what may be wrong, and where to look."""
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho E: no such package; exit 100\n")
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(preflight, "PACKAGES", {"/nowhere/runc": "runc"})
    with pytest.raises(ClusterError, match=r"installing runc \(no network\?\) failed.*apt\.log"):
        preflight.install_packages(own_paths, lambda _: None)
    assert "no such package" in (own_paths.cache / "apt.log").read_text()


def test_present_packages_are_not_installed(
    own_paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is said or done when every program is there."""
    monkeypatch.setattr(preflight, "PACKAGES", {"/bin/sh": "dash"})
    said: list[str] = []
    preflight.install_packages(own_paths, said.append)
    assert said == []
