"""What `--sync` packs comes out the same in the pod, or is refused with its reason."""

from __future__ import annotations

import io
import os
import tarfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.sync.archive import PART_BYTES, pack, size_text
from pytest_k8s_job.wire.sync_layout import tree_digest

MIB = 1 << 20
NAMES = [
    "plain.py",
    "with space",
    "-dash",
    "new\nline",
    "quote'\"",
    "ünïcödé/日本.txt",
    "a" * 120 + "/" + "b" * 200,
    os.fsdecode(b"not-utf8-\xff\xfe"),
]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    """Times, owners and the order of folders do not count; contents and names do."""
    (tmp_path / "a").write_text("1")
    (tmp_path / "b").write_text("2")
    first = pack({"a": tmp_path / "a", "b": tmp_path / "b"}, MIB)
    os.utime(tmp_path / "a", (1, 1))
    second = pack({"b": tmp_path / "b", "a": tmp_path / "a"}, MIB)
    assert first.data == second.data
    assert pack({"a": tmp_path / "b", "b": tmp_path / "a"}, MIB).digest != first.digest
    assert pack({"a": tmp_path / "a"}, MIB).digest != first.digest


def test_names_of_all_kinds_come_out(tmp_path: Path) -> None:
    """Also those that are not UTF-8, and those that tar itself could not hold."""
    for number, name in enumerate(NAMES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(str(number))
    archive = pack({name: tmp_path / name for name in NAMES}, MIB)
    with tarfile.open(fileobj=io.BytesIO(archive.data)) as tar:
        tar.extractall(tmp_path / "out", filter="data")
    out = [each for each in (tmp_path / "out").rglob("*") if each.is_file()]
    assert {each.relative_to(tmp_path / "out").as_posix() for each in out} == set(NAMES)
    assert len(tree_digest(archive.files)) == 64


def test_what_can_be_run_stays_so(tmp_path: Path) -> None:
    """Scripts beside tests are started by them."""
    (tmp_path / "run.sh").write_text("")
    (tmp_path / "run.sh").chmod(0o755)
    (tmp_path / "data").write_text("")
    archive = pack({name: tmp_path / name for name in ("run.sh", "data")}, MIB)
    with tarfile.open(fileobj=io.BytesIO(archive.data)) as tar:
        assert {each.name: each.mode for each in tar} == {"run.sh": 0o755, "data": 0o644}


def test_much_is_cut_into_parts(tmp_path: Path) -> None:
    """No part is larger than what a ConfigMap holds, and together they are the archive."""
    (tmp_path / "noise").write_bytes(os.urandom(2 * MIB))
    archive = pack({"noise": tmp_path / "noise"}, 8 * MIB)
    assert len(archive.parts) == 3
    assert b"".join(archive.parts) == archive.data
    assert all(len(part) <= PART_BYTES for part in archive.parts)


def test_too_much_is_refused_with_the_largest_named(tmp_path: Path) -> None:
    """The user sees what to leave out."""
    for name, size in (("video.mp4", 2 * MIB), ("dump.bin", MIB), ("small", 10)):
        (tmp_path / name).write_bytes(os.urandom(size))
    files = {name: tmp_path / name for name in ("small", "dump.bin", "video.mp4")}
    with pytest.raises(UsageError) as error:
        pack(files, MIB)
    text = str(error.value)
    assert "at most 1 MB packed" in text
    assert text.index("video.mp4 (2.1 MB)") < text.index("dump.bin (1 MB)")
    assert "k8s_sync_limit" in text


def test_much_that_packs_well_is_refused_too(tmp_path: Path) -> None:
    """Memory here and the pod's emptyDir are bounded; the rest is not even read."""
    with (tmp_path / "zeros").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(UsageError, match=r"more than 16\.8 MB"):
        pack({"zeros": tmp_path / "zeros"}, MIB)


def test_a_file_that_grows_or_goes_meanwhile_is_whole_or_absent(tmp_path: Path) -> None:
    """What a log file has when it is read goes along, with a digest of just that."""
    growing, stop = tmp_path / "growing.log", threading.Event()
    growing.write_bytes(b"x" * 1000)

    def grow() -> None:
        with growing.open("ab") as file:
            while not stop.is_set():
                file.write(b"y" * 1000)
                file.flush()
                if file.tell() > 4 * MIB:
                    file.truncate(1000)

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        for _ in range(20):
            archive = pack({"growing.log": growing, "gone": tmp_path / "gone"}, 8 * MIB)
            assert set(archive.files) == {"growing.log"}
            with tarfile.open(fileobj=io.BytesIO(archive.data)) as tar:
                assert tar.getnames() == ["growing.log"]
    finally:
        stop.set()
        thread.join()


def test_an_unreadable_file_is_named(
    tmp_path: Path, nobody: Callable[[], AbstractContextManager[None]]
) -> None:
    """The error says what to do."""
    file = tmp_path / "closed.py"
    file.write_text("")
    file.chmod(0)
    with nobody(), pytest.raises(UsageError, match=r"cannot read .*closed.py: Permission denied"):
        pack({"closed.py": file}, MIB)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1_000, "1 kB"), (2_500_000, "2.5 MB")]
)
def test_sizes_are_for_people(count: int, text: str) -> None:
    """Decimal units, one digit."""
    assert size_text(count) == text
