"""Reading requests: what a client may send, and the exact complaint about anything else."""

import orjson
from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from app.data import Extent, parse_date
from app.errors import FieldError, Problem


def read_body(limit: int) -> bytes:
    """The request's whole body. Raises Problem 413 over `limit` bytes, 400 when it is cut off.

    One byte more is let in, because Flask cuts a chunked body at its limit without a word.
    """
    request.max_content_length = limit + 1
    try:
        body = request.get_data()
    except RequestEntityTooLarge:
        body = None
    if body is None or len(body) > limit:
        raise Problem(413, f"the body has more than {limit} bytes")
    if len(body) < (request.content_length or 0):
        raise Problem(400, "the body ended before its announced length")
    return body


def read_period(limit: int) -> tuple[str, str]:
    """Start and end from a JSON body of at most `limit` bytes.

    Raises Problem 400, 413, 415, or 422 with the wrong fields.
    """
    if not request.is_json:
        raise Problem(415, "the body must be application/json")
    try:
        body = orjson.loads(read_body(limit))
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Problem(400, "the body must be a JSON object")
    errors = [
        FieldError(name, "is not a field of a job") for name in body if name not in ("start", "end")
    ]
    for name in ("start", "end"):
        if name not in body:
            errors.append(FieldError(name, "is missing"))
        elif not isinstance(body[name], str) or parse_date(body[name]) is None:
            errors.append(FieldError(name, "must be a date as text, written YYYY-MM-DD"))
    if not errors and body["start"] > body["end"]:
        errors.append(FieldError("start", "must not be after end"))
    refuse_if(errors)
    return body["start"], body["end"]


def check_inside(start: str, end: str, extent: Extent | None) -> None:
    """Raise Problem 409 when no data is loaded, 422 when the period leaves the data set."""
    if extent is None:
        raise Problem(409, "no data set is loaded; POST /data loads one")
    inside = f"must be from {extent.first} to {extent.last}, where the data set is"
    given = {"start": start, "end": end}
    refuse_if(
        [
            FieldError(name, inside)
            for name, day in given.items()
            if not extent.first <= day <= extent.last
        ]
    )


def read_number(name: str, least: int, most: int, default: int) -> int:
    """A whole number from the query. Raises Problem 422."""
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 16 and least <= int(text) <= most):
        refuse_if([FieldError(name, f"must be a whole number from {least} to {most}")])
    return int(text)


def refuse_if(errors: list[FieldError]) -> None:
    """Raise Problem 422 when there are errors."""
    if errors:
        raise Problem(
            422, "; ".join(f"{error.field} {error.message}" for error in errors), errors=errors
        )
