"""What every recipe can do: prepare a namespace, and deploy into it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from tests.recipes.cases import CASES, OLD_SERVICE, Case
from tests.recipes.place import RECIPES, Place

__all__ = ["GOOD", "TWO_SERVICES", "Recipe"]

GOOD = CASES[0]
TWO_SERVICES = (*CASES[:-1], OLD_SERVICE)  # for recipes in which both versions answer


class Recipe:
    """A way to deploy, with the validation in it.

    Attributes:
        name: of its folder.
        ran: how it was run, for people.
        cases: the deploys that it is tried with.
        takes_back: whether it takes a version back that is refused.
    """

    name = ""
    ran = ""
    cases: tuple[Case, ...] = CASES
    takes_back = False

    @property
    def folder(self) -> Path:
        """Where its manifests are."""
        return RECIPES / self.name

    def installed(self, folder: Path) -> AbstractContextManager[None]:  # noqa: ARG002
        """Have its controller at work; logs and the like go into `folder`."""
        return nullcontext()

    def prepare(self, place: Place) -> None:
        """Deploy version 1 with tests that pass, and have it validated."""
        place.apply(place.objects("demo/service", GOOD, "1"))
        place.kubectl("rollout", "status", "deployment/demo", "--timeout=60s")
        place.pass_version_1()

    def change_tests(self, place: Place, case: Case) -> None:
        """Put the tests of the case in place."""
        objects = place.objects("demo/base", case, "")
        place.apply(each for each in objects if each["kind"] == "CronJob")

    def deploy(self, place: Place, case: Case) -> bool:
        """Deploy as a user does; return whether that was accepted."""
        raise NotImplementedError

    def remove(self, place: Place) -> None:
        """Delete, while the controller lives, what it alone can finish."""
