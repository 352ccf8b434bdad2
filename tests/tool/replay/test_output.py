"""Pytest's own output in the log: whole while it is small, its beginning and end when it is not."""

from __future__ import annotations

import tempfile

from hypothesis import given
from hypothesis import strategies as st

from pytest_k8s_job.pod.log_writer import KEPT_BYTES, RUNTIME_BYTES, TAIL_BYTES, Log, Output

BUDGET = 20_000


def written(lines: list[bytes]) -> tuple[bytes, Log, Output]:
    """Send `lines` through an output with a small budget; return what reached the log."""
    with tempfile.TemporaryFile() as file:
        log = Log(file.fileno())
        output = Output(log, BUDGET)
        for line in lines:
            output.take(line)
        output.close()
        file.seek(0)
        return file.read(), log, output


def test_a_small_output_is_left_alone() -> None:
    """Nothing is added to what fits."""
    lines = [b"line %d\n" % number for number in range(100)]
    text, _, output = written(lines)
    assert text == b"".join(lines)
    assert output.tail == text.decode()[-TAIL_BYTES:]


def test_of_a_large_output_beginning_and_end_stay() -> None:
    """The cut is told where it is, with its bytes; the last lines follow it."""
    lines = [b"%09d\n" % number for number in range(100_000)]
    text, log, _ = written(lines)
    head, said, left, *rest = text.split(b"[... pytest-k8s-job: ")
    assert not left.startswith(b"more")
    assert not rest
    assert head == b"".join(lines[: BUDGET // (10 + RUNTIME_BYTES)])
    assert said.startswith(b"more than 19 KiB of output")
    number, _, tail = left.partition(b" bytes of output left out here ...]\n")
    assert b"".join(lines).endswith(tail)
    assert KEPT_BYTES - 10 <= len(tail) <= KEPT_BYTES
    assert int(number) == 10 * len(lines) - len(head) - len(tail)
    assert log.bytes == len(text) + RUNTIME_BYTES * text.count(b"\n")


@given(sizes=st.lists(st.integers(1, 8192), max_size=80))
def test_every_byte_is_written_or_counted(sizes: list[int]) -> None:
    """Whatever the lines, what was written and what was left out are all there was."""
    text, _, _ = written([b"x" * size + b"\n" for size in sizes])
    kept = sum(len(line) + 1 for line in text.splitlines() if not line.startswith(b"[..."))
    said = [line.split()[2] for line in text.splitlines() if b" left out here" in line]
    assert kept + sum(map(int, said)) == sum(sizes) + len(sizes)
