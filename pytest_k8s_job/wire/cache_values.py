"""Packs the values of pytest's cache that select tests into one environment variable.

`--lf`, `--ff`, `--nf` and `--sw` choose in the pod, where the tests are, by what the collector
remembers. Standard library only: the agent unpacks it.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["COLLECTOR_KEYS", "KEYS", "pack", "unpack"]

KEYS = ("cache/lastfailed", "cache/nodeids", "cache/stepwise")
COLLECTOR_KEYS = KEYS[:2]  # the collector keeps them up itself, from the reports
MAX_BYTES = 100 << 10  # Linux takes 128 KiB in one variable


def pack(values: Mapping[str, Any]) -> str:
    """Return `values` as ASCII text, or nothing when they are too many to travel."""
    text = json.dumps(values, separators=(",", ":"))
    packed = base64.b64encode(zlib.compress(text.encode("utf-8"), 9)).decode("ascii")
    return packed if len(packed) <= MAX_BYTES else ""


def unpack(packed: str, cache_dir: Path) -> None:
    """Write the values where pytest's cache plugin looks for them."""
    if not packed:
        return
    values = json.loads(zlib.decompress(base64.b64decode(packed)))
    for key in KEYS:
        if key in values:
            path = cache_dir / "v" / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(values[key]), encoding="utf-8")
