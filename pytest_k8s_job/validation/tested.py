"""What was deployed when a run was created, carried by the Job itself.

It stands in an annotation of the Job's pod template, which nobody can change afterwards: all that
judge the run compare with the same state.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import typing
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pytest_k8s_job.cluster.objects import Object
from pytest_k8s_job.target.model import Target

__all__ = ["TESTED", "Deployed", "read_tested"]

TESTED = "pytest-k8s-job/tested"  # annotation of the pod template
MOST_BYTES = 200_000  # packed; all annotations of an object together may have 256 KiB
MOST_UNPACKED = 32 << 20


@dataclass(frozen=True)
class Deployed:
    """What is deployed at one moment: the target, and the key of its rollout."""

    key: str
    target: Target

    def pack(self) -> str:
        """Return it as ASCII text; of a target that is too large, without its pods."""
        text = _pack(self)
        if len(text) <= MOST_BYTES:
            return text
        bare = tuple(dataclasses.replace(each, pods=()) for each in self.target.workloads)
        return _pack(Deployed(self.key, dataclasses.replace(self.target, workloads=bare)))


def read_tested(job: Object) -> Deployed | None:
    """Return what was deployed when a Job was created; None without it."""
    metadata = job["spec"]["template"].get("metadata") or {}
    text = (metadata.get("annotations") or {}).get(TESTED, "")
    try:
        inflate = zlib.decompressobj()
        data = inflate.decompress(base64.b64decode(text, validate=True), MOST_UNPACKED)
        found = _read(Deployed, json.loads(data))
    except (binascii.Error, zlib.error, ValueError, LookupError, TypeError):
        return None
    return found if isinstance(found, Deployed) else None


def _pack(deployed: Deployed) -> str:
    text = json.dumps(dataclasses.asdict(deployed), separators=(",", ":"), default=sorted)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")


def _read(kind: Any, value: Any) -> Any:
    """Return a JSON value as what a field's annotation asks for."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(**{name: _read(hints[name], each) for name, each in dict(value).items()})
    origin, words = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and words[-1] is Ellipsis:
        return tuple(_read(words[0], each) for each in value)
    if origin is tuple:
        return tuple(_read(word, each) for word, each in zip(words, value, strict=True))
    if origin is frozenset:
        return frozenset(_read(words[0], each) for each in value)
    return value


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    return typing.get_type_hints(kind)
