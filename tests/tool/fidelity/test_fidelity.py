"""The same suite, run here and through the tool: a user must not see a difference."""

from __future__ import annotations

import pytest

from tests.tool.conftest import Side
from tests.tool.fidelity.comparison import CASES, Case, differences


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_looks_like_local_pytest(case: Case, local: Side, remote: Side) -> None:
    """Terminal, stderr, JUnit file, pytest's cache and exit code are those of plain pytest."""
    assert not "\n".join(differences(case, local, remote))
