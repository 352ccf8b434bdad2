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


def line_of(sequence: int, part: int, parts: int, piece: bytes, zeros: int = 0) -> bytes:
    """Return a frame's line with a right checksum; `zeros` before the number make it longer."""
    head = f"{NONCE} {'0' * zeros}{sequence} {part}/{parts}".encode()
    return b"::k8sjob1 %s %08x %s\n" % (head, zlib.crc32(piece, zlib.crc32(head)), piece)


def packed(payload: bytes, level: int = 6) -> bytes:
    """Return a payload as the base64 that travels."""
    return base64.b64encode(zlib.compress(payload, level))


def test_the_largest_payload_travels() -> None:
    """16 MiB are taken by writer and reader, one byte more by none."""
    largest = bytes(16 << 20)
    assert received(encode(NONCE, 0, largest)) == [largest]
    with pytest.raises(FrameError, match="over the limit"):
        encode(NONCE, 0, largest + b"0")


@pytest.mark.parametrize(("zeros", "found"), [(0, True), (1, False)])
def test_a_frame_may_fill_its_line(
    monkeypatch: pytest.MonkeyPatch, zeros: int, found: bool
) -> None:
    """A line of 4,096 bytes before its newline is read, a longer one is text."""
    monkeypatch.setattr(frames, "_CHUNK", 5000)
    head = len(line_of(0, 1, 1, b"", zeros=4))
    payload = next(
        body
        for size in range(2900, 3100)
        if len(packed(body := Random(1).randbytes(size))) + head in range(4094, 4098)  # noqa: S311
    )
    missing = 4097 - len(line_of(0, 1, 1, packed(payload)))
    line = line_of(0, 1, 1, packed(payload), zeros=missing + zeros)
    assert len(line) == 4097 + zeros
    assert received(line) == ([payload] if found else [])
    assert received(line[:-1] + b"AAAA\n") == []


def test_a_line_that_is_too_long_is_kept_as_its_beginning() -> None:
    """Of a long line that is no frame, the first 4,096 bytes can be shown."""
    decoder = Decoder(NONCE)
    assert list(decoder.feed(b"x" * 4096 + b"yz\n")) == []
    assert list(decoder.tail) == ["x" * 4096]


def test_a_new_stream_forgets_a_line_that_was_too_long() -> None:
    """The first line of a new connection is read whatever the old one ended with."""
    decoder = Decoder(NONCE)
    assert list(decoder.feed(b"x" * 5000)) == []
    decoder.new_stream()
    assert list(decoder.feed(encode(NONCE, 0, b"whole"))) == [b"whole"]


def test_frames_are_no_text() -> None:
    """Neither this run's frames nor those of another one are shown as what a container said."""
    decoder = Decoder(NONCE)
    assert list(decoder.feed(encode(NONCE, 0, b"a") + encode(OTHER, 0, b"b"))) == [b"a"]
    assert not decoder.tail


def test_twenty_other_lines_are_kept() -> None:
    """Older lines make room for newer ones."""
    decoder = Decoder(NONCE)
    assert list(decoder.feed(b"".join(b"line %d\n" % n for n in range(30)))) == []
    assert list(decoder.tail) == [f"line {n}" for n in range(10, 30)]


def test_the_missing_frames_are_known_by_number() -> None:
    """The first gap goes from the frame in turn to the one before the first that waits."""
    decoder = Decoder(NONCE)
    assert decoder.missing is None
    half = line_of(0, 1, 2, packed(b"zero")[:8])
    assert list(decoder.feed(half)) == []
    assert decoder.has_gap
    assert decoder.missing is None  # the rest of it may still come
    assert list(decoder.feed(encode(NONCE, 5, b"five") + encode(NONCE, 3, b"three"))) == []
    assert decoder.missing == (0, 2)


def test_leftovers_are_whole_frames_only() -> None:
    """Half of a frame behind a gap is left out."""
    decoder = Decoder(NONCE)
    half = line_of(1, 1, 2, packed(b"one")[:8])
    assert list(decoder.feed(half + encode(NONCE, 2, b"two"))) == []
    assert list(decoder.leftovers()) == [b"two"]


@pytest.mark.parametrize(("part", "parts"), [(0, 1), (2, 1), (1, 0)])
def test_a_part_outside_of_its_frame_is_no_part(part: int, parts: int) -> None:
    """Parts are counted from 1 to their number."""
    decoder = Decoder(NONCE)
    assert list(decoder.feed(line_of(0, part, parts, packed(b"text")))) == []
    assert not decoder.has_gap


def test_a_frame_that_came_before_does_not_wait() -> None:
    """What was delivered is dropped when it comes again."""
    decoder = Decoder(NONCE)
    line = encode(NONCE, 0, b"text")
    assert list(decoder.feed(line + line)) == [b"text"]
    assert not decoder.has_gap


def test_frames_too_far_ahead_are_dropped() -> None:
    """Of the next 100,000 numbers each may wait, a later one may not."""
    decoder = Decoder(NONCE)
    assert list(decoder.feed(encode(NONCE, 0, b"zero"))) == [b"zero"]
    assert list(decoder.feed(encode(NONCE, 100_001, b"too far"))) == []
    assert not decoder.has_gap
    assert list(decoder.feed(encode(NONCE, 100_000, b"just near"))) == []
    assert decoder.missing == (1, 99_999)


def test_a_frame_with_two_numbers_of_parts_is_an_error() -> None:
    """No agent writes a frame of one part and of two."""
    decoder = Decoder(NONCE)
    assert list(decoder.feed(line_of(0, 1, 2, b"AAAA"))) == []
    with pytest.raises(FrameError, match="frame 0 claims"):
        list(decoder.feed(line_of(0, 1, 3, b"AAAA")))


@pytest.mark.parametrize(
    ("piece", "reason"),
    [
        (packed(b"texts") + b"AAAA", "does not unpack"),
        (b"AAAA", "does not unpack"),
        (packed(b"text")[:-8], "is cut"),
    ],
)
def test_a_frame_that_is_not_what_it_says_is_an_error(piece: bytes, reason: str) -> None:
    """Base64 that goes on after its end, no stream of zlib, and one that is cut."""
    with pytest.raises(FrameError, match=reason):
        received(line_of(0, 1, 1, piece))


def test_64_mib_may_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces are held up to the limit and not over it, and room is made when they go."""
    monkeypatch.setattr(frames, "MAX_LINE", 2 << 20)
    size = next(n for n in range(786_200, 786_432) if len(packed(bytes(n), 0)) == 1 << 20)
    mebibyte = packed(bytes(size), 0)
    decoder = Decoder(NONCE)
    for number in range(1, 65):
        for _ in range(2):  # what comes again takes no room
            assert list(decoder.feed(line_of(number, 1, 1, mebibyte))) == []
    assert list(decoder.feed(line_of(65, 1, 1, b"A"))) == []  # not even a byte
    assert [len(each) for each in decoder.leftovers()] == [size] * 64


def test_what_is_delivered_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames that wait for another gap later have all the room again."""
    pieces = [packed(bytes([n])) for n in range(4)]
    monkeypatch.setattr(frames, "MAX_HELD", 2 * len(pieces[0]))
    decoder = Decoder(NONCE)
    assert list(decoder.feed(line_of(1, 1, 1, pieces[1]))) == []
    assert list(decoder.feed(line_of(0, 1, 1, pieces[0]))) == [b"\0", b"\1"]
    for number in (3, 4, 5):
        assert list(decoder.feed(line_of(number, 1, 1, pieces[3]))) == []
    assert list(decoder.leftovers()) == [b"\3", b"\3"]
