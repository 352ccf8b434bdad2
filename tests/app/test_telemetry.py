"""Log lines are JSON and carry what they belong to."""

import logging
from datetime import datetime

import pytest

from app.telemetry import bound, configure_logging, trace_id_of
from tests.app.log_lines import lines

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

pytestmark = pytest.mark.usefixtures("restored_logging")


def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    """Time, level, message and logger stand in every line, and extra fields beside them."""
    configure_logging("INFO")
    logging.getLogger("part").info("two\nlines", extra={"count": 2})
    (line,) = lines(capsys)
    assert next(iter(line)) == "time"
    assert datetime.fromisoformat(line.pop("time")).utcoffset() is not None
    assert line == {"level": "INFO", "message": "two\nlines", "logger": "part", "count": 2}


def test_bound_fields_end_with_their_block(capsys: pytest.CaptureFixture[str]) -> None:
    """A line carries the ids of the block that it was logged in, and unknown ids are left out."""
    configure_logging("INFO")
    log = logging.getLogger("part")
    with bound(worker="w"):
        with bound(job_id="j", trace_id=None):
            log.info("inside")
        log.info("outside")
    inside, outside = lines(capsys)
    assert (inside["worker"], inside["job_id"]) == ("w", "j")
    assert "trace_id" not in inside
    assert outside["worker"] == "w"
    assert "job_id" not in outside


def test_a_traceback_stays_in_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    """An exception is part of the JSON object, so that a log collector keeps it together."""
    configure_logging("INFO")
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("part").exception("failed")
    (line,) = lines(capsys)
    assert "ValueError: broken" in line["exc_info"]


def test_the_level_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines below the level are not written, and configuring twice does not double the rest."""
    configure_logging("INFO")
    configure_logging("WARNING")
    logging.getLogger("part").info("hidden")
    logging.getLogger("part").warning("seen")
    assert [line["message"] for line in lines(capsys)] == ["seen"]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-what-comes-later", TRACE),
        (None, None),
        ("", None),
        (TRACE, None),
        (f"00-{TRACE}-00f067aa0ba902b7-01-more", None),
        (f"ff-{TRACE}-00f067aa0ba902b7-01", None),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE[:-1]}-00f067aa0ba902b7-01", None),
        (f"00-{TRACE}-00f067aa0ba902b7-01\n", None),
    ],
)
def test_the_trace_id_of_a_traceparent(header: str | None, expected: str | None) -> None:
    """A well-formed traceparent gives its trace id; anything else gives none."""
    assert trace_id_of(header) == expected
