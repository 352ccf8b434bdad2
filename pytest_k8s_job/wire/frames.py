"""Frames: lines that carry payloads through a log with other text in it.

A frame is one ASCII line of at most 4 KiB that starts at column 0:

    ::k8sjob1 <nonce> <sequence> <part>/<parts> <crc32> <base64 of zlib>

The log may tear, merge, repeat, reorder or lose lines, and tests print what they like. A line
that is not a whole frame of this run is therefore simply not a frame. Only a frame of this run
whose content no agent could have written is an error.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections import deque
from collections.abc import Iterator

from pytest_k8s_job.errors import FrameError

__all__ = ["MAX_LINE", "MAX_PAYLOAD", "Decoder", "encode"]

MAX_LINE = 4096  # bytes with newline; container runtimes split at 8 or 16 KiB
MAX_PAYLOAD = 16 << 20  # bytes unpacked; the emitter cuts captured output far below
MAX_HELD = 64 << 20  # bytes of base64 that wait for earlier frames
MAX_AHEAD = 100_000  # frames that may wait for earlier ones
TAIL_LINES = 20  # other lines kept for a message about a run that went wrong

_PREFIX = b"::k8sjob1 "
_CHUNK = 3900  # bytes of base64 in a line: leaves 196 for the header
_FRAME = re.compile(
    rb"::k8sjob1 ([0-9a-f]{8,64}) (\d{1,9}) (\d{1,5})/(\d{1,5}) ([0-9a-f]{8}) ([A-Za-z0-9+/=]*)\r?"
)


def encode(nonce: str, sequence: int, payload: bytes) -> bytes:
    """Return the lines of frame number `sequence`, which carry `payload`."""
    if len(payload) > MAX_PAYLOAD:
        raise FrameError(f"a payload of {len(payload)} bytes is over the limit of {MAX_PAYLOAD}")
    packed = base64.b64encode(zlib.compress(payload, 6))
    pieces = [packed[i : i + _CHUNK] for i in range(0, len(packed), _CHUNK)]
    lines = []
    for part, piece in enumerate(pieces, 1):
        head = f"{nonce} {sequence} {part}/{len(pieces)}".encode("ascii")
        lines.append(b"%s%s %08x %s\n" % (_PREFIX, head, _crc(head, piece), piece))
    return b"".join(lines)


class Decoder:
    """Finds the frames of one run in log bytes; yields their payloads in order."""

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce.encode("ascii")
        self._line = bytearray()
        self._overlong = False
        self._parts: dict[int, dict[int, bytes]] = {}
        self._sizes: dict[int, int] = {}
        self._held = 0
        self.next_sequence = 0
        """Number of the first frame that has not been delivered."""
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        """The last lines that were not frames of this run."""

    @property
    def has_gap(self) -> bool:
        """True while later frames wait for one that has not come."""
        return bool(self._parts)

    @property
    def missing(self) -> tuple[int, int] | None:
        """First and last number of the first frames that are missing; None without any."""
        later = [sequence for sequence in self._parts if sequence > self.next_sequence]
        return (self.next_sequence, min(later) - 1) if later else None

    def new_stream(self) -> None:
        """Forget an unfinished line: the next bytes come from a new connection."""
        self._line.clear()
        self._overlong = False

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Take raw log bytes; yield each payload that is now complete and in turn."""
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            self._grow(line)
            whole, overlong = bytes(self._line), self._overlong
            self.new_stream()
            if not overlong and (match := _FRAME.fullmatch(whole)):
                self._accept(match)
            elif whole.strip():
                self.tail.append(whole.decode("utf-8", "replace").rstrip())
            yield from self._deliver()
        self._grow(rest)

    def _grow(self, piece: bytes) -> None:
        room = MAX_LINE - len(self._line)
        self._overlong |= len(piece) > room
        self._line += piece[:room]

    def _accept(self, match: re.Match[bytes]) -> None:
        """Store the part in a matching line if it is a frame of this run."""
        sequence, part, parts, piece = int(match[2]), int(match[3]), int(match[4]), match[6]
        head = match[0][len(_PREFIX) : match.end(4)]
        is_ours = match[1] == self._nonce and _crc(head, piece) == int(match[5], 16)
        in_turn = self.next_sequence <= sequence < self.next_sequence + MAX_AHEAD
        if is_ours and in_turn and 1 <= part <= parts:
            self._store(sequence, part, parts, piece)

    def _store(self, sequence: int, part: int, parts: int, piece: bytes) -> None:
        if self._sizes.setdefault(sequence, parts) != parts:
            raise FrameError(f"frame {sequence} claims to have {parts} parts and another number")
        held = self._parts.setdefault(sequence, {})
        if part not in held and self._held + len(piece) <= MAX_HELD:
            held[part] = piece
            self._held += len(piece)

    def _deliver(self) -> Iterator[bytes]:
        while len(self._parts.get(self.next_sequence, ())) == self._sizes.get(self.next_sequence):
            held = self._parts.pop(self.next_sequence)
            del self._sizes[self.next_sequence]
            self._held -= sum(map(len, held.values()))
            self.next_sequence += 1
            yield _unpack(b"".join(held[part] for part in sorted(held)))

    def leftovers(self) -> Iterator[bytes]:
        """Yield what came after a gap that nothing can fill any more, in order."""
        for sequence in sorted(self._parts):
            held = self._parts[sequence]
            if len(held) == self._sizes[sequence]:
                yield _unpack(b"".join(held[part] for part in sorted(held)))


def _crc(head: bytes, piece: bytes) -> int:
    return zlib.crc32(piece, zlib.crc32(head))


def _unpack(packed: bytes) -> bytes:
    """Undo base64 and zlib, never making more than `MAX_PAYLOAD` bytes."""
    inflate = zlib.decompressobj()
    try:
        payload = inflate.decompress(base64.b64decode(packed, validate=True), MAX_PAYLOAD)
    except (binascii.Error, zlib.error) as error:
        raise FrameError(f"a frame of this run does not unpack: {error}") from error
    if not inflate.eof:
        raise FrameError(f"a frame of this run is cut, or unpacks to over {MAX_PAYLOAD} bytes")
    return payload
