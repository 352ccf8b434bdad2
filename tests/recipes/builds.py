"""Controllers of other projects, built from their Go modules and kept in the cache.

A module's own go.mod and go.sum decide what it is built from, as at its release. modules/ holds
the checksum of each module, and thereby of its go.sum, which holds those of all others.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local_cluster.binaries import find_go
from local_cluster.commands import run, run_logged
from local_cluster.errors import ClusterError
from local_cluster.settings import Paths

__all__ = [
    "ARGO_CD",
    "ARGO_ROLLOUTS",
    "FLAGGER",
    "KUSTOMIZE_CONTROLLER",
    "SOURCE_CONTROLLER",
    "Controller",
    "download",
    "locked",
    "provide",
]

MODULES = Path(__file__).parent / "modules"
ENVIRONMENT = {"GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"}
FLAGS = ("-mod=readonly", "-trimpath", "-ldflags", "-s -w")
POLITE = ("nice", "-n", "15")  # a build takes all cores for minutes


@dataclass(frozen=True)
class Controller:
    """A program of a Go module, and files of its source tree.

    Attributes:
        name: directory under modules/, and the program's name.
        package: what is built, in the module; "" for nothing but the files.
        files: patterns of files to keep: custom resource definitions, manifests.
        time: how long the build takes on two slow cores, in words.
        elsewhere: modules of the same repository that its go.mod replaces by a directory.
    """

    name: str
    package: str
    files: tuple[str, ...]
    time: str
    elsewhere: tuple[str, ...] = ()


FLUX_CRDS = "config/crd/bases/*.yaml"
FLAGGER = Controller("flagger", "./cmd/flagger", ("artifacts/flagger/*.yaml",), "two minutes")
ARGO_ROLLOUTS = Controller(
    "argo-rollouts", "./cmd/rollouts-controller", ("manifests/install.yaml",), "five minutes"
)
ARGO_CD = Controller(
    "argo-cd",
    "./cmd",
    ("manifests/core-install.yaml", "hack/git-verify-wrapper.sh"),
    "ten minutes",
    ("github.com/argoproj/argo-cd/gitops-engine/v3",),
)
KUSTOMIZE_CONTROLLER = Controller(
    "kustomize-controller",
    ".",
    (FLUX_CRDS,),
    "six minutes",
    ("github.com/fluxcd/kustomize-controller/api",),
)
# Its program does not build: the module proxy refuses github.com/fluxcd/pkg/artifact.
SOURCE_CONTROLLER = Controller("source-controller", "", (FLUX_CRDS,), "a second")


def provide(controller: Controller, paths: Paths, say: Callable[[str], None]) -> Path:
    """Build a controller unless the cache has it; return the directory with program and files.

    Raises:
        ClusterError: the module is not the one that is locked, or does not build.
    """
    go = find_go()
    where = paths.cache / "programs" / f"{controller.name}-{_key(controller, go)}"
    if not where.is_dir():
        say(f"building {controller.name}, once: about {controller.time}")
        where.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".recipes-", dir=where.parent) as folder:
            made = Path(folder) / "made"
            made.mkdir()
            _build(go, controller, Path(folder), made, paths.cache / "recipes.log")
            made.rename(where)
    return where


def locked(folder: Path) -> dict[str, str]:
    """Return module -> checksum of its source tree, from the go.sum in `folder`."""
    lines = [line.split() for line in (folder / "go.sum").read_text().splitlines()]
    return {name: checksum for name, version, checksum in lines if "/" not in version}


def _key(controller: Controller, go: Path) -> str:
    """Return the digest of all that decides the program."""
    content = [run(go, "version", what="go"), repr(FLAGS)]
    content += [repr((controller.package, controller.files, controller.elsewhere))]
    content += [(MODULES / controller.name / each).read_text() for each in ("go.mod", "go.sum")]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]


def _build(go: Path, controller: Controller, folder: Path, made: Path, log: Path) -> None:
    source = download(go, controller)
    for pattern in controller.files:
        _keep(source, pattern, made)
    if not controller.package:
        return
    command: list[str | Path] = [*POLITE, go, "build", *FLAGS]
    command += ["-modfile", _write_modfile(go, controller, source, folder)]
    command += ["-o", made / controller.name, controller.package]
    run_logged(command, log, f"building {controller.name}", ENVIRONMENT, source)


def _write_modfile(go: Path, controller: Controller, source: Path, folder: Path) -> Path:
    """Write the module's go.mod without directories, which its zip file does not hold."""
    modfile = folder / "go.mod"
    shutil.copyfile(source / "go.mod", modfile)
    sums = [each / "go.sum" for each in (source, MODULES / controller.name)]
    (folder / "go.sum").write_text("".join(each.read_text() for each in sums))
    for each in controller.elsewhere:
        run(go, "mod", "edit", f"-dropreplace={each}", modfile)
    return modfile


def download(go: Path, controller: Controller) -> Path:
    """Return the directory of the module's source tree, which is the one that is locked."""
    folder = MODULES / controller.name
    said = run("env", f"--chdir={folder}", "GOTOOLCHAIN=local", go, "mod", "download", "-json")
    modules = _documents(said)
    sums = locked(folder)
    for module in modules:
        if sums.get(module["Path"]) != module["Sum"]:
            raise ClusterError(f"{folder}/go.sum does not lock {module['Path']}: add its checksum")
    (own,) = (each for each in modules if each["Path"] not in controller.elsewhere)
    return Path(own["Dir"])


def _documents(text: str) -> list[Mapping[str, str]]:
    """Return the JSON documents that stand one after the other in `text`."""
    decoder, found, text = json.JSONDecoder(), [], text.strip()
    while text:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].lstrip()
    return found


def _keep(source: Path, pattern: str, made: Path) -> None:
    found = sorted(source.glob(pattern))
    if not found:
        raise ClusterError(f"{source} has no {pattern}")
    for each in found:
        kept = made / each.relative_to(source)
        kept.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(each, kept)
