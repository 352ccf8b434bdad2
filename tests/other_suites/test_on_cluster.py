"""The quickest of the foreign suites on every run; `make fidelity` has them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.other_suites.__main__ import compare
from tests.other_suites.catalogue import SUITES
from tests.other_suites.runs import own_namespace
from tests.other_suites.source import build_wheel

pytestmark = pytest.mark.cluster


def test_a_foreign_suite_reports_the_same_in_the_cluster(tmp_path: Path) -> None:
    """Plain pytest and the tool agree on each test, in one pod and in four."""
    wheel = build_wheel(tmp_path / "wheel")
    with own_namespace() as namespace:
        row = compare(SUITES[0], wheel, namespace, (1, 4), tmp_path)
    assert row.differences == {"1": 0, "4": 0}
    assert row.tests > 200
