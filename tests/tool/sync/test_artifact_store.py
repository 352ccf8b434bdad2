"""Names and contents from a pod are data: nothing leaves the folder, nothing wrong counts."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_k8s_job.errors import ClusterError, GoneError
from pytest_k8s_job.sync import waiting_files
from pytest_k8s_job.sync.artifact_store import ArtifactError, ArtifactStore, Described, safe_parts
from pytest_k8s_job.sync.waiting_files import WaitingFiles
from pytest_k8s_job.wire.artifacts import stream, write_waiting

LIMIT = 1 << 20


def described(name: str, content: bytes = b"x", shard: str = "") -> Described:
    """Return what a pod would say of a file."""
    sha256 = hashlib.sha256(content).hexdigest()
    return Described(shard, f"/pod/{name}", name, len(content), sha256)


def put(store: ArtifactStore, what: Described, content: bytes = b"x") -> None:
    """Store a file that came packed."""
    store.store_packed(what, zlib.compress(content))


def names(store: ArtifactStore) -> list[str]:
    """Return the paths of all files that lie in the folder."""
    found = store.folder.rglob("*")
    return sorted(str(each.relative_to(store.folder)) for each in found if each.is_file())


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """A store that is empty."""
    return ArtifactStore(tmp_path / "inside", LIMIT)


@pytest.mark.parametrize("name", ["../a", "a/../../b", "..", "", "/", ".", "a/" * 600 + "b"])
def test_a_name_that_leads_out_is_refused(name: str, store: ArtifactStore) -> None:
    """Also one that would come back, one that is nothing, and one without end."""
    with pytest.raises(ArtifactError):
        put(store, described(name))
    assert not store.folder.exists()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("/etc/passwd", ("etc", "passwd")),
        ("a//b/./c", ("a", "b", "c")),
        ("a\nb", ("a%0Ab",)),
        ("a\x1b[31m", ("a%1B[31m",)),
        ("a\\..\\b", ("a%5C..%5Cb",)),
        ("c:d", ("c%3Ad",)),
        ("dot.", ("dot%2E",)),
        ("b\udcff", ("b%FF",)),
        ("b\ud800", ("b%ED%A0%80",)),
        ("käse", ("käse",)),
    ],
)
def test_a_name_becomes_one_that_every_file_system_takes(name: str, parts: tuple[str, ...]) -> None:
    """An absolute path lies below the folder too."""
    assert safe_parts(name) == parts


def test_names_that_are_one_elsewhere_stay_two(store: ArtifactStore) -> None:
    """By case, by the form of a letter, and a file where another has a folder."""
    for name in ("A.txt", "a.txt", "\u00e9", "e\u0301", "x", "x/y", "d/e", "d"):
        put(store, described(name))
    assert len(names(store)) == 8
    keys = {name.casefold() for name in names(store)}
    assert len(keys) == 8
    assert {"A.txt", "a.txt~2", "x", "x~2/y", "d/e", "d~2"} <= set(names(store))


def test_shards_are_divided_only_where_names_meet(store: ArtifactStore) -> None:
    """Whichever came first, the result is the same."""
    for shard in ("shard-1", "shard-0", "shard-2"):
        put(store, described("same", shard.encode(), shard), shard.encode())
        put(store, described(f"only-{shard}", shard=shard))
    same = [f"shard-{number}/same" for number in range(3)]
    assert names(store) == sorted([*same, *(f"only-shard-{number}" for number in range(3))])
    assert (store.folder / "shard-1/same").read_bytes() == b"shard-1"


def test_a_link_that_lies_here_is_replaced_and_not_followed(
    store: ArtifactStore, tmp_path: Path
) -> None:
    """Neither as the file nor as a folder above it."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("old")
    store.folder.mkdir()
    (store.folder / "file").symlink_to(outside / "file")
    (store.folder / "folder").symlink_to(outside)
    put(store, described("file"))
    with pytest.raises(ArtifactError, match="link"):
        put(store, described("folder/new"))
    assert (outside / "file").read_text() == "old"
    assert not (outside / "new").exists()
    assert not (store.folder / "file").is_symlink()


def test_a_bomb_does_not_unpack(store: ArtifactStore) -> None:
    """What unpacks to more than was said is cut off and does not count."""
    bomb = zlib.compress(bytes(100 << 20))
    with pytest.raises(ArtifactError, match="changed"):
        store.store_packed(described("bomb", b"small"), bomb)
    large = Described("", "/pod/bomb", "bomb", 100 << 20, "")
    with pytest.raises(ArtifactError, match="unpack to more"):
        store.store_packed(large, bomb)
    assert names(store) == []


def test_wrong_content_does_not_count(store: ArtifactStore) -> None:
    """A file of the right size with another sha256 is not kept, nor is a part of it."""
    with pytest.raises(ArtifactError, match="changed while it was read"):
        put(store, described("a", b"right"), b"wrong")
    with pytest.raises(ArtifactError, match="does not unpack"):
        store.store_packed(described("a"), b"no zlib")
    assert names(store) == []


def test_limit_and_count_hold_over_all_files(store: ArtifactStore) -> None:
    """A pod may send no more than all pods together are allowed."""
    half = bytes(LIMIT // 2)
    put(store, described("a", half), half)
    with pytest.raises(ArtifactError, match="limit"):
        store.open(described("b", bytes(LIMIT // 2 + 1)))
    put(store, described("c", half, "shard-1"), half)
    for number in range(10_000 - 2):
        store.open(described(str(number), b""))
    with pytest.raises(ArtifactError, match="10,000 files"):
        store.open(described("one more", b""))


def test_only_what_an_earlier_run_wrote_is_removed(store: ArtifactStore, tmp_path: Path) -> None:
    """Names in its list that lead out are not followed either."""
    (tmp_path / "outside").write_text("kept")
    put(store, described("a/b"))
    put(store, described("c"))
    (store.folder / "own").write_text("the user's")
    store.write_index()
    ArtifactStore(store.folder, LIMIT).remove_earlier()
    assert names(store) == [".k8s-job-artifacts", "own"]
    assert not (store.folder / "a").exists()
    (store.folder / ".k8s-job-artifacts").write_text("../outside\n")
    ArtifactStore(store.folder, LIMIT).remove_earlier()
    assert (tmp_path / "outside").read_text() == "kept"


class Pod:
    """Answers the command as a pod would; breaks as often as it is told."""

    def __init__(self, folder: Path, contents: Sequence[bytes]) -> None:
        self.folder = folder
        self.asked: list[int] = []
        self.breaks = 0
        self.error = ClusterError("cut off")
        files = []
        for number, content in enumerate(contents):
            (folder / str(number)).write_bytes(content)
            sha256 = hashlib.sha256(content).hexdigest()
            files.append(
                {"path": str(folder / str(number)), "size": len(content), "sha256": sha256}
            )
        write_waiting(folder, files)

    def run(self, command: Sequence[str]) -> bytes:
        """Return the piece that the last two words ask for."""
        offset, length = map(int, command[-2:])
        self.asked.append(length)
        if self.breaks:
            self.breaks -= 1
            raise self.error
        return b"".join(stream(self.folder, offset, length))


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pieces of a few bytes, without pauses."""
    for name, value in (("PIECE", 1024), ("LEAST_PIECE", 16), ("PAUSE", 0.0)):
        monkeypatch.setattr(waiting_files, name, value)


CONTENTS = [b"a" * 3000, b"", bytes(range(256)) * 20, b"end"]


def read_all(pod: Pod) -> list[bytes]:
    """Return all files of a pod."""
    waiting = WaitingFiles(pod.run)
    return [b"".join(waiting.read(each["size"])) for each in waiting.list()]


@pytest.mark.parametrize("breaks", [0, 3])
def test_files_come_in_pieces_and_after_cuts(breaks: int, tmp_path: Path) -> None:
    """A broken connection makes the pieces smaller; nothing comes twice."""
    pod = Pod(tmp_path, CONTENTS)
    pod.breaks = breaks
    assert read_all(pod) == CONTENTS
    assert pod.asked[breaks] == 1024 // 4**breaks


def test_a_file_may_be_skipped(tmp_path: Path) -> None:
    """Its bytes are not asked for, as far as they have not come."""
    pod = Pod(tmp_path, CONTENTS)
    waiting = WaitingFiles(pod.run)
    files = waiting.list()
    asked = len(pod.asked)
    for each in files[:3]:
        waiting.skip(each["size"])
    assert b"".join(waiting.read(3)) == b"end"
    assert len(pod.asked) == asked + 1


def test_a_shrunk_file_moves_no_other(tmp_path: Path) -> None:
    """It is filled up, so that the next begins where it should; its sha256 is wrong."""
    pod = Pod(tmp_path, CONTENTS)
    (tmp_path / "0").write_bytes(b"a")
    (tmp_path / "2").unlink()
    assert read_all(pod) == [b"a" + bytes(2999), b"", bytes(5120), b"end"]


@pytest.mark.parametrize(
    ("error", "tries"),
    [
        (ClusterError("cut off"), 6),
        (ClusterError("forbidden", 403), 1),
        (GoneError("gone", 404), 1),
        (ClusterError('container not found ("tests")'), 1),
    ],
)
def test_a_pod_that_does_not_answer_is_given_up(
    error: ClusterError, tries: int, tmp_path: Path
) -> None:
    """At once where asking again does not help."""
    pod = Pod(tmp_path, CONTENTS)
    pod.breaks, pod.error = 99, error
    with pytest.raises(ClusterError):
        read_all(pod)
    assert len(pod.asked) == tries


@pytest.mark.parametrize("head", [b"{}\n", b"[1]\n", b"no JSON\n"])
def test_a_damaged_list_is_an_error(head: bytes) -> None:
    """A test may have meddled with it."""
    with pytest.raises(ArtifactError, match="damaged"):
        WaitingFiles(lambda _: head).list()


def test_names_are_stable_in_json(tmp_path: Path) -> None:
    """Bytes that are no text travel as what Python makes of them."""
    write_waiting(tmp_path, [{"path": "/a\udcff", "size": 0, "sha256": ""}])
    head = b"".join(stream(tmp_path, 0, 1 << 20))
    assert json.loads(head)["files"][0]["path"] == "/a\udcff"
