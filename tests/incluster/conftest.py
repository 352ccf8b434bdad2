"""Fixtures of the suite: a data set of this run's own, and jobs that clean up after themselves.

What everybody uses, the default data set, no fixture touches.
"""

import secrets
from collections.abc import Callable, Generator, Iterator

import pytest

from .client import Api, describe, expect, json_of
from .figures import Day, csv_of
from .jobs import DataSet, Jobs
from .preflight import wait_for_service
from .settings import Settings

SERVICE_NOT_READY = 3
"""Exit code when the service never answered: not 1 (tests failed), and never 0."""


LIFE = 3600
"""Seconds after which the service removes our data set if we are killed: longer than any run."""


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


@pytest.fixture(scope="session")
def own(service: Api) -> Iterator[Api]:
    """A session to a data set of this run's own, made and removed by it."""
    name = new_name()
    made = service.put(f"/datasets/{name}?ttl={LIFE}")
    if made.status_code != 201:
        why = " ".join(describe(made).split())
        refusal = f"no test was run: the suite got no data set of its own: {why}"
        pytest.exit(refusal, returncode=SERVICE_NOT_READY)
    with service.of_data_set(name) as session:
        yield session
    remove(service, name)


@pytest.fixture(autouse=True)
def api(service: Api, own: Api) -> Api:
    """The session to our own data set; each test's requests carry a trace id of its own."""
    service.trace.begin()
    return own


@pytest.fixture
def other(service: Api) -> Iterator[Api]:
    """A session to a second data set, for as long as the test runs."""
    name = new_name()
    expect(service.put(f"/datasets/{name}?ttl={LIFE}"), 201)
    with service.of_data_set(name) as session:
        yield session
    remove(service, name)


@pytest.fixture(scope="session")
def data(own: Api) -> DataSet:
    """The days of our own data set: those of the sample."""
    loaded = own.post("/data")
    assert loaded.ok, f"the sample could not be loaded: {describe(loaded)}"
    return DataSet(json_of(own.get("/data"))["days"])


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
        report.sections.append(("requests", session.trace.history()))
    return report


def new_name() -> str:
    """A name that no other data set has."""
    return f"suite-{secrets.token_hex(6)}"


def remove(service: Api, name: str) -> None:
    """Delete a data set, and see that the default one is as it was before."""
    before = service.get("/data")
    expect(service.delete(f"/datasets/{name}"), 204)
    after = service.get("/data")
    if before.status_code == 200:
        assert after.content == before.content, f"default data changed: {describe(after)}"
    else:
        expect(after, before.status_code)


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
