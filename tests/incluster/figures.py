"""What a job's result must be, worked out here from the days, not asked of the service."""

from collections import Counter
from collections.abc import Sequence
from statistics import fmean
from typing import Any

Day = dict[str, Any]
"""date, precipitation (mm), temp_max and temp_min (°C), wind (m/s), weather."""

COLUMNS = ("date", "precipitation", "temp_max", "temp_min", "wind", "weather")


def figures(days: Sequence[Day], start: str, end: str) -> dict[str, Any]:
    """The figures of the days from `start` to `end`, both included, rounded to 2 places."""
    chosen = [day for day in days if start <= day["date"] <= end]
    return {
        "start": start,
        "end": end,
        "count": len(chosen),
        "temperature": {
            "mean": round(fmean((day["temp_max"] + day["temp_min"]) / 2 for day in chosen), 2),
            "min": round(min(day["temp_min"] for day in chosen), 2),
            "max": round(max(day["temp_max"] for day in chosen), 2),
        },
        "precipitation": {"total": round(sum(day["precipitation"] for day in chosen), 2)},
        "weather": dict(Counter(day["weather"] for day in chosen)),
        "units": {"temperature": "°C", "precipitation": "mm"},
    }


def csv_of(days: Sequence[Day]) -> bytes:
    """The days as the CSV that `POST /data` takes; every number keeps its exact value."""
    lines = [",".join(COLUMNS)]
    lines += [",".join(str(day[column]) for column in COLUMNS) for day in days]
    return ("\n".join(lines) + "\n").encode()
