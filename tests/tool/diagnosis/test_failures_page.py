"""docs/failures.md is what the code prints."""

from __future__ import annotations

from tests.tool.diagnosis.failures import PAGE, page


def test_the_page_is_current() -> None:
    """The page in the repository is the one that the command writes."""
    assert PAGE.read_text() == page(), "run `python -m tests.tool.diagnosis.failures`"
