"""The one way to wait: for a condition, with a limit, and with the last thing seen."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")

INTERVAL = 0.02
"""Seconds between two looks: a job takes ten times that."""


def wait_until(
    look: Callable[[], Seen],
    timeout: float,
    what: str,
    *,
    until: Callable[[Seen], object] = bool,
) -> Seen:
    """Look again and again until what is seen satisfies `until`, and return it.

    After `timeout` seconds fail with `what`, the time, and the last value seen. The last look
    is taken after the time is up, so a stopped process does not fail without looking.
    """
    __tracebackhide__ = True
    begin = time.monotonic()
    while True:
        late = time.monotonic() - begin >= timeout
        seen = look()
        if until(seen):
            return seen
        if late:
            raise AssertionError(
                f"waited {timeout:g} s for {what}; the last value seen: {_short(seen)}"
            )
        time.sleep(INTERVAL)


def _short(seen: object) -> str:
    text = repr(seen)
    return text if len(text) <= 600 else f"{text[:600]} ..."
