"""The data set of daily weather: read from CSV with exact complaints, kept in Redis as a whole."""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson
from redis import Redis

from app.errors import Problem
from app.store import DATA_SETS, DEFAULT, GONE, Keys

SAMPLE = Path(__file__).parent / "sample" / "seattle-weather.csv"
COLUMNS = ("date", "precipitation", "temp_max", "temp_min", "wind", "weather")
LONGEST_WEATHER = 40
"""Characters in a name of weather, and of what a complaint repeats: words, not a document."""

LARGEST = 1e6
"""Largest amount of a number: far beyond any weather, and sums of such numbers stay finite."""

# KEYS data, data sets; ARGV name of the data set, then field, value ...
_REPLACE = f"""{GONE}
if gone(KEYS[2], ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
return 1
"""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Day:
    """One day: precipitation in mm, temperatures in °C, wind in m/s."""

    date: str
    precipitation: float
    temp_max: float
    temp_min: float
    wind: float
    weather: str


@dataclass(frozen=True, slots=True)
class Extent:
    """How many days a data set has, and its first and last."""

    rows: int
    first: str
    last: str


class DataSet:
    """The days of one data set. Any method can raise redis.RedisError."""

    def __init__(self, redis: Redis, keys: Keys = DEFAULT) -> None:
        self._redis = redis
        self._keys = keys
        self._replace: Any = redis.register_script(_REPLACE)

    def replace(self, days: list[Day]) -> Extent:
        """Put `days` (at least one, ascending) in place of what is loaded, in one step.

        Raises Problem 404 when the data set was deleted meanwhile.
        """
        extent = Extent(len(days), days[0].date, days[-1].date)
        fields: dict[str, Any] = asdict(extent) | {"days": orjson.dumps(days)}
        pairs = [part for pair in fields.items() for part in pair]
        name = self._keys.name
        if not self._replace(keys=[self._keys.data, DATA_SETS], args=[name, *pairs]):
            raise unknown_data_set(name)
        return extent

    def extent(self) -> Extent | None:
        """What is loaded, or None."""
        found: Any = self._redis.hmget(self._keys.data, "rows", "first", "last")
        rows, first, last = found
        return Extent(int(rows), first.decode(), last.decode()) if rows else None

    def document(self) -> dict[str, object]:
        """Extent and days, ready to be written as JSON. Raises Problem 404 when none is loaded."""
        found: Any = self._redis.hmget(self._keys.data, "rows", "first", "last", "days")
        rows, first, last, days = found
        if rows is None:
            raise Problem(404, nothing_loaded(self._keys))
        extent = Extent(int(rows), first.decode(), last.decode())
        return asdict(extent) | {"days": orjson.Fragment(days)}

    def days(self, start: str, end: str) -> list[Day]:
        """The days from `start` to `end`, both included; empty when none is loaded."""
        raw: Any = self._redis.hget(self._keys.data, "days")
        return [Day(**day) for day in orjson.loads(raw or b"[]") if start <= day["date"] <= end]

    def delete(self) -> int:
        """Unload the data set; returns how many days it had."""
        pipe = self._redis.pipeline(transaction=True)
        pipe.hget(self._keys.data, "rows")
        pipe.delete(self._keys.data)
        return int(pipe.execute()[0] or 0)


def nothing_loaded(keys: Keys) -> str:
    """The complaint about a data set without days."""
    return f"no data set is loaded; POST {keys.path}/data loads one"


def unknown_data_set(name: str) -> Problem:
    """The refusal of a request about a data set that there is not."""
    return Problem(404, f"there is no data set {name!r}; PUT /datasets/<name> makes one")


def parse_date(text: str) -> str | None:
    """`text` if it is a real date written YYYY-MM-DD, otherwise None."""
    try:
        return date.fromisoformat(text).isoformat() if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def read_csv(body: bytes) -> list[Day]:
    """The days in a CSV file, at least one, dates ascending.

    Raises Problem 422 with the first error's `line` and `column`, both counted from 1; the
    column is the number of the field: 1 is the date, 6 the weather.
    """
    reader = csv.reader(io.StringIO(_decode(body), newline=""), strict=True)
    days: list[Day] = []
    try:
        header = next(reader, [])
        _check_fields(header, 1, COLUMNS)
        for row in reader:
            if row:
                _check_fields(row, reader.line_num)
                days.append(_day(row, reader.line_num, days[-1].date if days else ""))
    except csv.Error as error:
        raise _malformed(reader.line_num, 1, str(error)) from error
    if not days:
        raise _malformed(2, 1, "there is no day after the header")
    return days


def _decode(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = body[: error.start]
        line = before.count(b"\n") + 1
        column = before.rpartition(b"\n")[2].count(b",") + 1
        raise _malformed(line, column, "this is not UTF-8") from error


def _check_fields(row: list[str], line: int, expected: tuple[str, ...] = ()) -> None:
    for column, name in enumerate(expected[: len(row)], start=1):
        if row[column - 1] != name:
            raise _malformed(
                line, column, f"the column must be {name!r}, not {_short(row[column - 1])}"
            )
    if len(row) != len(COLUMNS):
        column = min(len(row), len(COLUMNS)) + 1
        raise _malformed(
            line, column, f"{len(COLUMNS)} fields are needed, this line has {len(row)}"
        )


def _day(row: list[str], line: int, previous: str) -> Day:
    if parse_date(row[0]) is None:
        raise _malformed(line, 1, f"{_short(row[0])} is not a date written YYYY-MM-DD")
    if row[0] <= previous:
        raise _malformed(line, 1, f"{row[0]} does not come after {previous}, the day before it")
    precipitation, temp_max, temp_min, wind = _numbers(row, line)
    if temp_min > temp_max:
        raise _malformed(line, 4, f"temp_min {row[3]} is above temp_max {row[2]}")
    weather = row[5]
    if not weather.strip() or len(weather) > LONGEST_WEATHER or not weather.isprintable():
        raise _malformed(
            line, 6, f"the weather must be 1 to {LONGEST_WEATHER} printable characters"
        )
    return Day(row[0], precipitation, temp_max, temp_min, wind, weather)


def _numbers(row: list[str], line: int) -> Iterator[float]:
    for column in range(2, 6):
        text = row[column - 1]
        if not _NUMBER.fullmatch(text) or abs(float(text)) > LARGEST:
            raise _malformed(
                line,
                column,
                f"{COLUMNS[column - 1]} must be a finite number under 1e6, not {_short(text)}",
            )
        yield float(text)


def _short(text: str) -> str:
    return repr(text if len(text) <= LONGEST_WEATHER else f"{text[:LONGEST_WEATHER]}...")


def _malformed(line: int, column: int, reason: str) -> Problem:
    detail = f"line {line}, column {column}: {reason}; the data set is unchanged"
    return Problem(422, detail, extra={"line": line, "column": column})
