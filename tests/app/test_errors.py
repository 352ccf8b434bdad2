"""The one error."""

from app.errors import FieldError, Problem


def test_the_body_has_the_members_of_a_problem() -> None:
    """Every problem names type, title, status, detail, the path and the request."""
    assert Problem(404, "gone").body("/jobs/x", "r1") == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "gone",
        "instance": "/jobs/x",
        "request_id": "r1",
    }


def test_evidence_travels_in_the_body() -> None:
    """Wrong fields and extra members stand beside the others."""
    problem = Problem(422, "bad", errors=[FieldError("start", "is missing")], extra={"line": 3})
    body = problem.body("/jobs", "r1")
    assert body["errors"] == [{"field": "start", "message": "is missing"}]
    assert body["line"] == 3


def test_it_reads_well_in_a_traceback() -> None:
    """The exception's text is its detail."""
    assert str(Problem(409, "not yet")) == "not yet"
