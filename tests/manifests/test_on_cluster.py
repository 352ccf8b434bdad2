"""The manifests before a real API server: schema, Pod Security, and applying them twice.

Nothing here touches namespace `weather`: what is not a dry run goes to a namespace of its own,
whose quota of no pods keeps the node free.
"""

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from tests.checkout import CHECKOUT
from tests.manifests.documents import Documents, changed, job_of, of_kind, read, workloads
from tests.manifests.kubectl_runner import Kubectl

pytestmark = pytest.mark.cluster

POD = "spec.template.spec"
BOX = f"{POD}.containers.0"
WORKLOADS = {w.name: w.key for w in workloads(read())}

# One step below Pod Security `restricted` each: path, value, what the refusal names.
UNSAFE: list[tuple[str, Any, str]] = [
    (f"{POD}.securityContext.runAsNonRoot", None, "runAsNonRoot"),
    (f"{POD}.securityContext.runAsUser", 0, "runAsUser=0"),
    (f"{POD}.securityContext.seccompProfile", None, "seccompProfile"),
    (f"{BOX}.securityContext.allowPrivilegeEscalation", True, "allowPrivilegeEscalation"),
    (f"{BOX}.securityContext.capabilities", None, "unrestricted capabilities"),
    (f"{POD}.hostNetwork", True, "hostNetwork"),
    (f"{POD}.hostPID", True, "hostPID"),
]

# A field that no kind has, in each place where a slip would go unnoticed without the schema.
TYPOS = [
    ("Deployment/api", f"{BOX}.readinesProbe", {}),
    ("Deployment/redis", f"{POD}.securityContext.runAsNonroot", True),
    ("CronJob/integration-test", "spec.jobTemplate.spec.backofLimit", 0),
    ("NetworkPolicy/api", "spec.ingres", []),
    ("Service/api", "spec.ports.0.targetport", "http"),
]


def pod_of(documents: Documents, key: str) -> Documents:
    """The pod that a workload makes, as a document of its own."""
    template = (job_of(documents[key]) or documents[key]["spec"])["template"]
    metadata = {**template["metadata"], "name": "probe"}
    spec = {k: v for k, v in template["spec"].items() if k != "serviceAccountName"}  # not there yet
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    return {"Pod/probe": pod}


def dry_run(kubectl: Kubectl, documents: Documents) -> tuple[int, str, str]:
    """Exit code, output and errors of a strict server-side check, nothing stored."""
    moved = kubectl.moved(documents)
    done = kubectl.run("apply", "--dry-run=server", "--validate=strict", "-f", "-", documents=moved)
    return done.returncode, done.stdout, done.stderr


def test_api_server_accepts_the_manifests(restricted: Kubectl, documents: Documents) -> None:
    """Every document passes the server's schema, defaults and admission without a warning."""
    code, out, errors = dry_run(restricted, documents)
    assert (code, errors) == (0, "")
    assert len(out.splitlines()) == len(documents) - 1


@pytest.mark.parametrize(("key", "path", "value"), TYPOS, ids=[path for _, path, _ in TYPOS])
def test_api_server_refuses_a_typo(
    restricted: Kubectl, documents: Documents, key: str, path: str, value: object
) -> None:
    """A misspelt field is an error that names it, not a setting silently lost."""
    code, _, errors = dry_run(restricted, {key: changed(documents, key, path, value)[key]})
    assert code != 0
    field = re.sub(r"\.(\d+)", r"[\1]", path)  # the server writes containers[0]
    assert f'unknown field "{field}"' in errors


@pytest.mark.parametrize("workload", WORKLOADS)
def test_namespace_admits_the_pod(restricted: Kubectl, documents: Documents, workload: str) -> None:
    """The pod as the manifest makes it passes Pod Security `restricted`."""
    code, _, errors = dry_run(restricted, pod_of(documents, WORKLOADS[workload]))
    assert (code, errors) == (0, "")


@pytest.mark.parametrize(("path", "value", "named"), UNSAFE, ids=[named for *_, named in UNSAFE])
@pytest.mark.parametrize("workload", WORKLOADS)
def test_namespace_refuses_an_unsafe_pod(  # noqa: PLR0917  three of them are the table's columns
    restricted: Kubectl, documents: Documents, workload: str, path: str, value: object, named: str
) -> None:
    """The same pod with one habit broken is refused, with the broken field named."""
    key = WORKLOADS[workload]
    pod = changed(pod_of(documents, key), "Pod/probe", path.removeprefix("spec.template."), value)
    code, _, errors = dry_run(restricted, pod)
    assert code != 0
    assert 'violates PodSecurity "restricted:latest"' in errors
    assert named in errors


def test_second_apply_changes_nothing(
    throwaway: Callable[[Documents], Kubectl], documents: Documents
) -> None:
    """The first apply makes every object, the second finds each of them as it should be."""
    kubectl = throwaway(documents)
    kubectl.run("create", "quota", "no-pods", "--hard=pods=0")
    moved = kubectl.moved(documents)
    assert applied(kubectl, moved) == {"created": len(moved)}
    before = wanted_state(kubectl, moved)
    # kubectl cannot see that a budget is as it should be: in policy/v1 the selector has the patch
    # strategy "replace", so it is always sent. What the server makes of that is compared below.
    budgets = len(of_kind(moved, "PodDisruptionBudget"))
    assert applied(kubectl, moved) == {"unchanged": len(moved) - budgets, "configured": budgets}
    assert wanted_state(kubectl, moved) == before


def applied(kubectl: Kubectl, documents: Documents) -> Counter[str]:
    """Apply; how many objects kubectl calls created, configured or unchanged."""
    done = kubectl.run("apply", "-f", "-", documents=documents)
    assert (done.returncode, done.stderr) == (0, "")
    return Counter(line.rpartition(" ")[2] for line in done.stdout.splitlines())


def wanted_state(kubectl: Kubectl, documents: Documents) -> list[dict[str, Any]]:
    """The objects as stored: spec, labels and generation, without what controllers write."""
    found = kubectl.run("get", "-f", "-", "-o", "json", documents=documents)
    assert found.returncode == 0, found.stderr
    items = json.loads(found.stdout)["items"]
    for item in items:
        # Of a claim; written when its volume is there.
        item.get("spec", {}).pop("volumeName", None)
    parts = ("spec", "rules", "roleRef", "subjects")
    kept = ("uid", "labels", "generation")
    return [
        {part: item.get(part) for part in parts}
        | {field: item["metadata"].get(field) for field in kept}
        for item in items
    ]


def test_kustomization_renders_the_same(restricted: Kubectl, documents: Documents) -> None:
    """`kubectl apply -k .` without edits deploys exactly what `-f kubernetes/` deploys."""
    rendered = restricted.run("kustomize", str(CHECKOUT))
    assert rendered.returncode == 0, rendered.stderr
    found = {f"{d['kind']}/{d['metadata']['name']}": d for d in yaml.safe_load_all(rendered.stdout)}
    assert found == documents
