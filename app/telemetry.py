"""JSON log lines that can be joined: each carries the request, trace and job that it belongs to."""

import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

from pythonjsonlogger.orjson import OrjsonFormatter

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_context: ContextVar[dict[str, str]] = ContextVar("telemetry", default={})  # noqa: B039  never changed in place


@contextmanager
def bound(**fields: str | None) -> Iterator[None]:
    """Add fields to every log line of this thread until the block ends; None is left out."""
    known = {name: value for name, value in fields.items() if value is not None}
    token = _context.set(_context.get() | known)
    try:
        yield
    finally:
        _context.reset(token)


def trace_id_of(traceparent: str | None) -> str | None:
    """The trace id of a W3C `traceparent` header, or None when there is none or it is malformed."""
    match = _TRACEPARENT.fullmatch(traceparent or "")
    if not match:
        return None
    version, trace_id, parent_id, _, rest = match.groups()
    if (
        version == "ff"
        or (version == "00" and rest)
        or not int(trace_id, 16)
        or not int(parent_id, 16)
    ):
        return None
    return trace_id


class JsonFormatter(OrjsonFormatter):
    """One JSON object a line: time, level, message, logger, then what is known of the context."""

    def __init__(self) -> None:
        super().__init__(
            "%(levelname)s %(message)s %(name)s",
            rename_fields={"levelname": "level", "name": "logger"},
        )

    def add_fields(
        self,
        log_data: dict[str, object],
        record: logging.LogRecord,
        message_dict: dict[str, object],
    ) -> None:
        log_data["time"] = datetime.fromtimestamp(record.created, UTC).isoformat(
            timespec="milliseconds"
        )
        super().add_fields(log_data, record, message_dict)
        log_data.pop("color_message", None)  # uvicorn's second form of the message
        log_data.update(_context.get())


class _StdoutHandler(logging.StreamHandler[TextIO]):
    """Writes to what is `sys.stdout` at that moment, so that a redirected stdout is followed."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stdout
        super().emit(record)


def configure_logging(level: str) -> None:
    """Send every logger's lines as JSON to stdout; calling it again only changes the level."""
    root = logging.getLogger()
    for handler in [known for known in root.handlers if isinstance(known, _StdoutHandler)]:
        root.removeHandler(handler)
    handler = _StdoutHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    root.addHandler(handler)
    root.setLevel(level)
