"""Packages that tests of the tool need but that must not load anywhere else.

Each locked group is installed into a directory of its own beside the virtualenv's packages, where
only a test's PYTHONPATH finds it.
"""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

from tests.checkout import CHECKOUT

__all__ = ["beside"]


def beside(group: str) -> Path:
    """Return the directory with the packages of `requirements/<group>.txt`; install them once."""
    place = Path(sys.prefix, "beside", group)
    lock = CHECKOUT / "requirements" / f"{group}.txt"
    stamp = place / lock.name
    place.parent.mkdir(exist_ok=True)
    with place.with_suffix(".lock").open("w") as turn:
        fcntl.lockf(turn, fcntl.LOCK_EX)  # another process of the tests may be at it
        if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            how = ["--require-hashes", "--no-deps", "--upgrade", "--target", str(place)]
            subprocess.run([*pip, *how, "--requirement", str(lock)], check=True, timeout=300)
            stamp.write_bytes(lock.read_bytes())
    return place
