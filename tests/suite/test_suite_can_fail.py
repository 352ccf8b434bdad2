"""The suite notices faults: run against the real service with a broken API, variant by variant.

Redis, worker and WSGI server are real; of the API one thing is broken. For each variant the table
names exactly the tests that fail, so a fault that slips through is seen, and so is a test that
fails for a fault that is not its own.

To save time the module that watches queues of jobs is left out where the fault has nothing to do
with a job's way through the queue: see QUEUE_TESTS.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest
import redis

from app.data import SAMPLE, DataSet, read_csv
from tests.checkout import CHECKOUT
from tests.suite.broken_api import FAULTS, QUEUES
from tests.suite.stack import running_api, running_redis, running_worker

pytestmark = pytest.mark.slow

SHORT = "1"
"""JOB_TIMEOUT in seconds where no job ever completes; the healthy default everywhere else."""

QUEUE_TESTS = "tests/incluster/test_life_cycle.py"
ABOUT_THE_QUEUE = {"healthy", "job_never_completes", "result_of_another_job"}
"""That module is half of the suite's time; it runs against these."""

FAILING: dict[str, set[str]] = {
    "healthy": set(),
    "wrong_status_code": {
        "test_a_submission_with_a_key_makes_one_job",
        "test_chain_on_the_default_routes",
        "test_submission_is_accepted",
    },
    "list_instead_of_object": {
        "test_a_data_set_counts_its_days_and_jobs",
        "test_a_deleted_data_set_is_gone_with_its_jobs",
        "test_a_deleted_job_is_gone_with_its_result_and_plot",
        "test_a_job_deleted_in_the_queue_never_comes_back",
        "test_a_job_is_not_deleted_through_another_data_set",
        "test_a_refused_submission_makes_no_job",
        "test_a_submitted_job_is_listed_under_its_id",
        "test_all_jobs_can_be_deleted_at_once",
        "test_chain_on_the_default_routes",
        "test_default_job_list_is_a_dictionary_of_dictionaries_with_two_keys",
        "test_deleting_a_data_set_leaves_the_others_alone",
        "test_job_list_is_a_dictionary",
        "test_list_of_a_status_has_no_other",
        "test_pages_together_hold_every_job_once",
    },
    "three_keys": {
        "test_chain_on_the_default_routes",
        "test_every_listed_job_has_exactly_two_keys",
    },
    "integer_status": {
        "test_a_submitted_job_is_listed_under_its_id",
        "test_chain_on_the_default_routes",
        "test_every_listed_job_has_values_of_the_right_types",
        "test_list_of_a_status_has_no_other",
    },
    "html_errors": {
        "test_a_bad_field_is_refused_by_name",
        "test_a_bad_name_is_refused",
        "test_a_body_over_the_limit_is_refused",
        "test_a_body_that_is_no_json_object_is_refused",
        "test_a_deleted_data_set_is_gone_with_its_jobs",
        "test_a_deleted_job_is_gone_with_its_result_and_plot",
        "test_a_job_can_be_deleted_only_once",
        "test_a_job_deleted_in_the_queue_never_comes_back",
        "test_a_job_is_not_deleted_through_another_data_set",
        "test_a_job_is_not_seen_in_another_data_set",
        "test_a_key_that_is_there_twice_is_refused_by_name",
        "test_a_missing_field_is_refused_by_name",
        "test_a_page_size_out_of_range_is_refused",
        "test_a_period_outside_the_data_is_refused",
        "test_a_period_that_ends_before_it_starts_is_refused",
        "test_a_submission_with_a_key_makes_one_job",
        "test_a_time_to_live_out_of_range_is_refused",
        "test_a_wrong_method_is_refused",
        "test_all_jobs_can_be_deleted_at_once",
        "test_an_unknown_data_set_is_not_found",
        "test_an_unknown_job_is_not_found",
        "test_an_unknown_parameter_is_refused_by_name",
        "test_an_unknown_path_is_not_found",
        "test_an_unknown_status_is_refused",
        "test_another_content_type_is_refused",
        "test_chain_from_data_to_plot",
        "test_chain_on_the_default_routes",
        "test_data_of_another_content_type_is_refused",
        "test_data_over_the_limit_is_refused",
        "test_deleted_data_is_gone",
        "test_each_data_set_has_its_own_days",
        "test_malformed_csv_is_refused_with_its_place",
        "test_nothing_is_shown_of_an_unfinished_job",
        "test_period_is_checked_against_the_data_of_now",
        "test_what_is_no_id_is_not_found",
        "test_without_data_no_job_can_be_made",
    },
    "job_never_completes": {
        "test_a_complete_job_tells_when_and_by_whom_it_was_done",
        "test_a_deleted_job_is_gone_with_its_result_and_plot",
        "test_a_job_deleted_in_the_queue_never_comes_back",
        "test_a_job_goes_from_submitted_through_in_progress_to_complete",
        "test_a_job_is_not_seen_in_another_data_set",
        "test_a_job_works_on_the_days_of_its_own_data_set",
        "test_a_result_can_be_asked_for_again",
        "test_chain_from_data_to_plot",
        "test_chain_on_the_default_routes",
        "test_deletion_leaves_other_jobs_alone",
        "test_each_job_has_its_own_result",
        "test_figures_have_two_places",
        "test_list_of_a_status_has_no_other",
        "test_metrics_count_jobs",
        "test_plot_is_a_whole_png_of_sane_size",
        "test_plot_is_not_blank",
        "test_plot_is_shown_in_place_under_a_telling_name",
        "test_plots_of_two_periods_differ",
        "test_result_agrees_with_the_days",
        "test_twenty_jobs_at_once_are_all_done_each_with_its_own_result",
        "test_what_a_client_has_is_not_sent_again",
    },
    "result_of_another_job": {
        "test_each_job_has_its_own_result",
        "test_twenty_jobs_at_once_are_all_done_each_with_its_own_result",
    },
    "truncated_png": {
        "test_chain_from_data_to_plot",
        "test_chain_on_the_default_routes",
        "test_plot_is_a_whole_png_of_sane_size",
        "test_plot_is_not_blank",
        "test_plots_of_two_periods_differ",
    },
    "delete_that_does_not": {
        "test_a_deleted_job_is_gone_with_its_result_and_plot",
        "test_a_job_can_be_deleted_only_once",
        "test_a_job_deleted_in_the_queue_never_comes_back",
        "test_chain_from_data_to_plot",
        "test_chain_on_the_default_routes",
    },
    "data_not_replaced": {
        "test_chain_from_data_to_plot",
        "test_csv_of_a_spreadsheet_is_read",
        "test_deletion_tells_how_many_days_went",
        "test_loaded_days_are_returned_as_sent",
        "test_loading_replaces_what_was_loaded",
        "test_period_is_checked_against_the_data_of_now",
    },
    "time_without_zone": {
        "test_a_time_to_live_is_kept_and_renewed",
        "test_time_of_submission_is_utc",
    },
    "wrong_mean": {
        "test_chain_from_data_to_plot",
        "test_result_agrees_with_the_days[0-31]",
        "test_result_agrees_with_the_days[10-200]",
    },
    "page_loses_a_job": {
        "test_pages_together_hold_every_job_once",
    },
    "refused_job_is_made": {
        "test_a_refused_submission_makes_no_job",
    },
    "query_is_ignored": {
        "test_a_time_to_live_is_kept_and_renewed",
        "test_a_time_to_live_out_of_range_is_refused",
        "test_an_unknown_parameter_is_refused_by_name",
        "test_an_unknown_status_is_refused",
        "test_list_of_a_status_has_no_other",
    },
    "last_key_wins": {
        "test_a_key_that_is_there_twice_is_refused_by_name",
    },
    "etag_is_ignored": {
        "test_what_a_client_has_is_not_sent_again",
    },
    "key_is_ignored": {
        "test_a_submission_with_a_key_makes_one_job",
    },
    "trace_is_lost": {
        "test_job_keeps_the_ids_of_its_request",
    },
    "malformed_csv_wipes_the_data": {
        "test_malformed_csv_is_refused_with_its_place",
    },
    "named_deletion_takes_the_default": {
        "test_a_new_data_set_is_listed_and_empty",
    },
    "lists_hold_jobs_of_all_sets": {
        "test_a_job_is_not_seen_in_another_data_set",
        "test_list_of_a_status_has_no_other",
        "test_pages_together_hold_every_job_once",
    },
    "jobs_are_found_in_all_sets": {
        "test_a_job_is_not_deleted_through_another_data_set",
        "test_a_job_is_not_seen_in_another_data_set",
    },
    "deleting_all_jobs_takes_those_of_all_sets": {
        "test_a_job_is_not_deleted_through_another_data_set",
    },
    "sets_share_their_days": {
        "test_each_data_set_has_its_own_days",
    },
    "time_to_live_is_ignored": {
        "test_a_time_to_live_is_kept_and_renewed",
    },
    "deleted_set_is_only_hidden": {
        "test_a_deleted_data_set_is_gone_with_its_jobs",
    },
}
"""Fault -> the tests that fail: all cases of a test by its name, else single ones with [case]."""


@dataclass(frozen=True)
class Outcome:
    """What one run of the suite said."""

    exit_code: int
    cases: Mapping[str, str]
    output: str

    def failing(self) -> set[str]:
        """The failing tests; one whose cases all fail stands without its cases."""
        bad = {name for name, outcome in self.cases.items() if outcome == "failed"}
        whole = {
            test
            for test in {function(name) for name in bad}
            if all(name in bad for name in self.cases if function(name) == test)
        }
        return whole | {name for name in bad if function(name) not in whole}


def function(name: str) -> str:
    """The name of a test without its case."""
    return name.partition("[")[0]


@dataclass
class Runs:
    """A Redis with a worker, for one run of the suite after the other; each fault runs once.

    The sample is loaded as the default data set, so that the suite has something to watch over.
    """

    redis_url: str
    folder: Path
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def of(self, fault: str) -> Outcome:
        """Run the suite against a fault, on a database that is emptied first."""
        if fault not in self.outcomes:
            with redis.Redis.from_url(self.redis_url) as store:
                store.flushdb()
                DataSet(store).replace(read_csv(SAMPLE.read_bytes()))
            self.outcomes[fault] = run_suite(fault, self.redis_url, self.folder)
        return self.outcomes[fault]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """The runs of this process; each process of the tests has a Redis and a worker of its own."""
    folder = tmp_path_factory.mktemp("broken")
    with running_redis(folder) as store, running_worker(store, folder):
        yield Runs(store, folder)


def run_suite(fault: str, redis_url: str, folder: Path) -> Outcome:
    """Run the whole suite in a process of its own against the API with this fault."""
    report = folder / f"{fault}.xml"
    queue = QUEUES.get(fault, "jobs")
    with running_api(redis_url, folder, fault, queue) as url:
        environ = os.environ | {"API_URL": url, "API_WAIT": "30"}
        if fault in QUEUES:
            environ["JOB_TIMEOUT"] = SHORT
        for name in ("TRACEPARENT", "PYTEST_ADDOPTS"):
            environ.pop(name, None)
        environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # the suite needs none; they take a second
        command = [sys.executable, "-m", "pytest", "tests/incluster", "-p", "no:cacheprovider"]
        command.append("-ppytest_k8s_job.plugin")  # for the settings in pyproject.toml
        if fault not in ABOUT_THE_QUEUE:
            command.append(f"--ignore={QUEUE_TESTS}")
        run = subprocess.run(
            [*command, f"--junitxml={report}"],
            cwd=CHECKOUT,
            env=environ,
            capture_output=True,
            text=True,
            timeout=240,  # twenty times what an idle machine needs
            check=False,
        )
    return Outcome(run.returncode, read_cases(report), run.stdout + run.stderr)


def read_cases(report: Path) -> dict[str, str]:
    """Test name -> passed, failed or skipped, from a JUnit file; an error is a failure too."""
    cases: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314  our own file
        tags = {child.tag for child in case}
        name = case.attrib["name"]
        if tags & {"failure", "error"} or cases.get(name) == "failed":
            cases[name] = "failed"  # a test that fails and then cannot clean up stands there twice
        else:
            cases[name] = "skipped" if "skipped" in tags else "passed"
    return cases


def test_the_healthy_suite_leaves_nothing_out(runs: Runs) -> None:
    """On a service of its own the suite skips no test and has the forty that it needs."""
    outcome = runs.of("healthy")
    assert "skipped" not in outcome.cases.values()
    assert len({re.sub(r"\[.*", "", name) for name in outcome.cases}) >= 40


@pytest.mark.parametrize("fault", FAULTS)
def test_suite_notices_exactly_this_fault(fault: str, runs: Runs) -> None:
    """Of the whole suite exactly those tests fail that the table names for this fault."""
    outcome = runs.of(fault)
    assert outcome.failing() == FAILING[fault], outcome.output[-3000:]
    assert outcome.exit_code == (1 if FAILING[fault] else 0), outcome.output[-3000:]


def test_every_fault_is_in_the_table() -> None:
    """Each variant has its row, and each row but the healthy one names a test."""
    assert FAILING.keys() == FAULTS.keys()
    assert [name for name in FAILING if not FAILING[name]] == ["healthy"]
