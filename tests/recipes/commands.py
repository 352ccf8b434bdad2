"""Recipes of commands: kubectl, Helm, and the steps of CI systems, which are run here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from tests.bench.peers import build_helm
from tests.recipes.cases import Case
from tests.recipes.place import Place
from tests.recipes.recipe import GOOD, Recipe
from tests.recipes.schemas import faults, read

__all__ = ["GitHubActions", "GitLab", "Helm", "Kubectl", "Tekton"]


class Kubectl(Recipe):
    """A shell script."""

    name = "kubectl"
    ran = "deploy.sh"

    def deploy(self, place: Place, case: Case) -> bool:
        """Run the script."""
        return place.show("sh", "deploy.sh", case.version, folder=self.folder) == 0


class Helm(Recipe):
    """A release, and `helm test`."""

    name = "helm"
    ran = "helm 3.22.0"

    def prepare(self, place: Place) -> None:
        """Install the chart with version 1."""
        place.apply(place.objects("demo/base", GOOD, ""))
        place.environment["PATH"] += f":{build_helm().parent}"
        done = place.run("helm", "install", "demo", ".", "--wait", folder=self.folder)
        if done.returncode:
            raise RuntimeError(done.stdout)
        place.pass_version_1()

    def deploy(self, place: Place, case: Case) -> bool:
        """Upgrade the release and test it."""
        version = f"version={case.version}"
        place.show("helm", "upgrade", "demo", ".", "--set", version, folder=self.folder)
        return place.show("helm", "test", "demo", "--logs", folder=self.folder) == 0


class Steps(Recipe):
    """A pipeline whose shell steps are read from its YAML and run here."""

    file = ""
    schema = ""  # its published schema, if a package has one
    ran = "its shell steps, on this machine"

    def installed(self, folder: Path) -> AbstractContextManager[None]:  # noqa: ARG002
        """Check the YAML against its schema."""
        if self.schema and (wrong := list(faults(self.pipeline(), self.schema))):
            raise ValueError(f"{self.name}/{self.file}: {'; '.join(wrong)}")
        return nullcontext()

    def pipeline(self) -> Any:
        """Return the content of the YAML."""
        return read(self.folder / self.file)

    def steps(self, pipeline: Any) -> Iterator[str]:
        """Yield the shell text of each step."""
        raise NotImplementedError

    def deploy(self, place: Place, case: Case) -> bool:
        """Run step after step, until one fails."""
        place.environment["VERSION"] = case.version
        return all(
            place.show("sh", "-ec", step, typed=step.strip()) == 0
            for step in self.steps(self.pipeline())
        )


class GitHubActions(Steps):
    """A workflow."""

    name = "github-actions"
    file = "deploy.yaml"
    schema = "github-workflows"
    ran = "its shell steps, on this machine; the YAML against its published schema"

    def steps(self, pipeline: Any) -> Iterator[str]:
        """Yield all but the installation of the tool, which is there."""
        for step in pipeline["jobs"]["deploy"]["steps"]:
            if step["name"] != "Install":
                yield step["run"]


class GitLab(Steps):
    """A pipeline."""

    name = "gitlab-ci"
    file = ".gitlab-ci.yml"
    schema = "gitlab-ci"
    ran = "its shell steps, on this machine; the YAML against its published schema"

    def steps(self, pipeline: Any) -> Iterator[str]:
        """Yield the lines of the script."""
        yield from pipeline["deploy"]["script"]


class Tekton(Steps):
    """A Task."""

    name = "tekton"
    file = "task.yaml"
    ran = "its shell steps, on this machine; the YAML against no schema: there is none to be had"

    def steps(self, pipeline: Any) -> Iterator[str]:
        """Yield the scripts without their first lines, which name the shell."""
        for step in pipeline["spec"]["steps"]:
            yield step["script"].removeprefix("#!/bin/sh\n")
