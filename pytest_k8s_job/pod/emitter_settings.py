"""Settings of the emitter, which the agent passes in the environment of pytest."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TextIO

from pytest_k8s_job.pod.record_pipe import RecordPipe
from pytest_k8s_job.wire.debugger import DEBUGGER
from pytest_k8s_job.wire.records import (
    ARTIFACTS_WANTED,
    EVIDENCE,
    JUNIT,
    RECORD_FD,
    SECTIONS,
    TEXT_FD,
)
from pytest_k8s_job.wire.sharding import Selection, take_selection

__all__ = ["EmitterSettings"]


@dataclass(frozen=True)
class EmitterSettings:
    """What the emitter needs to know and to write to.

    Attributes:
        pipe: takes the records.
        text: takes what the reporter shows. Never closed: pytest writes until its process ends,
            and warnings may be errors.
        junit: the collector writes a JUnit file.
        room: characters of captured output that may travel whole.
        selection: which tests to run, as one of its shards.
        shard: number of that.
        evidence: failed tests carry their HTTP exchanges.
        debugger: path of the socket for a debugger; nothing if no terminal is there.
        artifacts: the temporary folders of tests are noted.
    """

    pipe: RecordPipe
    text: TextIO
    junit: bool
    room: int
    selection: Selection
    shard: int
    evidence: bool
    debugger: str
    artifacts: bool

    @classmethod
    def from_environment(cls) -> EmitterSettings:
        """Read the settings and remove them from the environment, which the tests see."""
        records, text = int(os.environ.pop(RECORD_FD)), int(os.environ.pop(TEXT_FD))
        for fd in (records, text):
            os.set_inheritable(fd, False)
        return cls(
            RecordPipe(records),
            open(text, "w", encoding="utf-8", errors="surrogateescape", closefd=False),
            bool(os.environ.pop(JUNIT, "")),
            int(os.environ.pop(SECTIONS, "") or sys.maxsize),
            *take_selection(os.environ),
            os.environ.pop(EVIDENCE, "") == "yes",
            os.environ.pop(DEBUGGER, ""),
            bool(os.environ.pop(ARTIFACTS_WANTED, "")),
        )
