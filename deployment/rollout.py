"""Apply the manifests and wait for the rollout; say what is not ready, and why."""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deployment.errors import DeploymentError, NotReadyError
from deployment.images import CHECKOUT
from deployment.kubectl import Kubectl

WORKLOADS = ("redis", "api", "worker")
ROLLOUT_TIMEOUT = 180.0  # seconds; images are there, so this is start-up and probes
SETTLE_TIMEOUT = 20.0  # seconds that an existing deployment gets to become ready
POLL = 0.5  # seconds between two looks
NOT_THE_TEST = "app.kubernetes.io/component!=test"  # the tool creates the test Job itself


@dataclass(frozen=True)
class Shortcoming:
    """Why a workload cannot be tested; `heals` if waiting may help."""

    sentence: str
    heals: bool = False


def apply(kubectl: Kubectl, tags: dict[str, str]) -> None:
    """Apply kustomization.yaml without the test Job, with `tags` (image name -> tag) in place."""
    overlay: dict[str, Any] = {
        "namespace": kubectl.namespace,
        "images": [{"name": name, "newTag": tag} for name, tag in tags.items()],
    }
    # A kustomization below its own base is a cycle: so it lies outside of the checkout.
    with tempfile.TemporaryDirectory() as place:
        overlay["resources"] = [os.path.relpath(CHECKOUT, Path(place).resolve())]
        Path(place, "kustomization.yaml").write_text(yaml.safe_dump(overlay))
        done = kubectl.run("apply", "-k", place, "-l", NOT_THE_TEST)
    changed = [line for line in done.splitlines() if not line.endswith(" unchanged")]
    print("\n".join(f"  {line}" for line in changed) or "  nothing changed", flush=True)


def wait(kubectl: Kubectl, timeout: float) -> None:
    """Return when every workload runs its newest version, all replicas ready.

    Raises:
        NotReadyError: it did not come to that within `timeout` seconds; says which, and why.
    """
    deadline = time.monotonic() + timeout
    while True:
        missing = shortcomings(kubectl)
        if not missing:
            return
        if not all(each.heals for each in missing) or time.monotonic() > deadline:
            raise NotReadyError("; ".join(each.sentence for each in missing))
        time.sleep(POLL)


def shortcomings(kubectl: Kubectl) -> list[Shortcoming]:
    """What keeps the workloads from being tested, at most one for each."""
    deployments = {d["metadata"]["name"]: d for d in kubectl.get("deployments")}
    if not any(name in deployments for name in WORKLOADS):
        where = f"namespace {kubectl.namespace} of context {kubectl.context}"
        return [Shortcoming(f"nothing is deployed in {where}: `make deploy` deploys it")]
    found = (_shortcoming(kubectl, name, deployments.get(name)) for name in WORKLOADS)
    return [each for each in found if each is not None]


def _shortcoming(
    kubectl: Kubectl, name: str, deployment: dict[str, Any] | None
) -> Shortcoming | None:
    if deployment is None:
        return Shortcoming(f"deployment {name} is missing: `make deploy` deploys it")
    status, wanted = deployment.get("status", {}), deployment["spec"].get("replicas", 1)
    if wanted == 0:
        return Shortcoming(
            f"deployment {name} is scaled to 0: "
            f"`kubectl -n {kubectl.namespace} scale deployment {name} --replicas=1`"
        )
    current = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    updated, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
    if current and updated == ready == status.get("replicas", 0) == wanted:
        return None
    sentence = f"deployment {name}: {ready} of {wanted} pods ready{_why(kubectl, name)}"
    return Shortcoming(sentence, heals=True)


def _why(kubectl: Kubectl, name: str) -> str:
    """What is known of the first pod of `name` that is not ready, with its last log line."""
    for pod in kubectl.get("pods", "-l", f"app.kubernetes.io/name={name}"):
        for condition in pod["status"].get("conditions", []):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return f" (pod {pod['metadata']['name']}: {condition.get('message', '')})"
        for container in pod["status"].get("containerStatuses", []):
            if not container["ready"] and (state := _state(container)):
                return f" ({state}{_last_words(kubectl, pod)})"
    return ""


def _state(container: dict[str, Any]) -> str:
    """Why a container is not ready; how it ended says more than a flickering CrashLoopBackOff."""
    ended = container["state"].get("terminated") or container["lastState"].get("terminated")
    if ended:
        restarts = container["restartCount"]
        return f"{ended.get('reason')}, exit code {ended['exitCode']}, restarted {restarts} times"
    waiting = container["state"].get("waiting", {})
    return ": ".join(filter(None, (waiting.get("reason"), waiting.get("message"))))


def _last_words(kubectl: Kubectl, pod: dict[str, Any]) -> str:
    for which in (["--previous"], []):
        try:
            log = kubectl.run("logs", pod["metadata"]["name"], "--tail=1", *which).strip()
        except DeploymentError:
            continue  # that container never ran
        if log:
            return f"; its last words: {log}"
    return ""
