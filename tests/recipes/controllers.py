"""Controllers at work on the local cluster, each for the time of a `with` block.

Argo Rollouts and Flagger run as pods, by their own manifests and with their own rights.
Argo CD and Flux's kustomize-controller run as processes with the administrator's kubeconfig.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

import local_cluster
from local_cluster import base_images, images
from local_cluster.commands import run, wait_until
from local_cluster.settings import Paths
from tests.recipes import builds

__all__ = ["argo_cd", "argo_rollouts", "flagger", "kustomize_controller", "say"]

START_SECONDS = 120
END_SECONDS = 20
ARGO_CD_PROGRAMS = ("argocd-repo-server", "argocd-application-controller")
Object = dict[str, Any]
DEFAULT_PROJECT = """\
apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: default}
spec: {sourceRepos: ["*"], destinations: [{namespace: "*", server: "*"}]}
"""  # argocd-server creates it where it runs


def say(text: str) -> None:
    """Print progress."""
    print(text, flush=True)  # noqa: T201 (a command's progress)


@contextmanager
def argo_rollouts() -> Iterator[None]:
    """Install Argo Rollouts by its own install.yaml."""
    made = builds.provide(builds.ARGO_ROLLOUTS, Paths.of_user(), say)
    objects = _read(made / "manifests" / "install.yaml")
    container = _container(objects, "argo-rollouts")
    container |= {"image": _image(made, "argo-rollouts"), "imagePullPolicy": "Never"}
    container["securityContext"]["runAsUser"] = 999  # as its image does
    with _installed("argo-rollouts", objects):
        yield


@contextmanager
def flagger() -> Iterator[None]:
    """Install Flagger by its own manifests; the image here has neither wget nor a directory."""
    made = builds.provide(builds.FLAGGER, Paths.of_user(), say)
    folder = made / "artifacts" / "flagger"
    names = ("crd.yaml", "account.yaml", "deployment.yaml")
    objects = [each for name in names for each in _read(folder / name)]
    container = _container(objects, "flagger")
    container |= {"image": _image(made, "flagger"), "imagePullPolicy": "Never"}
    container |= {"command": ["/program", "-log-level=info", "-mesh-provider=kubernetes"]}
    probe = {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 1}
    container |= {"livenessProbe": probe, "readinessProbe": probe}
    with _installed("flagger-system", objects):
        yield


@contextmanager
def kustomize_controller(log: Path) -> Iterator[None]:
    """Run Flux's kustomize-controller as a process, with the resources of source-controller."""
    made = builds.provide(builds.KUSTOMIZE_CONTROLLER, Paths.of_user(), say)
    source = builds.provide(builds.SOURCE_CONTROLLER, Paths.of_user(), say)
    bases = [each / "config" / "crd" / "bases" for each in (made, source)]
    objects = [each for base in bases for path in base.glob("*.yaml") for each in _read(path)]
    command = [str(made / "kustomize-controller"), "--requeue-dependency=2s"]
    health = _free_port()
    command += ["--metrics-addr=127.0.0.1:0", f"--health-addr=127.0.0.1:{health}"]
    with _installed("flux-system", objects), _process(command, log, {}):
        _wait_for_port(health)
        yield


@contextmanager
def argo_cd(log: Path) -> Iterator[None]:
    """Run Argo CD's repository server and application controller as processes, with a Redis."""
    made = builds.provide(builds.ARGO_CD, Paths.of_user(), say)
    kinds = ("CustomResourceDefinition", "ConfigMap", "Secret")
    all_objects = _read(made / "manifests" / "core-install.yaml")
    objects = [each for each in all_objects if each["kind"] in kinds]
    redis, repositories = _free_port(), _free_port()
    where = [f"--redis=127.0.0.1:{redis}", "--loglevel=info"]
    folder = log.parent / "argo-cd"
    for name in ("bin", "tls", "gpg", "ssh"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    programs = [folder / "bin" / name for name in ARGO_CD_PROGRAMS]
    for program in programs:  # one program that acts by its name
        program.symlink_to(made / "argo-cd")
    wrapper = shutil.copy(made / "hack" / "git-verify-wrapper.sh", folder / "bin")
    Path(wrapper).chmod(0o755)
    environment = {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "ARGOCD_FAKE_IN_CLUSTER": "true",  # takes the kubeconfig
        "ARGOCD_GPG_ENABLED": "false",
        "ARGOCD_TLS_DATA_PATH": str(folder / "tls"),
        "ARGOCD_SSH_DATA_PATH": str(folder / "ssh"),
        "GNUPGHOME": str(folder / "gpg"),
        "TMPDIR": str(folder),
    }
    serve = [str(programs[0]), f"--port={repositories}", f"--metrics-port={_free_port()}", *where]
    control = [str(programs[1]), "--namespace=argocd", f"--metrics-port={_free_port()}", *where]
    control += [f"--repo-server=127.0.0.1:{repositories}", "--app-resync=5"]
    with ExitStack() as stack:
        stack.enter_context(_installed("argocd", objects))
        _kubectl("-n", "argocd", "apply", "-f", "-", stdin=DEFAULT_PROJECT)
        plain = ["redis-server", f"--port {redis}", "--bind 127.0.0.1", "--save ''"]
        stack.enter_context(_process(" ".join(plain).split(), log, {}))
        _wait_for_port(redis)
        stack.enter_context(_process(serve, log, environment))
        _wait_for_port(repositories)
        stack.enter_context(_process(control, log, environment))
        yield


def _read(path: Path) -> list[Object]:
    return [each for each in yaml.safe_load_all(path.read_text()) if each]


def _container(objects: Sequence[Object], deployment: str) -> Object:
    """Return the one container of a Deployment."""
    (found,) = [
        each
        for each in objects
        if each["kind"] == "Deployment" and each["metadata"]["name"] == deployment
    ]
    containers: list[Object] = found["spec"]["template"]["spec"]["containers"]
    (container,) = containers
    return container


def _image(made: Path, name: str) -> str:
    """Make an image of the program and load it into the node; return its name."""
    paths = Paths.of_user()
    image = f"localhost/{name}:{made.name.rpartition('-')[2]}"
    archive = base_images.program_archive(made / name, image, paths, say)
    images.load_archive(paths, local_cluster.kubectl().parent, archive, image)
    return image


@contextmanager
def _installed(namespace: str, objects: Sequence[Object]) -> Iterator[None]:
    """Create a namespace and objects in it; delete them at the end, the cluster-wide ones too."""
    for each in objects:
        if "namespace" in each["metadata"]:
            each["metadata"]["namespace"] = namespace
        for subject in each.get("subjects", ()):
            subject["namespace"] = namespace
    own = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    text = yaml.safe_dump_all([own, *objects])
    apply = ("apply", "--server-side", "-f", "-")
    try:
        _kubectl("-n", namespace, *apply, stdin=text)
        for each in objects:
            name, wait = each["metadata"]["name"], f"--timeout={START_SECONDS}s"
            if each["kind"] == "CustomResourceDefinition":
                wait_until(partial(_not_established, name), START_SECONDS, name)
            if each["kind"] == "Deployment":
                _kubectl("-n", namespace, "rollout", "status", f"deployment/{name}", wait)
        yield
    finally:
        words = ("delete", "--ignore-not-found", "-f", "-")
        _kubectl("-n", namespace, *words, stdin=text)


def _not_established(name: str) -> str:
    status = json.loads(_kubectl("get", "crd", name, "-o", "json")).get("status", {})
    found = [(each["type"], each["status"]) for each in status.get("conditions") or ()]
    return "" if ("Established", "True") in found else "it is not established"


def _kubectl(*words: str, stdin: str | None = None) -> str:
    kubeconfig = f"--kubeconfig={local_cluster.kubeconfig()}"
    return run(local_cluster.kubectl(), kubeconfig, *words, stdin=stdin)


@contextmanager
def _process(command: Sequence[str], log: Path, extra: Mapping[str, str]) -> Iterator[None]:
    """Run a program in the background; end it at the end."""
    environment = {**os.environ, "KUBECONFIG": str(local_cluster.kubeconfig()), **extra}
    with log.open("a") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for_port(port: int) -> None:
    def missing() -> str:
        with socket.socket() as client:
            refused = client.connect_ex(("127.0.0.1", port))
        return "nothing listens" if refused else ""

    wait_until(missing, START_SECONDS, f"port {port}")
