"""What every request passes: ids, log lines, headers, Redis away, the unexpected."""

import re
import signal
import socket

import pytest
from flask.testing import FlaskClient

from app.api import create_app
from app.settings import Settings, SettingsError
from tests.app.log_lines import lines
from tests.app.processes import RedisServer

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
UNKNOWN = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"

pytestmark = pytest.mark.usefixtures("restored_logging")


def test_every_answer_names_its_request(api: FlaskClient) -> None:
    """Success and refusal carry an id, a new one each time."""
    ids = [api.get(path).headers["X-Request-ID"] for path in ("/jobs", "/jobs", "/nope")]
    assert len(set(ids)) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", request_id) for request_id in ids)


def test_every_answer_names_its_pod(api: FlaskClient) -> None:
    """A pod's host name is its name: of two behind one Service it shows which one answered."""
    for path in ("/help", "/jobs", "/nope"):
        assert api.get(path).headers["X-Served-By"] == socket.gethostname()


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("my-request_1.2:3", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("two words", False),
        ("<script>", False),
        ("", False),
    ],
)
def test_a_sane_id_is_kept(api: FlaskClient, given: str, kept: bool) -> None:
    """The caller's id is used when it cannot harm a log or a page."""
    answered = api.get("/healthz", headers={"X-Request-ID": given}).headers["X-Request-ID"]
    assert (answered == given) is kept


def test_a_request_is_logged_once(api: FlaskClient, capsys: pytest.CaptureFixture[str]) -> None:
    """One access line a request, with method, path, status, duration and the ids."""
    traceparent = f"00-{TRACE}-00f067aa0ba902b7-01"
    api.get(f"/jobs/{UNKNOWN}", headers={"X-Request-ID": "r1", "traceparent": traceparent})
    (line,) = lines(capsys)
    assert line.pop("duration_ms") >= 0
    assert line.pop("time")
    assert line == {
        "level": "INFO",
        "message": f"GET /jobs/{UNKNOWN} 404",
        "logger": "api",
        "method": "GET",
        "path": f"/jobs/{UNKNOWN}",
        "status": 404,
        "job_id": UNKNOWN,
        "request_id": "r1",
        "trace_id": TRACE,
    }


def test_ids_do_not_leak_into_the_next_request(
    api: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """A request without a traceparent is logged without a trace id, whatever came before."""
    api.get("/jobs", headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"})
    api.get("/jobs")
    first, second = lines(capsys)
    assert first["trace_id"] == TRACE
    assert "trace_id" not in second


def test_a_submission_stores_and_logs_its_ids(
    loaded: FlaskClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """The record has request id and trace id, and the access line the new job's id."""
    headers = {"X-Request-ID": "r7", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
    job = loaded.post("/jobs", json={"start": "2012-01-01", "end": "2012-01-02"}, headers=headers)
    job_id = job.get_json()["id"]
    line = lines(capsys)[-1]
    assert (line["job_id"], line["request_id"], line["trace_id"]) == (job_id, "r7", TRACE)
    record = loaded.get(f"/jobs/{job_id}").get_json()
    assert (record["request_id"], record["trace_id"]) == ("r7", TRACE)


def test_answers_are_safe_for_browsers(api: FlaskClient) -> None:
    """Nothing foreign is loaded, no type is guessed, and no answer is kept."""
    for path in ("/", "/jobs", "/nope"):
        headers = api.get(path, buffered=True).headers
        assert headers["Content-Security-Policy"].startswith("default-src 'self';")
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert api.get("/jobs").headers["Cache-Control"] == "no-store"


def test_the_unexpected_is_logged_and_not_shown(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A 500 shows no traceback; the log has it under the request id of the answer."""
    app = create_app(settings)

    def broken() -> str:
        raise KeyError("secret")

    app.add_url_rule("/broken", view_func=broken)
    response = app.test_client().get("/broken")
    document = response.get_json()
    assert response.status_code == 500
    assert response.content_type == "application/problem+json"
    assert "secret" not in response.text
    error, access = lines(capsys)
    assert "KeyError: 'secret'" in error["exc_info"]
    assert error["level"] == "ERROR"
    assert error["request_id"] == access["request_id"] == document["request_id"]
    assert access["status"] == 500


def test_an_error_page_of_the_framework_is_a_problem(settings: Settings) -> None:
    """Whatever the framework refuses comes in the same shape as our own refusals."""
    app = create_app(settings)
    app.config["TRUSTED_HOSTS"] = ["weather.example"]
    response = app.test_client().get("/jobs")
    assert response.status_code == 400
    assert response.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/readyz"),
        ("GET", "/metrics"),
        ("POST", "/data"),
        ("GET", "/data"),
        ("DELETE", "/data"),
        ("GET", "/jobs"),
        ("GET", "/jobs?limit=1"),
        ("DELETE", "/jobs"),
        ("GET", f"/jobs/{UNKNOWN}"),
        ("DELETE", f"/jobs/{UNKNOWN}"),
        ("GET", f"/results/{UNKNOWN}"),
        ("GET", f"/download/{UNKNOWN}"),
    ],
)
def test_nothing_listens_is_503(method: str, path: str) -> None:
    """While no Redis listens, every route that needs it says so, and when to come back."""
    app = create_app(Settings(redis_url="redis://127.0.0.1:1/0"))
    response = app.test_client().open(path, method=method)
    assert response.status_code == 503
    assert response.content_type == "application/problem+json"
    assert response.headers["Retry-After"] == "2"
    assert response.get_json()["detail"] == "the store does not answer"


def test_without_redis_the_process_is_alive() -> None:
    """Health, help, page and description do not need Redis: it going away restarts no API."""
    client = create_app(Settings(redis_url="redis://127.0.0.1:1/0")).test_client()
    for path in ("/healthz", "/help", "/", "/openapi.json"):
        assert client.get(path, buffered=True).status_code == 200, path


def test_the_api_recovers_by_itself(loaded: FlaskClient, redis_server: RedisServer) -> None:
    """Redis goes and comes back: 503 meanwhile, then the same answers as before, no restart."""
    period = {"start": "2012-01-01", "end": "2012-01-02"}
    job_id = loaded.post("/jobs", json=period).get_json()["id"]
    redis_server.stop()
    assert loaded.get("/jobs").status_code == 503
    assert loaded.post("/jobs", json=period).status_code == 503
    redis_server.start()
    assert loaded.get("/readyz").status_code == 200
    assert list(loaded.get("/jobs").get_json()) == [job_id]
    assert loaded.get("/data").get_json()["rows"] == 1461


def test_a_redis_that_hangs_is_503(loaded: FlaskClient, redis_server: RedisServer) -> None:
    """A Redis that accepts but does not answer is given up after the time-out."""
    assert redis_server.process is not None
    redis_server.process.send_signal(signal.SIGSTOP)
    try:
        assert loaded.get("/jobs").status_code == 503
    finally:
        redis_server.process.send_signal(signal.SIGCONT)
    assert loaded.get("/jobs").status_code == 200


def test_a_full_redis_is_503(loaded: FlaskClient, redis_server: RedisServer) -> None:
    """A Redis without memory for a new job is 503, and reading still works."""
    redis_server.client.config_set("maxmemory", "1")
    try:
        period = {"start": "2012-01-01", "end": "2012-01-02"}
        assert loaded.post("/jobs", json=period).status_code == 503
        assert loaded.get("/data").status_code == 200
    finally:
        redis_server.client.config_set("maxmemory", "0")
    assert loaded.get("/jobs").get_json() == {}


def complaint(capsys: pytest.CaptureFixture[str]) -> str:
    """What the one line above INFO says; it must carry the trace id of its request."""
    (line,) = [each for each in lines(capsys) if each["level"] != "INFO"]
    assert (line["level"], line["trace_id"]) == ("WARNING", TRACE)
    return str(line["message"])


def test_the_reason_of_a_full_redis_is_logged_once(
    loaded: FlaskClient, redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log of the request has Redis' own words, code first, under the trace id."""
    capsys.readouterr()
    redis_server.client.config_set("maxmemory", "1")
    try:
        period = {"start": "2012-01-01", "end": "2012-01-02"}
        headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        assert loaded.post("/jobs", json=period, headers=headers).status_code == 503
    finally:
        redis_server.client.config_set("maxmemory", "0")
    said = "Redis failed: OOM command not allowed when used memory > 'maxmemory'"
    assert complaint(capsys).startswith(said)


def test_a_redis_that_wants_a_password_is_503_and_logged(
    loaded: FlaskClient, redis_server: RedisServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A new connection is refused; the log says for want of what."""
    capsys.readouterr()
    loaded.application.extensions["weather"].redis.connection_pool.disconnect()
    redis_server.client.config_set("requirepass", "x")
    try:
        headers = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}
        assert loaded.get("/jobs", headers=headers).status_code == 503
    finally:
        redis_server.client.config_set("requirepass", "")
    assert complaint(capsys).startswith("Redis failed: NOAUTH ")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that makes the app without settings gets those of the environment, or the error."""
    monkeypatch.setenv("REDIS_URL", "localhost")
    with pytest.raises(SettingsError, match="REDIS_URL="):
        create_app()
