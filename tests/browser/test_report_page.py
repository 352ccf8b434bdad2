"""The page of `--report` in a real Chromium: what people see, type and hear."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Position, expect

from pytest_k8s_job.report.document import Failure, Outcome, Result
from tests.browser.conftest import NARROW, Open, Show
from tests.browser.documents import failing_run, large_run, make, small_run

pytestmark = pytest.mark.browser

RUNS = {len(document.tests): document for document in (small_run(), failing_run(), large_run())}
EVIL = "</script><script>document.title = 'owned'</script><img src=x onerror='alert(1)'>"


def violations(page: Page) -> list[str]:
    """Return what axe has against the page, with everything unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    found: dict[str, Any] = Axe().run(page).response
    return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found["violations"]]


def visible_tests(page: Page) -> list[str]:
    """Return the names of the tests that the list shows."""
    return page.locator("#rows tbody th > :first-child").all_inner_texts()


def test_the_verdict_comes_first(show: Show) -> None:
    """The first heading is the verdict, and the sentence on the cause follows it."""
    page = show(failing_run()).page
    text = page.locator("body").inner_text()
    heading = page.get_by_role("heading").first.inner_text()
    assert heading.split() == ["✕", "FAILED", "exit", "code", "1"]
    assert 0 < text.index("FAILED") < text.index("was OOM-killed (limit 128 MiB, peak") < 250
    remedy = page.get_by_text("kubectl -n weather set resources deployment worker")
    expect(remedy).to_be_in_viewport()


def test_a_failure_shows_its_evidence(show: Show) -> None:
    """The first failure is open, with traceback, evidence and the command that runs it again."""
    page = show(failing_run()).page
    first = page.locator("details.failure").first
    for text in ("E       TimeoutError: job 7f3a", "drawing 1461 days", "authorization: ***"):
        expect(first.get_by_text(text)).to_be_visible()
    name = "tests/incluster/test_life_cycle.py::test_twenty_jobs_at_once_are_all_done"
    expect(first.get_by_text(f"pytest --in-cluster '{name}")).to_be_visible()


def test_failures_of_one_cause_stand_together(show: Show) -> None:
    """A cause names its tests; beyond the first five they are folded, and none is lost."""
    page = show(large_run()).page
    causes = page.locator(".cause > h3").all_inner_texts()
    assert [each.split()[:2] for each in causes] == [["30", "tests"], ["30", "tests"]]
    assert page.locator(".failure").count() == 60
    assert page.locator(".failure:visible").count() == 10


def test_search_and_filter_work_by_keyboard(show: Show) -> None:
    """The key / leads to the search; Tab and Space reach and press the filters."""
    page = show(failing_run()).page
    everything = len(visible_tests(page))
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("plot DIFFER")
    found = visible_tests(page)
    assert 0 < len(found) < everything
    assert all("plots_of_two_periods_differ" in name for name in found)
    expect(page.get_by_role("status")).to_have_text(f"{len(found)} of 121 tests")
    for _ in range(3):  # back over passed and skipped
        page.keyboard.press("Shift+Tab")
    expect(page.get_by_role("button", name="failed")).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="failed")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="all")).to_have_attribute("aria-pressed", "false")
    assert visible_tests(page) == ["test_plots_of_two_periods_differ"]
    page.keyboard.press("/")
    page.keyboard.type("no such test")
    expect(page.get_by_role("status")).to_have_text("0 of 121 tests")


def test_a_bar_of_the_time_line_names_its_test(show: Show) -> None:
    """Pointing at the red bar of a shard tells test and times; a click opens the failure."""
    page = show(failing_run()).page
    lane = page.locator("[data-shard='0']")
    box = lane.bounding_box()
    assert box is not None
    middle = Position(x=box["width"] * 0.55, y=5)
    lane.hover(position=middle)
    expect(page.locator("#pointed")).to_contain_text("test_twenty_jobs_at_once")
    expect(page.locator("#pointed")).to_contain_text("failed, took 4.10 s")
    lane.click(position=middle)
    expect(page.locator(".failure summary").first).to_be_focused()


def test_a_link_opens_its_failure(show: Show) -> None:
    """A name in the list of tests leads to the failure, also to a folded one, and focuses it."""
    page = show(large_run()).page
    page.get_by_role("link", name="test_each_job_has_its_own_result[59]").click()
    failure = page.locator(".failure", has_text="own_result[59]").first
    expect(failure.locator("summary").first).to_be_focused()
    expect(failure.get_by_text("drawing 1461 days")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [None, NARROW], ids=["wide", "narrow"])
def test_it_is_accessible(scheme: str, viewport: dict[str, int] | None, show: Show) -> None:
    """Roles, names, focus and contrast satisfy axe, in both colour schemes and widths."""
    options = {"viewport": viewport} if viewport else {}
    page = show(failing_run(), color_scheme=scheme, **options).page
    assert violations(page) == []


def test_axe_can_say_no(watch: Open) -> None:
    """The check of accessibility finds a picture without a name and a pale text."""
    page = watch().page
    page.set_content("<html><body><img src='data:,'><p style='color: #ccc'>pale</p></body></html>")
    found = " ".join(violations(page))
    assert "image-alt" in found
    assert "color-contrast" in found


def test_dark_is_dark(show: Show) -> None:
    """The page follows the system's colour scheme."""
    ground = "getComputedStyle(document.body).backgroundColor"
    seen = {
        scheme: show(small_run(), color_scheme=scheme).page.evaluate(ground)
        for scheme in ("light", "dark")
    }
    assert seen == {"light": "rgb(244, 246, 248)", "dark": "rgb(17, 22, 27)"}


@pytest.mark.parametrize("number", RUNS)
def test_nothing_is_wider_than_a_phone(number: int, show: Show) -> None:
    """At 390 pixels nothing has to be scrolled sideways, even with all unfolded."""
    page = show(RUNS[number], viewport=NARROW).page
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("number", RUNS)
def test_it_needs_no_network(number: int, show: Show) -> None:
    """The page asks for itself and nothing else, and has nothing to complain of."""
    watched = show(RUNS[number])
    watched.page.get_by_role("button", name="all").click()
    watched.page.wait_for_load_state("networkidle")
    assert [each for each in watched.requests if not each.startswith("data:")] == [watched.page.url]
    assert watched.complaints == []


def test_a_request_would_be_seen(watch: Open) -> None:
    """The check for silence hears a page that asks the network for a picture."""
    watched = watch()
    watched.page.set_content("<img src='http://127.0.0.1:9/picture.png'>")
    assert "http://127.0.0.1:9/picture.png" in watched.requests
    assert watched.complaints


def test_5000_tests_cost_little(show: Show, capsys: pytest.CaptureFixture[str]) -> None:
    """Of 5,000 tests a hundred rows are made at first; all can be found; the time is printed."""
    page = show(large_run()).page
    loaded = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
    with capsys.disabled():
        print(f"\nreport with 5,000 tests: opened in {loaded / 1000:.2f} s")  # noqa: T201
    assert len(visible_tests(page)) == 100
    page.get_by_role("button", name="Show 100 more of 4,900").click()
    assert len(visible_tests(page)) == 200
    page.locator("#search").fill("wrong_method case-246")
    assert visible_tests(page) == ["test_a_wrong_method_is_refused[/help][case-246]"]
    page.locator("#search").fill("")
    page.get_by_role("button", name="failed").click()
    assert len(visible_tests(page)) == 60


def test_markup_in_results_is_text(show: Show) -> None:
    """Names, output and facts that look like markup are shown as they are, and do nothing."""
    failure = Failure("call", EVIL, f"E  {EVIL}\n{EVIL}", EVIL, 1, EVIL, ((EVIL, EVIL),))
    test = Result(f"a.py::{EVIL}", Outcome.FAILED, "a.py", 1, EVIL, None, 1, 0, EVIL, (failure,))
    document = replace(make([test]), first_line=EVIL, verdict=EVIL, internal_error=EVIL)
    watched = show(document)
    page = watched.page
    expect(page.locator(".first")).to_have_text(EVIL)
    expect(page.locator("pre .wrong")).to_contain_text(EVIL)
    page.get_by_role("button", name="failed").click()
    assert visible_tests(page) == [EVIL]
    assert page.title() != "owned"
    assert page.locator("img").count() == 0
    assert watched.complaints == []


def test_failures_need_no_script(show: Show) -> None:
    """Without JavaScript verdict, cause and failures are there, and a line tells what is not."""
    page = show(failing_run(), java_script_enabled=False).page
    expect(page.get_by_role("heading", name="FAILED")).to_be_visible()
    expect(page.locator(".failure").first.get_by_text("drawing 1461 days")).to_be_visible()
    expect(page.get_by_text("The list of all tests needs JavaScript")).to_be_visible()
