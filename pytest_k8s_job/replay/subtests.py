"""Tells reports of subtests apart: pytest 8 has none of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

import pytest

if TYPE_CHECKING:
    from _pytest.subtests import SubtestReport

try:
    from _pytest.subtests import SubtestReport as _Report
except ImportError:  # pytest 8
    _Report = None  # type: ignore[assignment, misc]

__all__ = ["is_of_subtest"]


def is_of_subtest(report: pytest.CollectReport | pytest.TestReport) -> TypeGuard[SubtestReport]:
    """Whether a subtest of a test wrote this report."""
    return _Report is not None and isinstance(report, _Report)
