"""A shop on the real cluster with a template of runs, for each test that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tool.target.shop import open_runs
from tests.tool.validation.pipeline import SUITE, Pipeline, open_pipeline


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace for the runs of all tests here."""
    with open_runs(tmp_path_factory.mktemp("suite"), SUITE) as name:
        yield name


@pytest.fixture
def pipeline(runs: str, tmp_path: Path) -> Iterator[Pipeline]:
    """A shop of its own, with no run yet."""
    with open_pipeline(runs, tmp_path) as made:
        yield made
