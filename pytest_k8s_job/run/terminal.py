"""Whether a terminal is here that a debugger in the pod can use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pytest_k8s_job.options import runs_nothing

__all__ = ["can_debug", "check_debugger", "real_streams"]

PYTEST_PDB_OPTIONS = {"usepdb": "--pdb", "trace": "--trace"}


def check_debugger(config: pytest.Config) -> None:
    """Refuse --pdb and --trace where no terminal can be joined to the one pod."""
    option = config.option
    typed = [word for name, word in PYTEST_PDB_OPTIONS.items() if getattr(option, name, False)]
    if not typed:
        return
    if option.shards != 1:
        raise pytest.UsageError(f"{typed[0]} debugs one pod: leave --shards out")
    if option.k8s_attach:
        raise pytest.UsageError(f"{typed[0]} needs a run of its own: it cannot join one that runs")
    if not _has_terminal(config):
        raise pytest.UsageError(
            f"{typed[0]} needs a terminal: stdin or stdout of this pytest is none"
        )
    for name in ("pdbinvoke", "pdbtrace"):  # the pod's pytest has them
        config.pluginmanager.set_blocked(name)


def can_debug(config: pytest.Config) -> bool:
    """True if a breakpoint in the tests can wait for a user here."""
    option = config.option
    one = option.shards == 1 and not option.k8s_attach and not runs_nothing(config)
    return one and _has_terminal(config)


def _has_terminal(config: pytest.Config) -> bool:
    with real_streams(config):
        return os.isatty(0) and os.isatty(1)


@contextmanager
def real_streams(config: pytest.Config) -> Iterator[None]:
    """Give back stdin, stdout and stderr, which pytest captures, meanwhile."""
    capture = config.pluginmanager.getplugin("capturemanager")
    if capture is None:
        yield
        return
    capturing = capture._global_capturing is not None and capture._global_capturing.is_started()
    capture.suspend_global_capture(in_=True)
    try:
        yield
    finally:
        capture.resume_global_capture()
        if not capturing:
            capture.suspend_global_capture()
