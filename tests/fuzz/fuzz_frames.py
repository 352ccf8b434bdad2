"""Fuzzes the decoder of frames: it raises nothing but FrameError, in bounded memory.

    python tests/fuzz/fuzz_frames.py [libFuzzer options, such as -runs=1000000 or a corpus folder]

Each input is a script: its bytes decide which lines a log holds, valid frames with any content,
bombs and junk among them, so that the fuzzer gets behind the checksum, which it could not guess.
Without options it makes 20,000 runs from a fixed seed, which takes seconds.
"""

from __future__ import annotations

import base64
import sys
import zlib
from pathlib import Path

import atheris  # type: ignore[import-untyped]

sys.path.insert(0, str(Path(__file__).parents[2]))

with atheris.instrument_imports(include=["pytest_k8s_job"]):
    from pytest_k8s_job.errors import FrameError
    from pytest_k8s_job.wire import frames

NONCE = "0123456789abcdef"
ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
BOUNDED = ["-runs=20000", "-seed=1", "-max_len=2048", "-len_control=0"]

# Small limits, so that small inputs reach them.
frames.MAX_PAYLOAD = 4096
frames.MAX_HELD = 2048
frames.MAX_AHEAD = 8

BOMBS = [
    base64.b64encode(zlib.compress(bytes(size)))
    for size in (frames.MAX_PAYLOAD, frames.MAX_PAYLOAD + 1, 1 << 20)
]


def line(data: atheris.FuzzedDataProvider) -> bytes:
    """Return one line, or a part of one."""
    kind = data.ConsumeIntInRange(0, 5)
    if kind == 0:
        junk: bytes = data.ConsumeBytes(data.ConsumeIntInRange(0, 300))
        times: int = data.ConsumeIntInRange(1, 100)
        return junk * times
    if kind == 1:
        payload = data.ConsumeBytes(data.ConsumeIntInRange(0, 300))
        return frames.encode(NONCE, data.ConsumeIntInRange(0, 80), payload)
    if kind == 2:
        piece: bytes = data.PickValueInList(BOMBS)
    elif kind == 3:
        letters = data.ConsumeBytes(data.ConsumeIntInRange(0, 30))
        piece = bytes(ALPHABET[each % len(ALPHABET)] for each in letters)
    else:
        content = data.ConsumeBytes(data.ConsumeIntInRange(0, 300))
        packed = zlib.compress(content) if kind == 4 else content
        piece = base64.b64encode(packed)
    sequence, part, parts = (data.ConsumeIntInRange(0, limit) for limit in (80, 4, 4))
    head = f"{NONCE} {sequence} {part}/{parts}".encode()
    crc = zlib.crc32(piece, zlib.crc32(head))
    return b"::k8sjob1 %s %08x %s\n" % (head, crc, piece)


def check(decoder: frames.Decoder, payload: bytes) -> None:
    """Stop the fuzzer if `payload` or what the decoder holds is over the limits."""
    assert len(payload) <= frames.MAX_PAYLOAD, f"a payload of {len(payload)} bytes"
    held = sum(len(piece) for parts in decoder._parts.values() for piece in parts.values())
    assert held <= frames.MAX_HELD, f"{held} bytes are held"
    assert len(decoder._parts) <= frames.MAX_AHEAD, f"{len(decoder._parts)} frames are held"
    assert len(decoder._line) <= frames.MAX_LINE, f"a line of {len(decoder._line)} bytes"
    assert len(decoder.tail) <= frames.TAIL_LINES, f"{len(decoder.tail)} lines are kept"


def test_one_input(script: bytes) -> None:
    """Let a decoder read the log that `script` describes."""
    data = atheris.FuzzedDataProvider(script)
    decoder = frames.Decoder(NONCE)
    try:
        while data.remaining_bytes():
            if data.ConsumeIntInRange(0, 15) == 0:
                decoder.new_stream()
            for payload in decoder.feed(line(data)):
                check(decoder, payload)
            check(decoder, b"")
        for payload in decoder.leftovers():
            check(decoder, payload)
    except FrameError:
        pass


def main() -> None:
    """Fuzz with the options of the command line, else a bounded number of runs."""
    atheris.Setup([sys.argv[0], *(sys.argv[1:] or BOUNDED)], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
