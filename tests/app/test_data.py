"""The CSV reader's exact complaints, and the data set in Redis."""

import csv
import io
import string
from dataclasses import astuple
from datetime import date

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from app.data import (
    COLUMNS,
    LARGEST,
    LONGEST_WEATHER,
    SAMPLE,
    DataSet,
    Day,
    Extent,
    parse_date,
    read_csv,
)
from app.errors import Problem

HEADER = ",".join(COLUMNS)
GOOD = "2012-01-02,1.5,9,3,2,rain"

finite = st.floats(-LARGEST, LARGEST)
weather = st.text(string.ascii_letters + ' ,"-äß', min_size=1, max_size=LONGEST_WEATHER).filter(
    lambda text: text.strip()
)


@st.composite
def day_lists(draw: st.DrawFn) -> list[Day]:
    """Data sets that are in order."""
    dates = sorted(draw(st.sets(st.dates(), min_size=1, max_size=8)))
    return [
        Day(day.isoformat(), draw(finite), max(pair), min(pair), draw(finite), draw(weather))
        for day in dates
        for pair in [(draw(finite), draw(finite))]
    ]


def to_csv(rows: list[list[str]]) -> bytes:
    """Rows as a CSV file with quotes where they are needed."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def table(days: list[Day]) -> list[list[str]]:
    """Header and rows of a data set, as text."""
    return [list(COLUMNS), *([str(value) for value in astuple(day)] for day in days)]


@given(day_lists())
def test_what_is_written_is_read(days: list[Day]) -> None:
    """Every data set that is in order survives the way through CSV unchanged."""
    assert read_csv(to_csv(table(days))) == days


@given(day_lists(), st.data())
def test_a_spoiled_field_is_named(days: list[Day], data: st.DataObject) -> None:
    """Whichever field of whichever day is spoiled, the complaint names its line and column."""
    rows = table(days)
    line = data.draw(st.integers(2, len(rows)))
    column = data.draw(st.integers(1, len(COLUMNS)))
    rows[line - 1][column - 1] = data.draw(st.sampled_from(["", "nan", "-", "1_0", "٣"]))
    if column == len(COLUMNS):
        rows[line - 1][column - 1] = " "
    with pytest.raises(Problem) as caught:
        read_csv(to_csv(rows))
    assert caught.value.status == 422
    assert caught.value.extra == {"line": line, "column": column}


@given(st.binary(max_size=200))
@settings(max_examples=200)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """No body, however odd, ends in anything but days or a 422 with a line and a column."""
    try:
        days = read_csv(body)
    except Problem as refused:
        problem: Problem | None = refused
    else:
        problem = None
        assert days
    if problem is not None:
        assert problem.status == 422
        assert all(int(str(problem.extra[name])) >= 1 for name in ("line", "column"))


@pytest.mark.parametrize(
    ("body", "line", "column", "why"),
    [
        ("", 1, 1, "6 fields are needed, this line has 0"),
        (HEADER, 2, 1, "no day after the header"),
        (f"{HEADER}\n\n\n", 2, 1, "no day after the header"),
        (GOOD, 1, 1, "the column must be 'date', not '2012-01-02'"),
        ("date,precipitation,temp_min,temp_max,wind,weather", 1, 3, "must be 'temp_max'"),
        (f"{HEADER},more\n{GOOD},1", 1, 7, "this line has 7"),
        (f"{HEADER}\n{GOOD},1", 2, 7, "this line has 7"),
        (f"{HEADER}\n2012-01-01,1,2", 2, 4, "this line has 3"),
        (f"{HEADER}\n2012-1-1,1,9,3,2,rain", 2, 1, "'2012-1-1' is not a date"),
        (f"{HEADER}\n2013-02-29,1,9,3,2,rain", 2, 1, "is not a date"),
        (f"{HEADER}\n{GOOD}\n{GOOD}", 3, 1, "2012-01-02 does not come after 2012-01-02"),
        (f"{HEADER}\n{GOOD}\n2012-01-01,1,9,3,2,rain", 3, 1, "does not come after"),
        (f"{HEADER}\n2012-01-01,wet,9,3,2,rain", 2, 2, "precipitation must be a finite number"),
        (f"{HEADER}\n2012-01-01,1,inf,3,2,rain", 2, 3, "temp_max must be a finite number"),
        (f"{HEADER}\n2012-01-01,1,1e999,3,2,rain", 2, 3, "temp_max must be a finite number"),
        (f"{HEADER}\n2012-01-01,1000001,9,3,2,rain", 2, 2, "precipitation must be a finite"),
        (f"{HEADER}\n2012-01-01,1,9,9.1,2,rain", 2, 4, "temp_min 9.1 is above temp_max 9"),
        (
            f"{HEADER}\n2012-01-01,1,9,3, 2,rain",
            2,
            5,
            "wind must be a finite number under 1e6, not ' 2'",
        ),
        (f"{HEADER}\n2012-01-01,1,9,3,2,", 2, 6, "the weather must be"),
        (f"{HEADER}\n2012-01-01,1,9,3,2,{'x' * 41}", 2, 6, "1 to 40 printable characters"),
        (f'{HEADER}\n2012-01-01,1,9,3,2,"ra\nin"', 3, 6, "printable"),
        (f'{HEADER}\n"2012-01-01,1,9,3,2,rain', 2, 1, "unexpected end of data"),
    ],
)
def test_a_complaint_is_exact(body: str, line: int, column: int, why: str) -> None:
    """Line, column and reason of the first error are named, and that nothing was replaced."""
    with pytest.raises(Problem) as caught:
        read_csv(body.encode())
    assert caught.value.extra == {"line": line, "column": column}
    assert why in caught.value.detail
    assert caught.value.detail.endswith("; the data set is unchanged")


def test_bytes_that_are_no_text_are_located() -> None:
    """A byte that is not UTF-8 is found in its line and column."""
    with pytest.raises(Problem) as caught:
        read_csv(f"{HEADER}\n2012-01-01,1,9,3,2,".encode() + b"\xff\n")
    assert caught.value.extra == {"line": 2, "column": 6}


def test_a_complaint_does_not_repeat_a_document() -> None:
    """A field of a megabyte is cut in the complaint."""
    with pytest.raises(Problem) as caught:
        read_csv(b"a" * 100_000)
    assert len(caught.value.detail) < 200


def test_spreadsheets_are_understood() -> None:
    """A byte order mark, quotes, CRLF and blank lines do not matter."""
    body = f'\ufeff{HEADER}\r\n"2012-01-02","1.5","9","3","2","rain"\r\n\r\n'
    assert read_csv(body.encode()) == [Day("2012-01-02", 1.5, 9, 3, 2, "rain")]


def test_the_sample_is_complete() -> None:
    """The sample has every day of four years."""
    days = read_csv(SAMPLE.read_bytes())
    assert (len(days), days[0].date, days[-1].date) == (1461, "2012-01-01", "2015-12-31")
    ordinals = [date.fromisoformat(day.date).toordinal() for day in days]
    assert ordinals == list(range(ordinals[0], ordinals[0] + 1461))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2012-02-29", "2012-02-29"),
        ("2013-02-29", None),
        ("20120229", None),
        ("2012-W01-1", None),
        ("2012-02-29T00:00", None),
        ("2012-02-29\n", None),
        ("٢٠١٢-٠٢-٢٩", None),
        ("0000-01-01", None),
        ("", None),
    ],
)
def test_dates_are_strict(text: str, expected: str | None) -> None:
    """Only real dates in the one form YYYY-MM-DD are dates."""
    assert parse_date(text) == expected


def test_a_data_set_is_replaced_as_a_whole(redis: Redis) -> None:
    """After a replacement nothing of the old data set is left."""
    data = DataSet(redis)
    data.replace(read_csv(SAMPLE.read_bytes()))
    assert data.replace([Day("2020-05-01", 0, 9, 3, 2, "sun")]) == Extent(
        1, "2020-05-01", "2020-05-01"
    )
    assert data.extent() == Extent(1, "2020-05-01", "2020-05-01")
    assert data.days("0001-01-01", "9999-12-31") == [Day("2020-05-01", 0, 9, 3, 2, "sun")]
    assert orjson.loads(orjson.dumps(data.document()))["rows"] == 1


def test_both_ends_of_a_period_count(redis: Redis) -> None:
    """The days from start to end include the first and the last."""
    data = DataSet(redis)
    data.replace(read_csv(SAMPLE.read_bytes()))
    found = [day.date for day in data.days("2012-02-28", "2012-03-01")]
    assert found == ["2012-02-28", "2012-02-29", "2012-03-01"]


def test_without_data_there_is_nothing(redis: Redis) -> None:
    """In an empty store there is no extent, no day, nothing to delete, no document."""
    data = DataSet(redis)
    assert (data.extent(), data.days("0001-01-01", "9999-12-31"), data.delete()) == (None, [], 0)
    with pytest.raises(Problem) as caught:
        data.document()
    assert caught.value.status == 404
