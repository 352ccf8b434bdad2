"""Selects the tests that one pod runs: its shard, or what an earlier run left.

The collector packs a `Selection` into the pod's environment. Every shard collects everything,
computes the same parts from the same numbers and takes its own, so that no pod has to ask another.
Standard library only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import zlib
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = [
    "INDEX",
    "SELECTION",
    "Selection",
    "ShardBy",
    "key_of",
    "take_selection",
]

SELECTION = "PYTEST_K8S_JOB_SELECTION"  # prefix of the variables: _0, _1 ...
INDEX = "JOB_COMPLETION_INDEX"  # set by Kubernetes in the pods of an Indexed Job
CHUNK = 100 << 10  # bytes of text in one variable: Linux takes 128 KiB
KEY_BYTES = 6  # of a node id's digest: two of 100,000 ids share one once in 28,000 suites
MAX_DURATIONS = 50_000  # longest tests whose seconds travel: 400 KiB of a Job's 1.5 MiB
_DURATION = struct.Struct(f">{KEY_BYTES}sf")


class ShardBy(StrEnum):
    """What is never divided between two shards."""

    TEST = "test"
    CLASS = "class"
    FILE = "file"


def key_of(nodeid: str) -> bytes:
    """Return the short name of a test in a packed selection."""
    text = nodeid.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=KEY_BYTES).digest()


@dataclass(frozen=True)
class Selection:
    """The selected tests of one Job, divided into `shards` parts.

    Attributes:
        only: keys of the tests to run; None: no test is left out.
        durations: seconds of tests that ran before, by key.
    """

    shards: int = 1
    by: ShardBy = ShardBy.TEST
    only: frozenset[bytes] | None = None
    durations: Mapping[bytes, float] = field(default_factory=dict)

    def encode(self) -> dict[str, str]:
        """Return the environment variables for a pod; none if it runs everything."""
        if self.shards == 1 and self.only is None:
            return {}
        only = None if self.only is None else _text(b"".join(sorted(self.only)))
        longest = sorted(self.durations.items(), key=lambda each: -each[1])[:MAX_DURATIONS]
        seconds = _text(b"".join(_DURATION.pack(*each) for each in longest))
        text = json.dumps([self.shards, self.by, only, seconds], separators=(",", ":"))
        pieces = [text[i : i + CHUNK] for i in range(0, len(text), CHUNK)]
        return {f"{SELECTION}_{number}": piece for number, piece in enumerate(pieces)}

    @classmethod
    def decode(cls, text: str) -> Selection:
        """Return the selection whose variables were joined to `text`."""
        shards, by, only, seconds = json.loads(text)
        keys = None if only is None else frozenset(_cut(_bytes(only)))
        return cls(shards, ShardBy(by), keys, dict(_DURATION.iter_unpack(_bytes(seconds))))

    def wants(self, nodeid: str) -> bool:
        """True if the test is not left out."""
        return self.only is None or key_of(nodeid) in self.only


def take_selection(environment: MutableMapping[str, str]) -> tuple[Selection, int]:
    """Remove the selection from `environment`; return it and this pod's shard."""
    names = sorted(
        (name for name in environment if name.startswith(SELECTION + "_")),
        key=lambda name: int(name.rpartition("_")[2]),
    )
    text = "".join(environment.pop(name) for name in names)
    if not text:
        return Selection(), 0
    selection = Selection.decode(text)
    index = int(environment.get(INDEX, 0)) if selection.shards > 1 else 0
    return selection, index


def _cut(keys: bytes) -> Iterator[bytes]:
    return (keys[i : i + KEY_BYTES] for i in range(0, len(keys), KEY_BYTES))


def _text(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode("ascii")


def _bytes(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))
