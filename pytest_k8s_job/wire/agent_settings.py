"""Settings of the agent, which collector or manifest pass in its environment.

Standard library only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping
from pathlib import Path

from pytest_k8s_job.wire.debugger import DEBUGGER
from pytest_k8s_job.wire.journal import NONCE
from pytest_k8s_job.wire.limits import Limits

__all__ = [
    "ARTIFACTS",
    "ARTIFACTS_STAY",
    "ARTIFACT_BYTES",
    "CACHE",
    "DEADLINE",
    "GRACE",
    "LOG_BYTES",
    "NONCE",
    "RUN_ID",
    "TERMINATION_LOG",
    "TEST_TIMEOUT",
    "Settings",
]

# All of it is taken away from the tests.
RUN_ID = "PYTEST_K8S_JOB_RUN"
CACHE = "PYTEST_K8S_JOB_CACHE"
TERMINATION_LOG = "PYTEST_K8S_JOB_TERMINATION_LOG"
LOG_BYTES = "PYTEST_K8S_JOB_LOG_BYTES"  # where the kubelet's containerLogMaxSize is not 10Mi
DEADLINE = "PYTEST_K8S_JOB_DEADLINE"  # the Job's activeDeadlineSeconds
GRACE = "PYTEST_K8S_JOB_GRACE"  # the pod's terminationGracePeriodSeconds
ARTIFACTS = "PYTEST_K8S_JOB_ARTIFACTS"  # patterns of files that are to be brought, a line each
ARTIFACT_BYTES = "PYTEST_K8S_JOB_ARTIFACT_BYTES"  # that all of them may have
ARTIFACTS_STAY = "PYTEST_K8S_JOB_ARTIFACTS_STAY"  # why none that is too large for the log can come
TEST_TIMEOUT = "PYTEST_K8S_JOB_TEST_TIMEOUT"  # seconds for one test

ALL_ARTIFACTS = 1 << 30  # bytes
KUBELET_BYTES = 10 << 20  # the kubelet's default: then it rotates, and serves only the newest file
SECTIONS_PART = 0.4  # for captured output of an unattended run: frames compress it, at worst by 1
SECTIONS_WITH_COLLECTOR = (
    24 << 20
)  # characters of it with a collector: it reads along, and has the journal


class Settings:
    """The settings of one agent; without a collector it draws its own nonce."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        """Read the settings and remove them from `environment`, which the tests inherit."""
        nonce = environment.pop(NONCE, "")
        self.run = environment.pop(RUN_ID, "")
        self.nonce = nonce or os.urandom(16).hex()
        self.has_collector = bool(nonce)
        self.cache = environment.pop(CACHE, "")
        self.has_terminal = bool(environment.pop(DEBUGGER, "")) and self.has_collector
        self.artifacts = list(filter(None, environment.pop(ARTIFACTS, "").split("\n")))
        unread = "" if nonce else "too large for the log, and nobody read along"
        self.artifacts_stay = environment.pop(ARTIFACTS_STAY, "") or unread
        self.artifact_bytes = int(number(environment, ARTIFACT_BYTES) or ALL_ARTIFACTS)
        self.termination_log = Path(environment.pop(TERMINATION_LOG, "/dev/termination-log"))
        self.log_bytes = int(number(environment, LOG_BYTES) or KUBELET_BYTES)
        self.limits = Limits(
            *(number(environment, each) for each in (DEADLINE, TEST_TIMEOUT, GRACE))
        )

    @property
    def sections(self) -> int:
        """Characters of captured output that may travel whole."""
        return (
            SECTIONS_WITH_COLLECTOR if self.has_collector else int(self.log_bytes * SECTIONS_PART)
        )


def number(environment: MutableMapping[str, str], name: str) -> float | None:
    """Remove a number from `environment` and return it; None if it is not there."""
    text = environment.pop(name, "")
    try:
        return float(text) if text else None
    except ValueError:
        sys.exit(f"{name} must be a number, not {text!r}")
