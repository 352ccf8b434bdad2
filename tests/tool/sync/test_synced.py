"""The pod's half of `--sync`, as the process that a container starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from pytest_k8s_job.pod import synced
from pytest_k8s_job.sync import job_volumes
from pytest_k8s_job.sync.archive import Archive, pack_contents
from pytest_k8s_job.sync.job_volumes import bootstrap
from pytest_k8s_job.sync.tool_archive import tool_archive
from pytest_k8s_job.wire import sync_layout


def files(**texts: str) -> Archive:
    """Return packed files; names have __ for / and no suffix."""
    contents = {k.replace("__", "/") + ".py": v.encode() for k, v in texts.items()}
    return pack_contents({name: (data, False) for name, data in contents.items()})


class Pod:
    """Folders in place of the volumes of a pod."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.image = folder / "image"
        self.suite = folder / "work" / "suite"
        for each in (self.image, folder / "input", folder / "work"):
            each.mkdir()
        (folder / "input" / "tool.zip").write_bytes(tool_archive())

    def bring(self, archive: Archive, kind: str = "files") -> dict[str, object]:
        """Put an archive into the volume; return what the order says of it."""
        for number, part in enumerate(archive.parts):
            (self.folder / "input" / sync_layout.part_name(kind, number)).write_bytes(part)
        return archive.order()

    def run(self, order: Mapping[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the container's command with the paths of this folder."""
        start = (
            "import sys; from pytest_k8s_job.wire import sync_layout as layout; "
            f"layout.INPUT, layout.WORK = {str(self.folder / 'input')!r}, "
            f"{str(self.folder / 'work')!r}; layout.TOOL = layout.INPUT + '/tool.zip'; "
            "layout.SUITE, layout.PACKAGES = layout.WORK + '/suite', layout.WORK + '/packages'; "
            "import pytest_k8s_job.pod.synced as synced; sys.exit(synced.main())"
        )
        complete = {"packages": None, "pythons": [], "whole": [], **order}
        tool = str(self.folder / "input" / "tool.zip")
        return subprocess.run(
            [sys.executable, "-c", start, "-p", "no:cacheprovider", *arguments],
            cwd=self.image,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": tool,
                "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # of the environment that plays the image
                "PYTHONSAFEPATH": "1",
                "TMPDIR": str(self.folder),
                sync_layout.SYNC: json.dumps(complete),
                "PYTEST_K8S_JOB_TERMINATION_LOG": str(self.folder / "message"),
            },
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def pod(tmp_path: Path) -> Pod:
    """A pod whose image has nothing in its working directory."""
    return Pod(tmp_path)


PASSES = "def test_passes(): pass\n"


def test_runs_what_was_sent_in_its_own_folder(pod: Pod) -> None:
    """The pod's half of this tool comes from the zip file and needs nothing else of it."""
    source = (
        "import os, pytest_k8s_job.pod.agent as a\n"
        "def test_here():\n"
        f"    assert os.getcwd() == {str(pod.suite)!r}\n"
        "    assert 'tool.zip' in a.__file__\n"
        "    assert not [name for name in os.environ if name.startswith('PYTEST_K8S_JOB_')]\n"
    )
    done = pod.run({"files": pod.bring(files(t__test_x=source))})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_an_archive_that_is_not_what_was_sent_is_not_run(pod: Pod) -> None:
    """One bit is enough."""
    order = pod.bring(files(test_x=PASSES))
    pod.bring(files(test_x=PASSES + "#"))
    done = pod.run({"files": order})
    assert done.returncode == 4
    assert "is not the one that was sent" in done.stderr
    assert "passed" not in done.stdout


def test_packages_come_before_those_of_the_image(pod: Pod) -> None:
    """What runs in the pod is what was chosen here."""
    packages = pod.bring(files(requests="here = True\n"), "packages")
    source = "import requests\ndef test_x(): assert requests.here\n"
    done = pod.run({"files": pod.bring(files(test_x=source)), "packages": packages})
    assert done.returncode == 0, done.stdout + done.stderr


def test_another_python_than_the_packages_need_is_one_line(pod: Pod) -> None:
    """The line says what to type."""
    done = pod.run({"files": pod.bring(files(test_x=PASSES)), "pythons": ["3.2"]})
    here = "{}.{}".format(*sys.version_info)
    assert done.returncode == 4
    assert f"fit Python 3.2, the image has {here}: add --sync-python {here}" in done.stderr


def test_an_old_python_is_one_line() -> None:
    """It could not even import this tool."""
    code = f"import sys; sys.version_info = (3, 9, 2); exec({bootstrap(b'')!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "--sync needs Python 3.11 or newer in the image\n"


def test_another_tool_than_was_sent_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its ConfigMap is shared: somebody may have made one of that name."""
    monkeypatch.setattr(job_volumes, "TOOL", str(tmp_path / "tool.zip"))
    (tmp_path / "tool.zip").write_bytes(tool_archive() + b"more")
    command = [sys.executable, "-c", bootstrap(tool_archive())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is not what was sent" in done.stderr


def test_the_image_stays_below_what_was_sent(pod: Pod) -> None:
    """Its data is there; its tests, conftests and settings are not, where others were sent."""
    for name in ("data/big.csv", "t/old.txt", "t/test_old.py", "u/used.py", "u/test_u.py"):
        (pod.image / name).parent.mkdir(exist_ok=True)
        (pod.image / name).write_text(PASSES)
    for name in ("conftest.py", "pytest.ini", "u/conftest.py"):
        (pod.image / name).write_text("raise SystemExit('the image has run')")
    source = (
        "import pathlib\n"
        "def test_x():\n"
        "    assert pathlib.Path('data/big.csv').exists()\n"
        "    assert not pathlib.Path('t/old.txt').exists()\n"
        "    assert not pathlib.Path('conftest.py').exists()\n"
    )
    sent = pod.bring(files(t__test_x=source, u__test_u="import used\n" + PASSES))
    done = pod.run({"files": sent, "whole": ["t"]}, "t", "u/test_u.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_a_container_that_starts_again_has_nothing_of_the_first(pod: Pod) -> None:
    """An emptyDir outlives its containers."""
    pod.run({"files": pod.bring(files(test_old=PASSES))})
    done = pod.run({"files": pod.bring(files(test_new=PASSES))})
    assert "1 passed" in done.stdout


def test_what_was_unpacked_is_what_the_digest_is_of(tmp_path: Path, pod: Pod) -> None:
    """The pod reads the files again from where pytest will."""
    archive = files(a="1", b__c="2")
    folder = tmp_path / "out"
    assert sync_layout.tree_digest(_unpacked(pod, archive, folder)) == archive.digest
    assert (folder / "b" / "c.py").read_text() == "2"


def _unpacked(pod: Pod, archive: Archive, folder: Path) -> dict[str, str]:
    order = pod.bring(archive)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synced, "INPUT", str(pod.folder / "input"))
        return synced.unpack(order, "files", folder)
