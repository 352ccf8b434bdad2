"""Runs kubectl for the tests: on one cluster, in one namespace, fed through standard input."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.manifests.documents import Documents


@dataclass(frozen=True)
class Kubectl:
    """kubectl on the local cluster, in a namespace that belongs to one test module."""

    program: Path
    kubeconfig: Path
    namespace: str = "default"

    def run(
        self, *args: str, documents: Documents | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl; `documents` go to its standard input."""
        sent = yaml.safe_dump_all((documents or {}).values())
        where = ["--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace]
        command = [str(self.program), *where, *args]
        return subprocess.run(
            command, input=sent, capture_output=True, text=True, check=False, timeout=60
        )

    def moved(self, documents: Documents) -> Documents:
        """The documents as they would stand in this namespace, without the Namespace itself."""
        return {
            key: {**document, "metadata": {**document["metadata"], "namespace": self.namespace}}
            for key, document in documents.items()
            if document["kind"] != "Namespace"
        }
