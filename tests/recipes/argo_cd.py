"""Argo CD: a PostSync hook that validates what was synced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.recipes import controllers
from tests.recipes.cases import Case
from tests.recipes.git_server import Repository, serve
from tests.recipes.place import Object, Place, documents
from tests.recipes.recipe import GOOD, Recipe

__all__ = ["ArgoCD"]


class ArgoCD(Recipe):
    """An Application that syncs by itself."""

    name = "argo-cd"
    ran = "Argo CD 3.6.1: application controller and repository server as processes"

    @contextmanager
    def installed(self, folder: Path) -> Iterator[None]:
        """Have its controllers at work, and a Git server."""
        self._folder = folder / "git"
        with serve(self._folder) as self._url, controllers.argo_cd(folder / "log"):
            yield

    def prepare(self, place: Place) -> None:
        """Deploy version 1 and wait until it is synced, and so validated."""
        self._repository = Repository(self._folder / place.namespace)
        commit = self._commit(place, GOOD, "1")
        (application,) = documents((self.folder / "application.yaml").read_text())
        application["metadata"]["name"] = place.namespace
        application["spec"]["source"]["repoURL"] = f"{self._url}/{place.namespace}"
        application["spec"]["destination"]["namespace"] = place.namespace
        place.apply([application], "argocd")
        self._wait(place, commit)
        if _operation(place)["phase"] != "Succeeded":
            raise RuntimeError(f"version 1: {_operation(place)['message']}")

    def change_tests(self, place: Place, case: Case) -> None:
        """Leave it: the tests come with the commit."""

    def deploy(self, place: Place, case: Case) -> bool:
        """Commit a new version, and see what becomes of the sync."""
        commit = self._commit(place, case, case.version)
        about = ("application", place.namespace)
        refresh = "argocd.argoproj.io/refresh=normal"  # as a webhook of the Git server does
        place.kubectl("annotate", *about, refresh, namespace="argocd")
        self._wait(place, commit)
        where = ("--namespace=argocd", "get", "application", place.namespace)
        state = "{.status.operationState.phase}: {.status.operationState.message}"
        place.show("kubectl", *where, f"-o=jsonpath={state}")
        jobs = ("get", "jobs", "-lapp=validate", "--sort-by=.metadata.creationTimestamp")
        newest = place.kubectl(*jobs, "-o=name").split()[-1]
        place.show("kubectl", "logs", newest)
        return bool(_operation(place)["phase"] == "Succeeded")

    def remove(self, place: Place) -> None:
        """Delete the Application, and the finalizers of its hooks."""
        about = ("application", place.namespace, "--ignore-not-found")
        place.kubectl("delete", *about, namespace="argocd")
        unhook = '--patch={"metadata": {"finalizers": null}}'
        for job in place.kubectl("get", "jobs", "-lapp=validate", "-o=name").split():
            place.kubectl("patch", job, "--type=merge", unhook)

    def _commit(self, place: Place, case: Case, version: str) -> str:
        objects = place.objects("demo/service", case, version)
        objects += documents((self.folder / "validate.yaml").read_text())
        (self._repository.folder / "demo.yaml").write_text(yaml.safe_dump_all(objects))
        return self._repository.commit(f"Deploy version {version}")

    def _wait(self, place: Place, commit: str) -> None:
        def is_over() -> bool:
            operation = _operation(place)
            revision = operation.get("operation", {}).get("sync", {}).get("revision")
            return revision == commit and operation.get("phase") in ("Succeeded", "Failed", "Error")

        place.wait(f"the sync of {commit[:7]}", is_over)


def _operation(place: Place) -> Object:
    application: dict[str, Any] = place.read("application", place.namespace, "argocd")
    operation: Object = application.get("status", {}).get("operationState", {})
    return operation
