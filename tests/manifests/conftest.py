"""What the tests of the manifests share: the manifests, and a cluster to hold them against."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.checkout import CHECKOUT
from tests.manifests.documents import Documents, changed, read
from tests.manifests.kubectl_runner import Kubectl

ON_CLUSTER = "test_on_cluster.py"
LEFT_OUT = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what needs a cluster when CLUSTER=no says that there is none."""
    if os.environ.get("CLUSTER") != "no":
        return
    left_out = [item for item in items if item.path.name == ON_CLUSTER]
    config.stash[LEFT_OUT] = len(left_out)
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Say in one line what CLUSTER=no left out."""
    count = config.stash.get(LEFT_OUT, 0)
    return [f"left out: {count} tests of {ON_CLUSTER}, because CLUSTER=no"] if count else []


@pytest.fixture(scope="session")
def documents() -> Documents:
    """Every document in kubernetes/, by `Kind/name`."""
    return read()


@pytest.fixture(scope="session")
def cluster() -> Kubectl:
    """kubectl on the local cluster; fails, never skips, when that does not answer."""
    asked = "import local_cluster as c; print(c.kubectl()); print(c.kubeconfig())"
    told = subprocess.run(
        [sys.executable, "-c", asked], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    if told.returncode == 0:
        program, kubeconfig = map(Path, told.stdout.splitlines())
        kubectl = Kubectl(program, kubeconfig)
        answer = kubectl.run("get", "--raw=/readyz", "--request-timeout=5s")
        if answer.stdout == "ok":
            return kubectl
        told = answer
    reason = (told.stderr.strip() or told.stdout.strip()).splitlines()[-1]
    pytest.fail(
        f"the local cluster does not answer: {reason}; start it with `make cluster`, "
        "or say CLUSTER=no to leave these tests out",
        pytrace=False,
    )


@pytest.fixture(scope="session")
def throwaway(cluster: Kubectl) -> Iterator[Callable[[Documents], Kubectl]]:
    """Makes namespaces with the labels of ours and names of their own; deletes them at the end."""
    made: list[Kubectl] = []

    def make(documents: Documents) -> Kubectl:
        name = f"manifests-{secrets.token_hex(4)}"
        namespace = changed(documents, "Namespace/weather", "metadata.name", name)
        made.append(replace(cluster, namespace=name))
        created = cluster.run("create", "-f", "-", documents={name: namespace["Namespace/weather"]})
        assert created.returncode == 0, created.stderr
        return made[-1]

    yield make
    for kubectl in made:
        kubectl.run("delete", "namespace", kubectl.namespace, "--wait=false")


@pytest.fixture(scope="session")
def restricted(throwaway: Callable[[Documents], Kubectl], documents: Documents) -> Kubectl:
    """An empty namespace that enforces what ours enforces."""
    return throwaway(documents)
