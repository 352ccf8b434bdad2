"""Runs kubectl for the tests: on one cluster, in one namespace, fed through standard input."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from documents import Documents


@dataclass(frozen=True)
class Kubectl:
    """kubectl on the local cluster, in a namespace that belongs to one test module."""

    kubeconfig: Path
    namespace: str = "default"

    def run(
        self, *args: str, documents: Documents | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl; `documents` go to its standard input as one List."""
        items = list((documents or {}).values())
        sent = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        command = [
            "kubectl",
            "--kubeconfig",
            str(self.kubeconfig),
            "--namespace",
            self.namespace,
            *args,
        ]
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
