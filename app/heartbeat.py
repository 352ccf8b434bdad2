"""The worker's sign of life for its probe. Imports nothing heavy: the probe runs every few seconds.

`python -m app.heartbeat` exits 0 when the worker's loop has turned lately, otherwise 1.
"""

import os
import sys
import time
from pathlib import Path

from app.settings import Settings


def touch(path: Path) -> None:
    """Note that the loop turned just now."""
    try:
        os.utime(path)  # a fifth of the time of `touch`, before each of 5,000 jobs a second
    except FileNotFoundError:
        path.touch()


def age(path: Path) -> float | None:
    """Seconds since the last `touch`, or None when there has been none."""
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return None


def main() -> int:
    """Exit code for the probe; the reason goes to stderr, which the kubelet shows as an event."""
    settings = Settings.from_environment()
    seconds = age(settings.heartbeat_file)
    if seconds is not None and seconds <= settings.heartbeat_max_age:
        return 0
    found = "does not exist" if seconds is None else f"is {seconds:.0f} s old"
    sys.stderr.write(
        f"{settings.heartbeat_file} {found}, allowed {settings.heartbeat_max_age:.0f} s\n"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
