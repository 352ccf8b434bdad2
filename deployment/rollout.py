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
from pytest_k8s_job.cluster.client import connect
from pytest_k8s_job.diagnosis.finding import Finding, Outlook
from pytest_k8s_job.diagnosis.scope import Scope
from pytest_k8s_job.diagnosis.start_watch import Patience, diagnose_target
from pytest_k8s_job.diagnosis.text_report import as_text
from pytest_k8s_job.errors import K8sJobError

WORKLOADS = ("redis", "api", "worker")
ROLLOUT_TIMEOUT = 180.0  # seconds; images are there, so this is start-up and probes
SETTLE_TIMEOUT = 20.0  # seconds that an existing deployment gets to become ready
POLL = 0.5  # seconds between two looks
LOOK = 2.0  # seconds between two diagnoses
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
        NotReadyError: it did not come to that within `timeout` seconds, or never will; says which
            workload, and the root cause if the tool's diagnosis knows it.
    """
    deadline = time.monotonic() + timeout
    patience = Patience()
    looked = time.monotonic()
    while missing := shortcomings(kubectl):
        now = time.monotonic()
        if not all(each.heals for each in missing):
            raise NotReadyError("; ".join(each.sentence for each in missing))
        if now > deadline:
            raise NotReadyError(_explained(missing, _causes(kubectl)))
        if now - looked > LOOK:
            looked = now
            lasting = [each for each in _causes(kubectl) if each.outlook is not Outlook.MAY_HEAL]
            patience.note(now, lasting[0] if lasting else None)
            if patience.seen(now):
                raise NotReadyError(_explained(missing, lasting))
        time.sleep(POLL)


def _causes(kubectl: Kubectl) -> list[Finding]:
    """What the tool's diagnosis finds in the namespace, root causes first."""
    kubeconfig = str(kubectl.kubeconfig) if kubectl.kubeconfig else None
    try:
        cluster = connect(kubeconfig, kubectl.context)
        return list(diagnose_target(cluster, Scope(kubectl.namespace)).findings)
    except K8sJobError as error:
        raise DeploymentError(str(error)) from error


def _explained(missing: list[Shortcoming], causes: list[Finding]) -> str:
    """The root causes first, then which workloads they keep from being tested."""
    workloads = "; ".join(each.sentence for each in missing)
    return f"{as_text(causes)}\n{workloads}" if causes else workloads


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
    return Shortcoming(f"deployment {name}: {ready} of {wanted} pods ready", heals=True)
