"""`GET /download/<id>`: the plot is a real picture, not merely bytes with a content type."""

import requests

from .client import Api, expect
from .jobs import DataSet, Jobs
from .png import Picture, read_png

WIDTHS = range(400, 4001)
HEIGHTS = range(200, 4001)
"""Pixels: smaller is not readable, larger does not fit a page."""


def plot_of(api: Api, jobs: Jobs, start: str, end: str) -> requests.Response:
    """The plot of a new job for this period."""
    job = jobs.submit(start, end)
    jobs.complete(job)
    return expect(api.get(f"/download/{job['id']}"), 200)


def decoded(answer: requests.Response) -> Picture:
    """The picture in an answer; the test fails with the reason if it is none."""
    try:
        return read_png(answer.content)
    except ValueError as error:
        request = answer.request
        raise AssertionError(
            f"{request.method} {request.url} is no whole PNG: {error};"
            f" {len(answer.content)} bytes, request id {answer.headers.get('X-Request-ID')}"
        ) from error


def test_plot_is_a_whole_png_of_sane_size(api: Api, jobs: Jobs, data: DataSet) -> None:
    """The plot decodes as PNG to its last chunk, and has the size of a picture to look at."""
    picture = decoded(plot_of(api, jobs, *data.span(0, 365)))
    assert picture.width in WIDTHS, picture.width
    assert picture.height in HEIGHTS, picture.height


def test_plot_is_not_blank(api: Api, jobs: Jobs, data: DataSet) -> None:
    """The plot shows something: it has many shades, not one."""
    picture = decoded(plot_of(api, jobs, *data.span(0, 90)))
    assert len(set(picture.rows)) > 16, f"only {len(set(picture.rows))} values in the picture"


def test_plots_of_two_periods_differ(api: Api, jobs: Jobs, data: DataSet) -> None:
    """Each period has a plot of its own."""
    first = decoded(plot_of(api, jobs, *data.span(0, 60)))
    second = decoded(plot_of(api, jobs, *data.span(60, 60)))
    assert first != second


def test_plot_is_shown_in_place_under_a_telling_name(api: Api, jobs: Jobs, data: DataSet) -> None:
    """The plot is image/png of announced length, shown in place, and named after its period."""
    start, end = data.span(0, 30)
    answer = plot_of(api, jobs, start, end)
    headers = answer.headers
    assert headers["Content-Type"] == "image/png"
    assert headers.get("Content-Length") == str(len(answer.content)), headers
    disposition = headers.get("Content-Disposition", "")
    assert disposition.startswith("inline"), disposition
    assert f"weather-{start}-{end}.png" in disposition
