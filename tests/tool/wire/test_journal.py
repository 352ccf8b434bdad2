"""The journal in the pod: what is written comes back, and nothing that was not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_k8s_job.wire import journal
from pytest_k8s_job.wire.frames import Decoder, encode
from pytest_k8s_job.wire.journal import Journal, frames, main, read_command, release_command

NONCE = "ab" * 16


@pytest.fixture
def pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An agent's folder in a temporary directory of its own, in which commands look for it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv(journal.NONCE, NONCE)
    return journal.make_folder(os.environ)


def write(folder: Path, count: int, nonce: str = NONCE) -> list[bytes]:
    """Write `count` frames into the journal of `folder`; return them."""
    written = [encode(nonce, number, os.urandom(5000)) for number in range(count)]
    book = Journal(folder)
    for frame in written:
        book.write(frame)
    book.close()
    return written


def test_the_frames_that_are_asked_for_come_back(
    pod: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """FIRST LAST prints these frames whole, in order, and no other."""
    written = write(pod, 6)
    assert main(["2", "4"]) == 0
    assert capfdbinary.readouterr().out == b"".join(written[2:5])


def test_another_process_reads_it(pod: Path) -> None:
    """The commands that the collector runs are those that the module understands."""
    written = write(pod, 2)
    for command, expected in ((read_command(1, 9), written[1]), (release_command(), b"")):
        words = [sys.executable, *command[1:]]
        assert subprocess.run(words, check=True, capture_output=True).stdout == expected
    assert Journal(pod).is_released


def test_an_answer_is_bounded(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who misses much gets whole frames up to a size, and asks again for the rest."""
    written = write(pod, 6)
    monkeypatch.setattr(journal, "ANSWER_BYTES", len(written[0]))
    answer = list(frames(pod, 0, 5))
    assert b"".join(answer) == b"".join(written[:2])


def test_the_journal_is_bounded(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that does not fit ends the journal: a full volume would end the pod."""
    monkeypatch.setattr(journal, "JOURNAL_BYTES", 20_000)
    written = write(pod, 6)
    assert (pod / journal.FRAMES).read_bytes() == b"".join(written[:2])


def test_another_agents_journal_is_left_alone(
    pod: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With two agents in one temporary directory, the nonce says whose journal is meant."""
    write(pod, 1, "cd" * 16)
    assert main(["0", "0"]) == 1
    assert capsys.readouterr().err == "there is no journal here\n"
    own = journal.make_folder(os.environ)
    write(own, 1)
    assert journal.find_folder(os.environ) == own


def test_without_a_nonce_the_newest_is_meant(pod: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An applied Job has no nonce in its environment, and one agent."""
    monkeypatch.delenv(journal.NONCE)
    assert journal.find_folder(os.environ) is None
    write(pod, 1, "cd" * 16)
    assert journal.find_folder(os.environ) == pod


@pytest.mark.parametrize("words", [[], ["1"], ["a", "b"], ["--other"]])
def test_wrong_words_are_told(
    words: list[str], pod: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A wrong command line is one line on stderr."""
    write(pod, 1)
    assert main(words) == 2
    assert capsys.readouterr().err == "usage: journal FIRST LAST | --release\n"


def test_a_full_disk_ends_the_journal(pod: Path) -> None:
    """When the file cannot be written, the run goes on without it."""
    (pod / journal.FRAMES).symlink_to("/dev/full")
    book = Journal(pod)
    assert book.is_whole
    book.write(encode(NONCE, 0, b"x"))
    assert not book.is_whole


def test_a_folder_that_cannot_be_made_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container without a writable /tmp is told so."""
    monkeypatch.setenv("TMPDIR", "/proc/nowhere")
    with pytest.raises(SystemExit, match=r"^the agent needs a writable /proc/nowhere: "):
        journal.make_folder(os.environ)


def test_the_folder_is_removed(pod: Path) -> None:
    """Nothing is left behind, whatever pytest put there."""
    (pod / "cache" / "v").mkdir(parents=True)
    (pod / "cache" / "v" / "file").touch()
    journal.remove_folder(pod)
    assert not pod.exists()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    noise=st.lists(st.binary(max_size=80), max_size=6),
    place=st.integers(0, 6),
    cut=st.integers(0, 300),
)
def test_what_stands_in_the_file_harms_nobody(
    noise: list[bytes], place: int, cut: int, pod: Path
) -> None:
    """Whatever a test wrote into the journal, its reader and the decoder bear it."""
    lines = [encode(NONCE, number, b"payload %d" % number) for number in range(4)]
    lines[place:place] = [each + b"\n" for each in noise]
    whole = b"".join(lines)
    (pod / journal.FRAMES).write_bytes(whole[: len(whole) - cut])
    decoder = Decoder(NONCE)
    payloads = list(decoder.feed(b"".join(frames(pod, 0, 3))))
    assert payloads == [b"payload %d" % number for number in range(len(payloads))]
