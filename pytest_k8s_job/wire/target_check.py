"""The answer of the target to one request, as the pod tells the collector."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["TargetCheckResult"]

PREFIX = "the target does not answer: "  # of the message with which the pod leaves pytest


@dataclass(frozen=True)
class TargetCheckResult:
    """One request to the target, and how far it came.

    Attributes:
        url: the address that was asked.
        stage: where it ended: resolve, connect, tls, answer, http; or ok.
        error: the error in words: refused, reset, timeout, the resolver's code and text.
        status: the HTTP status, 0 without one.
        source: who asked: `pod`, or `api` for the API server's proxy.
        pod: the pod that asked, if one did.
        seconds: duration of the request.
    """

    url: str
    stage: str
    error: str = ""
    status: int = 0
    source: str = "pod"
    pod: str = ""
    seconds: float = 0.0

    def encode(self) -> str:
        """Return the message with which the pod leaves pytest."""
        return PREFIX + json.dumps(asdict(self))

    @classmethod
    def decode(cls, interrupt: Mapping[str, Any] | None) -> TargetCheckResult | None:
        """Return the result in an `interrupt` record; None if it carries none."""
        message = str((interrupt or {}).get("message") or "")
        if not message.startswith(PREFIX):
            return None
        try:
            return cls(**json.loads(message.removeprefix(PREFIX)))
        except (ValueError, TypeError):
            return None
