"""The suite notices faults: run against the real service with a broken API, variant by variant.

Redis, worker and WSGI server are real; of the API one thing is broken. For each variant the table
names exactly the tests that fail, so a fault that slips through is seen, and so is a test that
fails for a fault that is not its own.

To save time the module that watches queues of jobs is left out where the fault has nothing to do
with a job's way through the queue: see QUEUE_TESTS.
"""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest
import redis

from tests.checkout import CHECKOUT
from tests.incluster.waiting import wait_until
from tests.suite.broken_api import FAULTS, QUEUES

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
        "test_submission_is_accepted",
    },
    "list_instead_of_object": {
        "test_a_deleted_job_is_gone_with_its_result_and_plot",
        "test_a_job_deleted_in_the_queue_never_comes_back",
        "test_a_refused_submission_makes_no_job",
        "test_a_submitted_job_is_listed_under_its_id",
        "test_all_jobs_can_be_deleted_at_once",
        "test_deleting_all_of_nothing_deletes_nothing",
        "test_job_list_is_a_dictionary",
        "test_list_of_a_status_has_no_other",
        "test_pages_together_hold_every_job_once",
    },
    "three_keys": {
        "test_every_listed_job_has_exactly_two_keys",
    },
    "integer_status": {
        "test_a_submitted_job_is_listed_under_its_id",
        "test_every_listed_job_has_values_of_the_right_types",
        "test_list_of_a_status_has_no_other",
    },
    "html_errors": {
        "test_a_bad_field_is_refused_by_name",
        "test_a_body_over_the_limit_is_refused",
        "test_a_body_that_is_no_json_object_is_refused",
        "test_a_deleted_job_is_gone_with_its_result_and_plot",
        "test_a_job_can_be_deleted_only_once",
        "test_a_job_deleted_in_the_queue_never_comes_back",
        "test_a_key_that_is_there_twice_is_refused_by_name",
        "test_a_missing_field_is_refused_by_name",
        "test_a_page_size_out_of_range_is_refused",
        "test_a_period_outside_the_data_is_refused",
        "test_a_period_that_ends_before_it_starts_is_refused",
        "test_a_submission_with_a_key_makes_one_job",
        "test_a_wrong_method_is_refused",
        "test_all_jobs_can_be_deleted_at_once",
        "test_an_unknown_job_is_not_found",
        "test_an_unknown_parameter_is_refused_by_name",
        "test_an_unknown_path_is_not_found",
        "test_an_unknown_status_is_refused",
        "test_another_content_type_is_refused",
        "test_chain_from_data_to_plot",
        "test_data_of_another_content_type_is_refused",
        "test_data_over_the_limit_is_refused",
        "test_deleted_data_is_gone",
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
        "test_a_result_can_be_asked_for_again",
        "test_chain_from_data_to_plot",
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
        "test_plot_is_a_whole_png_of_sane_size",
        "test_plot_is_not_blank",
        "test_plots_of_two_periods_differ",
    },
    "delete_that_does_not": {
        "test_a_deleted_job_is_gone_with_its_result_and_plot",
        "test_a_job_can_be_deleted_only_once",
        "test_a_job_deleted_in_the_queue_never_comes_back",
        "test_chain_from_data_to_plot",
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
    """A Redis with a worker, for one run of the suite after the other; each fault runs once."""

    redis_url: str
    folder: Path
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    def of(self, fault: str) -> Outcome:
        """Run the suite against a fault, on a database that is emptied first."""
        if fault not in self.outcomes:
            with redis.Redis.from_url(self.redis_url) as store:
                store.flushdb()
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
    with running_api(fault, redis_url, folder) as url:
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


@contextmanager
def running(command: list[str], environ: Mapping[str, str], log: Path) -> Iterator[None]:
    """A process for as long as the block lasts, its output in `log`."""
    with (
        log.open("w") as output,
        subprocess.Popen(
            command, cwd=CHECKOUT, env=os.environ | dict(environ), stdout=output, stderr=output
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def running_redis(folder: Path) -> Iterator[str]:
    """A redis-server on a socket in `folder`; yields its address."""
    path = folder / "redis.sock"
    command = ["redis-server", "--port", "0", "--unixsocket", str(path), "--save", ""]
    with running([*command, "--dir", str(folder)], {}, folder / "redis.log"):
        wait_until(path.exists, 10, "redis-server to listen")
        yield f"unix://{path}"


@contextmanager
def running_worker(redis_url: str, folder: Path) -> Iterator[None]:
    """A worker on this database."""
    environ = {"REDIS_URL": redis_url, "HEARTBEAT_FILE": str(folder / "heartbeat")}
    with running([sys.executable, "-m", "app.worker"], environ, folder / "worker.log"):
        yield


@contextmanager
def running_api(fault: str, redis_url: str, folder: Path) -> Iterator[str]:
    """The API with this fault, served as in its image but for one process; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "app.server", "--workers", "1", "--port", str(port)]
    environ = {
        "BROKEN": fault,
        "REDIS_URL": redis_url,
        "PYTHONPATH": str(CHECKOUT),
        "QUEUE_NAME": QUEUES.get(fault, "jobs"),
    }
    command += ["--app", "tests.suite.broken_api:create_app"]
    with running(command, environ, folder / f"api-{fault}.log"):
        yield f"http://127.0.0.1:{port}"


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
