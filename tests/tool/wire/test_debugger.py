"""The messages of a debugger: whole, in pieces, and torn."""

from __future__ import annotations

from pytest_k8s_job.wire.debugger import Message, Messages, encode


def test_messages_survive_any_cut() -> None:
    """Whatever pieces a stream comes in, and whatever characters are in it."""
    data = encode(Message.OUT, "ä\n\x00") + b"\n" + encode(Message.COMPLETE, "a", "p a", 2, 3)
    for size in range(1, len(data)):
        reader = Messages()
        pieces = [data[begin : begin + size] for begin in range(0, len(data), size)]
        found = [message for piece in pieces for message in reader.feed(piece)]
        assert found == [["out", "ä\n\x00"], ["complete", "a", "p a", 2, 3]]


def test_what_is_no_message_is_passed_over() -> None:
    """Ctrl-C may tear a line while it is sent; the next one counts."""
    torn = encode(Message.OUT, "text")[:7] + b"\n" + b'{"out": 1}\n[]\n' + encode(Message.GO)
    assert list(Messages().feed(torn)) == [["go"]]
