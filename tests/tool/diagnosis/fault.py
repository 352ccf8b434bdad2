"""What a fault is: how it is injected, what must be named for it, and where it first shows."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from pytest_k8s_job.diagnosis.causes import Cause
from tests.tool.diagnosis.place import Place

__all__ = ["Fault"]


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        name: in tables and as the name of its snapshot.
        cause: what must be named.
        words: what the sentence must hold.
        inject: does it; as a context manager, it also undoes what outlives the namespace.
        prepare: what has to be there, healthy, before.
        sign: a pattern of the first conclusive sign in the watched objects; without one, the
            fault shows at once.
        alone: it disturbs the whole node, so nothing else runs beside it.
        clock: seconds that its own clock takes, such as a probe's period or the kubelet's rounds.
        job: what a run's Job manifest must be to have this fault.
        chain: words of effects that must stand under the cause.
        later: what is as true, and all that is left to see, once the pod is gone.
    """

    name: str
    cause: Cause
    words: tuple[str, ...]
    inject: Callable[[Place], AbstractContextManager[None] | None]
    prepare: Callable[[Place], None] | None = None
    sign: str = ""
    alone: bool = False
    clock: float = 0.0
    job: dict[str, Any] | None = None
    chain: tuple[str, ...] = ()
    later: Cause | None = None
