"""Flagger: a webhook that validates the canary."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from tests.recipes import controllers
from tests.recipes.cases import Case
from tests.recipes.place import Place
from tests.recipes.recipe import GOOD, TWO_SERVICES, Recipe

__all__ = ["Flagger"]


class Flagger(Recipe):
    """Blue/green without a mesh."""

    name = "flagger"
    ran = "Flagger 1.36.1, in a pod by its own manifests"
    cases = TWO_SERVICES
    takes_back = True

    def installed(self, folder: Path) -> AbstractContextManager[None]:  # noqa: ARG002
        """Have its controller at work."""
        return controllers.flagger()

    def prepare(self, place: Place) -> None:
        """Deploy version 1, which Flagger takes over without a check."""
        place.apply(place.objects(self.name, GOOD, "1"))
        place.wait("the take-over", lambda: _phase(place) == "Initialized")
        place.kubectl("rollout", "status", "deployment/validate", "--timeout=60s")

    def change_tests(self, place: Place, case: Case) -> None:
        """Put the tests of the case in place."""
        objects = place.objects(self.name, case, "1")
        place.apply(each for each in objects if each["kind"] == "CronJob")

    def deploy(self, place: Place, case: Case) -> bool:
        """Change the image of the Deployment, and see what becomes of it."""
        image = f"demo=demo-service:{case.version}"
        place.show("kubectl", "set", "image", "deployment/demo", image)
        place.wait("a decision", lambda: _phase(place) in ("Succeeded", "Failed"))
        place.show("kubectl", "get", "canary", "demo")
        events = "-o=custom-columns=TYPE:.type,MESSAGE:.message"
        about = "--field-selector=involvedObject.kind=Canary"
        place.show(
            "kubectl", "get", "events", about, "--sort-by=.metadata.creationTimestamp", events
        )
        accepted = _phase(place) == "Succeeded"
        if accepted:  # else an event says it
            place.show("kubectl", "logs", "deployment/validate")
        return accepted


def _phase(place: Place) -> str:
    return str(place.read("canary", "demo").get("status", {}).get("phase", ""))
