"""How the cluster's processes are told from others."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local_cluster import machine, sweep
from local_cluster.settings import CGROUP, Paths

WAIT = "print(flush=True); input()"


@contextmanager
def process(*command: str | Path) -> Iterator[int]:
    """A process that waits until the test is done; its id."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as running:
        assert running.stdout
        running.stdout.readline()
        yield running.pid
        running.kill()


@pytest.fixture
def program(own_paths: Paths) -> Path:
    """A program in the cache, as a component is: it says a line and waits."""
    directory = own_paths.cache / "bin/etcd-0"
    directory.mkdir(parents=True)
    shell = directory / "etcd"
    shell.write_bytes(Path("/bin/sh").read_bytes())
    shell.chmod(0o755)
    return shell


def test_programs_of_the_cache_are_found_and_ended(own_paths: Paths, program: Path) -> None:
    """A process whose program lies in the cache is ours, and `end_components` kills it."""
    with process(program, "-c", "echo; read line") as pid:
        assert sweep.components(own_paths) == [pid]
        assert sweep.end_components(own_paths) == 1
        assert sweep.components(own_paths) == []


def test_the_users_kubectl_is_left_alone(own_paths: Paths, program: Path) -> None:
    """A kubectl of the cache that somebody runs is no part of the cluster."""
    kubectl = program.rename(program.with_name("kubectl"))
    with process(kubectl, "-c", "echo; read line") as pid:
        assert pid not in sweep.everything(own_paths)


def test_shims_are_told_from_components(own_paths: Paths, program: Path) -> None:
    """Recovery ends components, but not the shims, which hold running pods."""
    shim = program.rename(program.with_name("containerd-shim-runc-v2"))
    with process(shim, "-c", "echo; read line") as pid:
        assert sweep.end_components(own_paths) == 0
        assert sweep.shims(own_paths) == [pid]


def test_who_only_reads_our_configuration_is_not_ours(own_paths: Paths) -> None:
    """A command line that names our file is not enough: it must be a supervisord."""
    with process(sys.executable, "-c", WAIT, own_paths.supervisor_conf):
        assert sweep.supervisors(own_paths) == []
    with process(
        sys.executable, "-c", WAIT, "supervisor.supervisord", own_paths.supervisor_conf
    ) as pid:
        assert sweep.supervisors(own_paths) == [pid]


def test_cgroup_hierarchies_are_found_in_each_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One hierarchy on v2; on v1 each mounted one once, without the links beside them."""
    monkeypatch.setattr(machine, "CGROUPS", tmp_path)
    for name in ("cpu", "memory"):
        (tmp_path / name / CGROUP).mkdir(parents=True)
        (tmp_path / name / "cgroup.procs").touch()
    (tmp_path / "cpu,cpuacct").symlink_to("cpu")
    assert machine.hierarchies() == [tmp_path / "cpu", tmp_path / "memory"]
    assert len(machine.our_cgroups()) == 2
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    assert machine.hierarchies() == [tmp_path]
    assert machine.our_cgroups() == []
