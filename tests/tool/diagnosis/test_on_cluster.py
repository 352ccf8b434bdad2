"""Ten faults, injected into the real local cluster; `make chaos-diagnosis` injects all."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.tool.diagnosis.fault import Fault
from tests.tool.diagnosis.faults import FAULTS
from tests.tool.diagnosis.inject import SIDE_BY_SIDE, Row, inject

pytestmark = pytest.mark.cluster

NAMES = (
    "image-never-pulled",
    "quota",
    "chain-to-storage",
    "secret-missing",
    "command-not-found",
    "oom-killed",
    "crash-loop",
    "selector-no-pod",
    "service-missing",
    "connection-refused",
)
THROUGH_A_RUN = "image-never-pulled"
LIMIT = 15.0  # seconds from the injection to the first line
CHOSEN = [fault for fault in FAULTS if fault.name in NAMES]

Rows = dict[str, Future[Row]]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """All ten, a few at a time: each mostly waits."""
    folder = tmp_path_factory.mktemp("faults")

    def started(fault: Fault) -> Row:
        return inject(fault, folder, runs=fault.name == THROUGH_A_RUN)

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        yield {fault.name: pool.submit(started, fault) for fault in CHOSEN}


@pytest.mark.parametrize("fault", CHOSEN, ids=lambda fault: fault.name)
def test_the_injected_fault_is_named(fault: Fault, rows: Rows) -> None:
    """The first line names the cause of the injected fault, within seconds, and stays."""
    row = rows[fault.name].result()
    assert row.seen.right, f"{row.seen.named}: {row.seen.trouble}: {row.seen.sentence}"
    assert row.seen.seconds < LIMIT


def test_a_run_ends_with_the_cause(rows: Rows) -> None:
    """A run that cannot start exits 10 within seconds, the cause in the summary's first line."""
    row = rows[THROUGH_A_RUN].result()
    assert row.run is not None
    assert row.run.right(row.seen.fault), row.run.text
    assert row.run.seconds < LIMIT
