"""The deploys that every recipe is tried with, and what must come of each."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CASES", "OLD_SERVICE", "Case", "Result"]


@dataclass(frozen=True)
class Case:
    """One deploy.

    Attributes:
        name: for the table and `--case`.
        meaning: what is deployed, for people.
        version: of the service that is deployed; version 1 is there and passed.
        tests: the test image.
        args: of the tests.
        url: that the tests ask, "" for the one in the recipe's template.
        accepted: whether the deploy must be accepted.
        said: what the recipe's output must hold.
    """

    name: str
    meaning: str
    version: str = "2"
    tests: str = "demo-test:1"
    args: tuple[str, ...] = ("test_demo.py",)
    url: str = ""
    accepted: bool = False
    said: str = ""


CASES = (
    Case("good", "version 2, which adds rightly", accepted=True, said="PASSED"),
    Case("bad", "version 3, which adds wrongly", version="3", said="FAILED"),
    Case("no-image", "the image of the tests is missing", tests="demo-test:gone", said="NOT_RUN"),
    Case(
        "no-tests", "no test is collected", args=("test_demo.py", "-k", "nothing"), said="NO_TESTS"
    ),
    Case("old", "version 1 answers on: the pods of the new one do not start", version="gone"),
)
# Where both versions answer, behind Services of their own, the tests may ask the wrong one.
OLD_SERVICE = Case("old", "the tests ask the Service of version 1", url="http://demo")


@dataclass(frozen=True)
class Result:
    """What a recipe did with a deploy.

    Attributes:
        accepted: whether the deploy was accepted; None: it could not be tried.
        output: what the user sees, command by command.
        seconds: from the deploy to the decision.
        gate: exit code of `k8s-job gate` after it; None: the recipe took the version back.
    """

    accepted: bool | None
    output: str
    seconds: float = 0.0
    gate: int | None = None
