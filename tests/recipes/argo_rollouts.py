"""Argo Rollouts: a Job as analysis before the promotion."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from pathlib import Path

from tests.recipes import controllers
from tests.recipes.cases import Case
from tests.recipes.place import Place
from tests.recipes.recipe import GOOD, TWO_SERVICES, Recipe

__all__ = ["ArgoRollouts"]

IMAGE = "/spec/template/spec/containers/0/image"


class ArgoRollouts(Recipe):
    """A blue/green Rollout."""

    name = "argo-rollouts"
    ran = "Argo Rollouts 1.10.2, in a pod by its own install.yaml"
    cases = TWO_SERVICES
    takes_back = True

    def installed(self, folder: Path) -> AbstractContextManager[None]:  # noqa: ARG002
        """Have its controller at work."""
        return controllers.argo_rollouts()

    def prepare(self, place: Place) -> None:
        """Deploy version 1; the first version needs no analysis."""
        place.apply(place.objects(self.name, GOOD, "1"))
        place.wait("version 1", lambda: _phase(place) == "Healthy")
        place.pass_version_1()

    def change_tests(self, place: Place, case: Case) -> None:
        """Put the tests of the case in place."""
        objects = place.objects(self.name, case, "1")
        place.apply(each for each in objects if each["kind"] == "CronJob")

    def deploy(self, place: Place, case: Case) -> bool:
        """Change the image of the Rollout, and see what becomes of it."""
        image = f"demo-service:{case.version}"
        patch = json.dumps([{"op": "replace", "path": IMAGE, "value": image}])
        place.show("kubectl", "patch", "rollout", "demo", "--type=json", f"--patch={patch}")
        place.wait("a decision", lambda: _is_decided(place))
        place.show("kubectl", "get", "analysisruns", "-o=custom-columns=STATUS:.status.phase")
        (run,) = json.loads(place.kubectl("get", "analysisruns", "-o=json"))["items"] or [{}]
        job = run["status"]["metricResults"][0]["measurements"][-1]["metadata"]["job-name"]
        place.show("kubectl", "logs", f"job/{job}")
        place.show("kubectl", "get", "rollout", "demo", "-o=jsonpath={.status.phase}")
        active = place.read("service", "demo")["spec"]["selector"]["rollouts-pod-template-hash"]
        newest = place.read("rollout", "demo")["status"]["currentPodHash"]
        return _phase(place) == "Healthy" and bool(active == newest)


def _phase(place: Place) -> str:
    """Return the phase of what its controller has seen."""
    rollout = place.read("rollout", "demo")
    status = rollout.get("status", {})
    seen = status.get("observedGeneration") == str(rollout["metadata"]["generation"])
    return str(status.get("phase", "")) if seen else ""


def _is_decided(place: Place) -> bool:
    status = place.read("rollout", "demo").get("status", {})
    return _phase(place) == "Degraded" or (
        _phase(place) == "Healthy" and status.get("stableRS") == status.get("currentPodHash")
    )
