"""Fixtures of the suite: the session, the data set, and jobs that clean up after themselves."""

from collections.abc import Callable, Generator, Iterator

import pytest

from .client import Api, describe, json_of
from .figures import Day, csv_of
from .jobs import DataSet, Jobs
from .preflight import wait_for_service
from .settings import Settings

SERVICE_NOT_READY = 3
"""Exit code when the service never answered: not 1 (tests failed), and never 0."""


@pytest.fixture(scope="session")
def service(pytestconfig: pytest.Config) -> Iterator[Api]:
    """The session, once the service answers; if it does not, the whole run ends here."""
    try:
        settings = Settings.from_environment()
    except ValueError as error:
        pytest.exit(f"no test was run: {error}", returncode=SERVICE_NOT_READY)
    with Api(settings) as session:
        refusal = wait_for_service(session, lambda line: tell(pytestconfig, line))
        if refusal:
            pytest.exit(refusal, returncode=SERVICE_NOT_READY)
        yield session


@pytest.fixture(autouse=True)
def api(service: Api) -> Api:
    """The session to the service; each test's requests carry a trace id of its own."""
    service.begin_trace()
    return service


@pytest.fixture(scope="session")
def data(service: Api) -> Iterator[DataSet]:
    """The service's data set; if there is none, the sample for as long as the suite runs."""
    absent = service.get("/data").status_code == 404
    if absent:
        loaded = service.post("/data")
        assert loaded.ok, f"the sample could not be loaded: {describe(loaded)}"
    yield DataSet(json_of(service.get("/data"))["days"])
    if absent:
        service.delete("/data")


@pytest.fixture
def borrowed_data(api: Api, data: DataSet) -> Iterator[DataSet]:
    """Lets a test change the data set; afterwards the days are what they were, or it fails."""
    yield data
    if days_now(api) != data.days:
        api.post("/data", data=csv_of(data.days), headers={"Content-Type": "text/csv"})
        assert days_now(api) == data.days, "the data set could not be put back as it was"


@pytest.fixture
def jobs(api: Api, data: DataSet) -> Iterator[Jobs]:
    """A maker of jobs that deletes them after the test, however the test ends."""
    made = Jobs(api, data)
    yield made
    made.clean_up()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Called when a phase of a test ends: a failed one lists the requests that led to it."""
    report = yield
    session = getattr(item, "funcargs", {}).get("api")
    if report.failed and isinstance(session, Api):
        report.sections.append(("requests", session.history()))
    return report


def days_now(api: Api) -> list[Day]:
    """The days that the service holds at this moment, [] if none."""
    answer = api.get("/data")
    return answer.json()["days"] if answer.status_code == 200 else []


def tell(config: pytest.Config, line: str) -> None:
    """Print a line at once, although pytest captures what a fixture prints."""
    capture = config.pluginmanager.get_plugin("capturemanager")
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if terminal is None:
        return
    write: Callable[[str], None] = terminal.write_line
    if capture is None:
        write(line)
        return
    with capture.global_and_fixture_disabled():
        write(line)
