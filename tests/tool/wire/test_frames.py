"""Frames through a log that tears, repeats, reorders, forges and loses lines."""

from __future__ import annotations

import base64
import itertools
import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_k8s_job.errors import FrameError
from pytest_k8s_job.wire import frames
from pytest_k8s_job.wire.frames import MAX_LINE, Decoder, encode

NONCE = "0123456789abcdef" * 2
OTHER = "f" * 32

payloads = st.lists(st.binary(max_size=200), max_size=8)
# Payloads that do not compress, so that some need several lines.
seeds = st.integers(0, 1 << 32)
large = st.lists(seeds.map(lambda seed: Random(seed).randbytes(9000)), max_size=3)  # noqa: S311
noise = st.lists(st.binary(max_size=60).map(lambda b: b.replace(b"\n", b"") + b"\n"), max_size=8)


def lines_of(messages: list[bytes]) -> list[bytes]:
    """Return the log lines that carry `messages`."""
    text = b"".join(encode(NONCE, number, each) for number, each in enumerate(messages))
    return text.splitlines(keepends=True)


def received(*chunks: bytes) -> list[bytes]:
    """Return the payloads that a fresh decoder finds."""
    decoder = Decoder(NONCE)
    return [payload for chunk in chunks for payload in decoder.feed(chunk)]


@given(messages=payloads | large, cuts=st.lists(st.integers(0, 5000)))
def test_any_cut_of_the_stream_is_the_same(messages: list[bytes], cuts: list[int]) -> None:
    """However the bytes are cut into chunks, every payload arrives once and in order."""
    text = b"".join(lines_of(messages))
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    chunks = [text[a:b] for a, b in itertools.pairwise(edges)]
    assert received(*chunks) == messages


@given(messages=large)
def test_lines_stay_below_the_limit_of_runtimes(messages: list[bytes]) -> None:
    """No line is longer than 4 KiB, and all are ASCII."""
    for line in lines_of(messages):
        assert len(line) <= MAX_LINE
        assert line.isascii()


@given(messages=payloads | large, data=st.data())
def test_order_and_repetition_do_not_matter(messages: list[bytes], data: st.DataObject) -> None:
    """Lines that come twice, and in any order, still give every payload once and in order."""
    lines = lines_of(messages)
    shuffled = data.draw(st.permutations(lines + lines))
    assert received(*shuffled) == messages


@given(messages=payloads, other=noise, data=st.data())
def test_other_lines_are_ignored(
    messages: list[bytes], other: list[bytes], data: st.DataObject
) -> None:
    """Whatever stands between the frames, the payloads are the same."""
    lines = lines_of(messages)
    for each in other:
        lines.insert(data.draw(st.integers(0, len(lines))), each)
    assert received(b"".join(lines)) == messages


@given(messages=st.lists(st.binary(max_size=50), min_size=2, max_size=8), data=st.data())
def test_a_lost_frame_is_noticed(messages: list[bytes], data: st.DataObject) -> None:
    """What follows a missing frame waits, and the gap is known."""
    lost = data.draw(st.integers(0, len(messages) - 2))
    lines = lines_of(messages)
    decoder = Decoder(NONCE)
    before = list(decoder.feed(b"".join(lines[:lost] + lines[lost + 1 :])))
    assert before == messages[:lost]
    assert decoder.has_gap
    assert list(decoder.leftovers()) == messages[lost + 1 :]
    assert [*decoder.feed(lines[lost])] == messages[lost:]
    assert not decoder.has_gap


@given(messages=payloads, at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_flipped_bit_never_changes_a_payload(messages: list[bytes], at: int, bit: int) -> None:
    """A damaged line is no frame: nothing arrives that was not sent."""
    text = bytearray(b"".join(lines_of(messages)))
    if text:
        text[at % len(text)] ^= 1 << bit
    got = received(bytes(text))
    assert got == messages[: len(got)]


@given(junk=st.lists(st.binary(max_size=300), max_size=20))
def test_junk_never_raises(junk: list[bytes]) -> None:
    """Bytes that no agent wrote are not frames, and not errors either."""
    assert received(*junk) == []


@given(
    fields=st.tuples(
        st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.binary(max_size=40)
    )
)
def test_right_nonce_with_wrong_content_raises_only_its_own_error(
    fields: tuple[int, int, int, bytes],
) -> None:
    """Even with the nonce known, nothing but FrameError comes out."""
    sequence, part, parts, content = fields
    head = f"{NONCE} {sequence} {part}/{parts}".encode()
    piece = base64.b64encode(content)
    crc = zlib.crc32(piece, zlib.crc32(head))
    line = b"::k8sjob1 %s %08x %s\n" % (head, crc, piece)
    try:
        got = received(line)
    except FrameError:
        return
    assert all(isinstance(each, bytes) for each in got)


def test_frames_of_another_run_are_ignored() -> None:
    """A frame with another nonce is a line like any other."""
    decoder = Decoder(NONCE)
    assert list(decoder.feed(encode(OTHER, 0, b"forged"))) == []
    assert not decoder.has_gap


def test_a_frame_in_the_middle_of_a_line_is_ignored() -> None:
    """A test that prints a frame after other text on the same line cannot place it."""
    assert received(b"." + encode(NONCE, 0, b"text")) == []


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A payload that unpacks to more than the limit is an error, not memory."""
    bomb = encode(NONCE, 0, bytes(100_000))
    monkeypatch.setattr(frames, "MAX_PAYLOAD", 1000)
    with pytest.raises(FrameError, match="over 1000 bytes"):
        received(bomb)


def test_a_payload_over_the_limit_is_not_encoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The writer refuses what no reader would take."""
    monkeypatch.setattr(frames, "MAX_PAYLOAD", 10)
    with pytest.raises(FrameError, match="over the limit"):
        encode(NONCE, 0, bytes(11))


def test_waiting_frames_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream whose beginning is lost does not fill the memory."""
    monkeypatch.setattr(frames, "MAX_HELD", 1000)
    decoder = Decoder(NONCE)
    for number in range(1, 200):
        assert list(decoder.feed(encode(NONCE, number, bytes([number % 256]) * 20))) == []
    assert 0 < sum(len(p) for parts in decoder._parts.values() for p in parts.values()) <= 1000


def test_a_line_without_end_has_a_bound() -> None:
    """A megabyte without a newline is neither kept nor a frame, and the next frame is found."""
    decoder = Decoder(NONCE)
    for _ in range(100):
        assert list(decoder.feed(b"x" * 10_000)) == []
    assert len(decoder._line) <= MAX_LINE
    assert list(decoder.feed(b"\n" + encode(NONCE, 0, b"found"))) == [b"found"]


def test_a_new_stream_forgets_a_torn_line() -> None:
    """After a cut connection the same frame is read whole from the next one."""
    decoder = Decoder(NONCE)
    line = encode(NONCE, 0, b"whole")
    assert list(decoder.feed(line[:30])) == []
    decoder.new_stream()
    assert list(decoder.feed(line)) == [b"whole"]


def test_the_last_other_lines_are_kept() -> None:
    """What the container said last can be shown when it never began."""
    decoder = Decoder(NONCE)
    assert list(decoder.feed(b"first\n\nNo module named x\n")) == []
    assert list(decoder.tail) == ["first", "No module named x"]
