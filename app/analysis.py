"""What a job computes from its days: the figures and the plot. Alone needs matplotlib."""

import io
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import fmean

from matplotlib.figure import Figure

from app.data import Day


def summarise(days: Sequence[Day]) -> dict[str, object]:
    """Count, temperatures in °C, precipitation in mm and the number of days by weather.

    The mean is that of the days' middle temperatures, (max + min) / 2. `days` must not be empty.
    """
    weather = Counter(day.weather for day in days)
    return {
        "count": len(days),
        "temperature": {
            "mean": round(fmean(middle(day) for day in days), 2),
            "min": round(min(day.temp_min for day in days), 2),
            "max": round(max(day.temp_max for day in days), 2),
        },
        "precipitation": {"total": round(sum(day.precipitation for day in days), 2)},
        "weather": dict(sorted(weather.items())),
        "units": {"temperature": "°C", "precipitation": "mm"},
    }


def middle(day: Day) -> float:
    """The day's middle temperature in °C."""
    return (day.temp_max + day.temp_min) / 2


def draw(days: Sequence[Day]) -> bytes:
    """The plot of `days` (at least one) as a PNG of 1000 x 600 pixels."""
    figure = Figure(figsize=(10, 6), dpi=100, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    dates = [date.fromisoformat(day.date) for day in days]
    upper.fill_between(dates, [d.temp_min for d in days], [d.temp_max for d in days], alpha=0.3)
    upper.plot(dates, [middle(d) for d in days])
    lower.bar(dates, [d.precipitation for d in days], width=timedelta(days=0.8))
    upper.set_ylabel("Temperature (°C)")
    lower.set_ylabel("Precipitation (mm)")
    image = io.BytesIO()
    figure.savefig(image, format="png")
    return image.getvalue()
