"""What the user sees while the cluster comes and goes: one line a step, with the elapsed time."""

import sys
import time


class Progress:
    """Prints steps with the seconds since it was made; works without a terminal."""

    def __init__(self) -> None:
        self._start = time.monotonic()

    def __call__(self, step: str) -> None:
        """Say what happens now."""
        elapsed = time.monotonic() - self._start
        print(f"[{elapsed:6.1f} s] {step}", file=sys.stderr, flush=True)
