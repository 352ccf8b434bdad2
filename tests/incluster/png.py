"""A PNG reader that trusts nothing: signature, chunks, checksums, pixels (ISO/IEC 15948)."""

import struct
import zlib
from dataclasses import dataclass

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""Samples a pixel by colour type."""


@dataclass(frozen=True)
class Picture:
    """A decoded PNG: width and height in pixels, the raw rows with their filter bytes."""

    width: int
    height: int
    rows: bytes


def read_png(content: bytes) -> Picture:
    """Decode a picture that is not interlaced; ValueError says what is wrong with it."""
    if not content.startswith(SIGNATURE):
        raise ValueError(f"no PNG signature: it starts with {content[:8]!r}")
    chunks = _chunks(content)
    kinds = [kind for kind, _ in chunks]
    if kinds[0] != b"IHDR" or kinds[-1] != b"IEND" or b"IDAT" not in kinds:
        raise ValueError(f"the chunks are {kinds}, not IHDR ... IDAT ... IEND")
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", chunks[0][1])
    if interlace:
        raise ValueError("it is interlaced, and its rows cannot be counted")
    rows = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    row = 1 + (width * CHANNELS[colour] * depth + 7) // 8  # a filter byte, then the samples
    if len(rows) != row * height:
        raise ValueError(f"{width} x {height} needs {row * height} bytes of rows, not {len(rows)}")
    return Picture(width, height, rows)


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    chunks = []
    place = len(SIGNATURE)
    while place < len(content):
        head = content[place : place + 8]
        if len(head) < 8:
            raise ValueError(f"it ends within the head of a chunk at byte {len(content)}")
        length, kind = struct.unpack(">I4s", head)
        data = content[place + 8 : place + 8 + length]
        check = content[place + 8 + length : place + 12 + length]
        if len(check) < 4:
            raise ValueError(f"it ends within the chunk {kind!r} at byte {len(content)}")
        if zlib.crc32(kind + data) != int.from_bytes(check, "big"):
            raise ValueError(f"the checksum of the chunk {kind!r} at byte {place} is wrong")
        chunks.append((kind, data))
        place += 12 + length
        if kind == b"IEND" and place != len(content):
            raise ValueError(f"{len(content) - place} bytes follow the end")
    if not chunks:
        raise ValueError("it has no chunk")
    return chunks
