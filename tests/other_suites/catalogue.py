"""The suites: which projects, what is left out, which differences are not the tool's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["SUITES", "Suite"]


@dataclass(frozen=True)
class Suite:
    """One project's tests, as its sdist ships them.

    Attributes:
        name: the project; its lock is requirements/suites/NAME.txt, which pins its version too.
        arguments: of pytest, on both sides.
        left_out: why the arguments leave something out; empty if they do not.
        explained: pattern of node ids -> why these tests differ in several pods.
    """

    name: str
    arguments: tuple[str, ...] = ()
    left_out: str = ""
    explained: Mapping[str, str] = field(default_factory=dict)


SUITES = (
    Suite("itsdangerous"),
    Suite("pluggy"),
    Suite(
        "structlog",
        explained={
            "tests/test_testing.py::*::test_captures_bound_logers (*": (
                "the test prints context variables that earlier tests of the session left behind,"
                " and in another pod other tests ran before it"
            )
        },
    ),
    Suite("jinja2"),
    Suite("werkzeug"),
    Suite("attrs"),
    Suite("click"),
    Suite("more-itertools"),
    Suite("packaging"),
)
