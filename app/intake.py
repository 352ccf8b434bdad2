"""Reading requests: what a client may send, and the exact complaint about anything else."""

import json
import re
from typing import Any

import orjson
from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from app.data import Extent, nothing_loaded, parse_date
from app.errors import FieldError, Problem
from app.store import Keys

_KEY = re.compile(r"[!-~]{1,128}")


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
    body = _read_json(read_body(limit))
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


def check_query(known: tuple[str, ...]) -> None:
    """Raise Problem 400 for a query parameter that is not `known`, or that is given twice."""
    takes = f"this route takes {', '.join(known)}" if known else "this route takes none"
    errors = []
    for name, values in request.args.lists():
        if name not in known:
            errors.append(FieldError(name, f"is not a parameter; {takes}"))
        elif len(values) > 1:
            errors.append(FieldError(name, f"is given {len(values)} times"))
    if errors:
        raise Problem(400, _sentence(errors), errors=errors)


def check_inside(start: str, end: str, extent: Extent | None, keys: Keys) -> None:
    """Raise Problem 409 when no data is loaded, 422 when the period leaves the data set."""
    if extent is None:
        raise Problem(409, nothing_loaded(keys))
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


def read_key() -> str | None:
    """The Idempotency-Key of the request, None when there is none. Raises Problem 400."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(400, "an Idempotency-Key is 1 to 128 printable ASCII characters, no spaces")
    return key


def read_choice(name: str, choices: tuple[str, ...]) -> str | None:
    """One of the choices from the query, None when it is not given. Raises Problem 422."""
    text = request.args.get(name)
    if text is not None and text not in choices:
        refuse_if([FieldError(name, f"must be one of: {', '.join(choices)}")])
    return text


def refuse_if(errors: list[FieldError]) -> None:
    """Raise Problem 422 when there are errors."""
    if errors:
        raise Problem(422, _sentence(errors), errors=errors)


def _sentence(errors: list[FieldError]) -> str:
    return "; ".join(f"{error.field} {error.message}" for error in errors)


def _read_json(body: bytes) -> object:
    try:
        document: object = orjson.loads(body)
        json.loads(body, object_pairs_hook=_refuse_duplicates)  # orjson takes the last one
    except orjson.JSONDecodeError as error:
        raise Problem(400, f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise Problem(400, "the body is nested too deeply") from error
    return document


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    twice = [FieldError(name, "is there twice") for name in set(names) if names.count(name) > 1]
    if twice:
        raise Problem(400, _sentence(twice), errors=twice)
