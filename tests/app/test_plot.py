"""The plot of a job."""

import io

import pytest
from PIL import Image

from app.plot import draw
from tests.app.test_analysis import SAMPLE_DAYS, days


@pytest.mark.parametrize("count", [1, 2, 3, 4, 16, 17, 100, 101, 800, 801, 1461])
def test_a_plot_of_any_length_is_a_picture(count: int) -> None:
    """A plot is a PNG of 1000 x 600 pixels, of a size that mails and loads quickly, not blank."""
    png = draw(SAMPLE_DAYS[:count])
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.size) == ("PNG", (1000, 600))
        colours = image.convert("RGB").getcolors(1_000_000) or []
    assert len(colours) > 50
    assert 10_000 < len(png) < 150_000


def test_days_without_rain_and_all_alike_have_a_plot() -> None:
    """Constant temperature and no precipitation do not trip the axes."""
    assert draw(days(5, precipitation=0.0, temp_max=3.0, temp_min=3.0)).startswith(b"\x89PNG")


def test_a_gap_in_the_data_has_a_plot() -> None:
    """Days that are missing in between do not trip the plot."""
    assert draw([SAMPLE_DAYS[0], SAMPLE_DAYS[1400]]).startswith(b"\x89PNG")


def test_the_same_days_give_the_same_picture() -> None:
    """A plot does not depend on those that were drawn before it."""
    year, other = SAMPLE_DAYS[:366], days(3, temp_min=-40.0)
    first = draw(year)
    assert draw(other) != first
    assert draw(year) == first


def test_few_bars_can_be_seen_over_a_gap() -> None:
    """Bars of days that lie years apart are as wide as those of neighbours."""
    neighbours, apart = draw(SAMPLE_DAYS[:2]), draw([SAMPLE_DAYS[0], SAMPLE_DAYS[1461 - 61]])
    for png in (neighbours, apart):
        with Image.open(io.BytesIO(png)) as image:
            colours = {colour: count for count, colour in image.getcolors(1_000_000) or []}
        assert colours[0x3B, 0x7E, 0xA1] > 10_000


def test_large_values_leave_room_for_the_unit() -> None:
    """The largest values that a data set can have are shortened beside the axis."""
    huge = days(12, temp_max=1e6, temp_min=-1e6, precipitation=9e5)
    with Image.open(io.BytesIO(draw(huge))) as image:
        between = image.convert("L").crop((45, 60, 46, 560))  # between the units and the values
    assert between.getextrema() == (255, 255)
