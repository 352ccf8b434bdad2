"""Files of `--artifact` come out of a pod that is a process on this machine."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.tool.conftest import Result, Side

WRITES = """\
import os, pathlib

def test_writes(tmp_path, record_property):
    pathlib.Path("out").mkdir()
    pathlib.Path("out/log.txt").write_text("hello from the pod\\n")
    pathlib.Path("out/big.bin").write_bytes(os.urandom(3 << 20))
    (tmp_path / "mine.txt").write_text("of one test")
    pathlib.Path("shot.png").write_bytes(b"\\x89PNG\\r\\n\\x1a\\n" + bytes(20))
    record_property("artifact", "shot.png")
    {}
"""


def write_suite(side: Side, end: str = "pass", text: str = WRITES) -> None:
    """Leave one test in the pod's suite."""
    (side.suite / "test_it.py").write_text(text.format(end))


def brought(side: Side) -> set[str]:
    """Return the files that have arrived."""
    folder = side.folder / "reports" / "artifacts"
    found = {str(each.relative_to(folder)) for each in folder.rglob("*") if not each.is_dir()}
    return found - {".k8s-job-artifacts"}


def report_of(side: Side) -> dict[str, Any]:
    """Return the report's document."""
    return dict(json.loads((side.folder / "page" / "report.json").read_text("utf-8")))


def run(side: Side, *words: str) -> Result:
    """Run the one test and bring what it wrote."""
    basetemp = f"--basetemp={side.suite / 'tmp'}"
    (side.suite / "pytest.ini").write_text(f"[pytest]\naddopts = {basetemp}\n")
    return side.run("test_it.py", "--report=page", *words)


@pytest.mark.parametrize(("end", "code"), [("pass", 0), ("assert False", 1)])
def test_files_come_home(end: str, code: int, remote: Side) -> None:
    """Small ones by the log, a large one by exec; whether the test passed or failed."""
    write_suite(remote, end)
    result = run(remote, "--artifact=out/**", "--artifact=tmp", "--artifact", "*.png")
    assert result.code == code, result.stdout + result.stderr
    names = {"out/log.txt", "out/big.bin", "shot.png", "tmp/test_writes0/mine.txt"}
    assert brought(remote) == names, result.stdout
    folder = remote.folder / "reports" / "artifacts"
    assert (folder / "out/log.txt").read_text() == "hello from the pod\n"
    assert (folder / "out/big.bin").read_bytes() == (remote.suite / "out/big.bin").read_bytes()
    assert "artifacts: 4 files, 3.1 MB, in reports/artifacts" in result.stdout
    found = {each["file"]: each for each in report_of(remote)["artifacts"]}
    assert set(found) == {f"../reports/artifacts/{each}" for each in names}
    by_name = {file.removeprefix("../reports/artifacts/"): each for file, each in found.items()}
    assert by_name["shot.png"]["test"] == "test_it.py::test_writes"
    assert by_name["tmp/test_writes0/mine.txt"]["test"] == "test_it.py::test_writes"
    assert by_name["out/log.txt"]["test"] == ""
    for name, each in by_name.items():
        assert each["size"] == (folder / name).stat().st_size
        assert each["sha256"] == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    page = (remote.folder / "page" / "index.html").read_text("utf-8")
    assert 'href="../reports/artifacts/out/log.txt"' in page
    assert "hello from the pod" in page
    assert 'src="data:image/png;base64,' in page


@pytest.mark.parametrize(
    ("end", "words", "code"),
    [
        ("os._exit(3)", [], 11),
        ("os.kill(os.getpid(), 9)", [], 11),
        ("__import__('time').sleep(60)", ["--k8s-test-timeout=2"], 11),
    ],
)
def test_files_come_after_a_crash(end: str, words: list[str], code: int, remote: Side) -> None:
    """A killed pytest, one that left, and one that took too long keep what they wrote."""
    write_suite(remote, end)
    result = run(remote, "--artifact=out", *words)
    assert result.code == code, result.stdout + result.stderr
    assert brought(remote) == {"out/log.txt", "out/big.bin"}, result.stdout


def test_a_dead_agent_brings_nothing_and_says_so(remote: Side) -> None:
    """When the whole container is killed, nobody is left to send a file."""
    write_suite(remote, "os.kill(os.getppid(), 9)")
    result = run(remote, "--artifact=out")
    assert result.code == 11, result.stdout
    assert brought(remote) == set()
    said = "not brought: all files (the pod ended before it could look for them)"
    assert said in result.stdout


def test_links_and_devices_stay_in_the_pod(remote: Side, tmp_path: Path) -> None:
    """What a link points to is not the test's to give."""
    secret = tmp_path / "secret"
    secret.write_text("not for you")
    body = f"""\
import os

def test_it():
    os.mkdir("out")
    os.symlink({str(secret)!r}, "out/file")
    os.symlink({str(tmp_path)!r}, "out/folder")
    os.mkfifo("out/pipe")
    open("out/fine", "w").close()
"""
    (remote.suite / "test_it.py").write_text(body)
    result = run(remote, "--artifact=out")
    assert result.code == 0, result.stdout
    assert brought(remote) == {"out/fine"}
    assert "out/file (a link)" in result.stdout
    assert "out/pipe (no regular file)" in result.stdout
    assert "not for you" not in result.stdout


def test_names_of_all_kinds_come_home(remote: Side) -> None:
    """Line feeds, bytes that are no text, quotes and markup are characters of a name."""
    body = """\
import os

def test_it():
    os.mkdir("out")
    for name in (b"a\\nb", b"bad\\xff", b"<script>", b"A.txt", b"a.txt", b"c:d", b"x" * 240):
        open(b"out/" + name, "w").close()
"""
    (remote.suite / "test_it.py").write_text(body)
    result = run(remote, "--artifact=out")
    assert result.code == 0, result.stdout + result.stderr
    found = brought(remote)
    assert len(found) == 7, found
    assert {"out/A.txt", "out/a.txt~2", "out/a%0Ab", "out/c%3Ad", "out/%3Cscript%3E"} <= found
    assert "artifacts/out/%253Cscript%253E" in (remote.folder / "page/index.html").read_text()


def test_files_of_an_earlier_run_do_not_stay(remote: Side) -> None:
    """An old screenshot would pass for one of this run; a file that is not ours stays."""
    folder = remote.folder / "reports" / "artifacts"
    folder.mkdir(parents=True)
    (folder / "kept.txt").write_text("the user's own")
    write_suite(remote)
    assert run(remote, "--artifact=out").code == 0
    assert brought(remote) == {"kept.txt", "out/log.txt", "out/big.bin"}
    for each in (remote.suite / "out").iterdir():
        each.unlink()
    (remote.suite / "test_it.py").write_text("def test_it(): pass\n")
    result = run(remote, "--artifact=out")
    assert brought(remote) == {"kept.txt"}
    assert "artifacts: no file matches" in result.stdout


def test_more_than_the_limit_stays_and_is_named(remote: Side) -> None:
    """The smallest come first."""
    write_suite(remote)
    (remote.folder / "pytest.ini").write_text("[pytest]\nk8s_artifacts_limit = 1\n")
    result = run(remote, "--artifact=out")
    assert result.code == 0, result.stdout
    assert brought(remote) == {"out/log.txt"}
    assert "out/big.bin (over the limit of all files)" in result.stdout
    reasons = {each["reason"] for each in report_of(remote)["not_brought"]}
    assert reasons == {"over the limit of all files"}


SHARED = """\
import os, pathlib, pytest

@pytest.mark.parametrize("number", range(4))
def test_it(number):
    pathlib.Path("out").mkdir(exist_ok=True)
    pathlib.Path("out/same.txt").write_text(str(number))
"""


def test_shards_stand_apart_where_names_meet(remote: Side) -> None:
    """Both files have the same name in their pods."""
    (remote.suite / "test_it.py").write_text(SHARED)
    result = run(remote, "--artifact=out", "--shards=2")
    assert result.code == 0, result.stdout + result.stderr
    assert brought(remote) == {"shard-0/out/same.txt", "shard-1/out/same.txt"}
    assert {each["shard"] for each in report_of(remote)["artifacts"]} == {"0", "1"}


@pytest.mark.parametrize("folder", [".", "..", "../sample", "/"])
def test_a_folder_with_more_than_artifacts_is_refused(folder: str, remote: Side) -> None:
    """A name from the pod could replace a conftest.py."""
    write_suite(remote)
    result = run(remote, "--artifact=out", f"--artifacts-dir={folder}")
    assert result.code == 4
    assert "name a folder of its own" in result.stderr + result.stdout


def test_without_the_option_the_pod_does_nothing_more(remote: Side) -> None:
    """No file is looked for, and the module is not even loaded."""
    module = "pytest_k8s_job.pod.tmp_folders"
    body = f"import sys\ndef test_it():\n    assert {module!r} not in sys.modules\n"
    (remote.suite / "test_it.py").write_text(body)
    result = run(remote)
    assert result.code == 0, result.stdout
    assert "artifacts" not in result.stdout
    assert not (remote.folder / "reports").exists()
