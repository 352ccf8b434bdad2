"""The service's own page in a real Chromium, before the real API, Redis and worker."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import NARROW, Open, Watched
from tests.browser.test_report_page import violations
from tests.checkout import CHECKOUT
from tests.incluster.waiting import wait_until

pytestmark = pytest.mark.browser

NO_DATA = "404"  # Chromium's own line on GET /data before anything is loaded
START_WAIT = 60  # seconds
JOB_WAIT = 60_000  # ms for a job, whose worker imports matplotlib first


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run `python -m app.serve` on a free port; return its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app.serve", "--port", str(port)]
    log = tmp_path_factory.mktemp("service") / "log"
    with (
        log.open("w") as file,
        subprocess.Popen(command, cwd=CHECKOUT, stdout=file, stderr=file) as it,
    ):
        wait_until(
            lambda: it.poll() is not None or "ready: http" in log.read_text(),
            START_WAIT,
            "the service to be ready",
        )
        assert it.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
        it.terminate()
        it.wait(START_WAIT)


@pytest.fixture
def loaded(watch: Open, service: str) -> Watched:
    """The page with no jobs, on which the sample was just loaded."""
    watched = watch()
    page = watched.page
    for path in ("jobs", "data"):
        page.request.delete(f"{service}/{path}")
    page.goto(service)
    expect(page.locator("#data-line")).to_have_text("No data set is loaded yet.")
    page.get_by_role("button", name="Load the sample").click()
    expect(page.locator("#data-line")).to_contain_text("1,461 days loaded")
    return watched


def test_a_job_goes_from_form_to_plot(loaded: Watched, service: str) -> None:
    """A submitted job appears, completes, and shows figures and a plot."""
    page = loaded.page
    page.get_by_label("From").fill("2012-01-01")
    page.get_by_label("To").fill("2012-12-31")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator(".status")).to_have_text("complete", timeout=JOB_WAIT)
    page.get_by_role("button", name=re.compile("Show job")).click()
    expect(page.get_by_role("heading", name="2012-01-01 to 2012-12-31")).to_be_focused()
    expect(page.locator("#figures")).to_contain_text("366")
    page.wait_for_function("document.querySelector('#plot').naturalWidth > 0")
    assert {each.rpartition("/")[0].removeprefix(service) for each in loaded.requests} <= {
        "", "/web", "/jobs", "/results", "/download",
    }  # fmt: skip
    assert [each for each in loaded.complaints if NO_DATA not in each] == []


def test_a_mistake_is_told_in_words(loaded: Watched) -> None:
    """A period that ends before it begins is refused in one sentence, and makes no job."""
    page = loaded.page
    page.get_by_label("From").fill("2013-01-01")
    page.get_by_label("To").fill("2012-01-01")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile("start|end"))
    expect(page.get_by_text("No jobs yet.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_on_a_phone(scheme: str, watch: Open, service: str) -> None:
    """Roles, names and contrast satisfy axe, and nothing is wider than the screen."""
    page = watch(viewport=NARROW, color_scheme=scheme).page
    page.goto(service)
    expect(page.locator("#data-line")).not_to_contain_text("Looking")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 390
