"""What the tests of the manifests share: the manifests, and a cluster to hold them against."""

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
        'or leave these tests out with -m "not cluster"',
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
