"""kubectl on one chosen cluster: which one, and how it is called."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import local_cluster
from deployment.errors import DeploymentError

ANSWER_TIMEOUT = "5s"  # a cluster that does not answer in this time is taken as not there


@dataclass(frozen=True)
class Kubectl:
    """kubectl bound to a context and a namespace.

    Attributes:
        program: the kubectl to run.
        kubeconfig: the file to use, None for kubectl's own choice ($KUBECONFIG, ~/.kube/config).
        context: name of the context.
        namespace: where the service is deployed.
        local: whether this is the cluster that `make cluster` starts.
    """

    program: str
    kubeconfig: Path | None
    context: str
    namespace: str
    local: bool

    def command(self, *args: str) -> list[str]:
        """The whole command line."""
        config = ["--kubeconfig", str(self.kubeconfig)] if self.kubeconfig else []
        return [self.program, *config, "--context", self.context, "-n", self.namespace, *args]

    def run(self, *args: str, stdin: str | None = None) -> str:
        """Standard output of the command.

        Raises:
            DeploymentError: kubectl failed; carries its last line.
        """
        done = subprocess.run(
            self.command(*args), input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode:
            lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
            raise DeploymentError(f"kubectl {' '.join(args[:3])}: {lines[-1]}")
        return done.stdout

    def get(self, *args: str) -> list[dict[str, Any]]:
        """The objects that `kubectl get` lists, as decoded JSON."""
        found = json.loads(self.run("get", *args, "-o", "json"))
        items: list[dict[str, Any]] = found.get("items", [found])
        return items

    def server(self) -> str:
        """Address of the API server."""
        view = json.loads(self.run("config", "view", "--minify", "-o", "json"))
        return str(view["clusters"][0]["cluster"]["server"])

    def answers(self) -> bool:
        """Whether the API server answers."""
        try:
            self.run("get", "--raw", "/version", f"--request-timeout={ANSWER_TIMEOUT}")
        except DeploymentError:
            return False
        return True


def choose(context: str, namespace: str) -> Kubectl:
    """The cluster to work on: `context` if named, the current context if it answers, else our own.

    The local cluster is started if it is the one and is not up.

    Raises:
        DeploymentError: the named context does not answer, or is not there.
    """
    if context == local_cluster.CONTEXT:
        return start_local(namespace)
    program = shutil.which("kubectl")
    if program is None:
        if context:
            raise DeploymentError(
                f"CONTEXT={context} needs kubectl on the PATH; "
                "without CONTEXT the local cluster is used"
            )
        return start_local(namespace)
    current = context or _current_context(program)
    if current == local_cluster.CONTEXT:
        return start_local(namespace)
    kubectl = Kubectl(program, None, current, namespace, local=False)
    if current and kubectl.answers():
        return kubectl
    if context:
        raise DeploymentError(
            f"context {context} does not answer: try `kubectl --context {context} version`"
        )
    if current:
        print(f"current context {current} does not answer: taking the local cluster instead")
    return start_local(namespace)


def _current_context(program: str) -> str:
    done = subprocess.run(
        [program, "config", "current-context"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def start_local(namespace: str) -> Kubectl:
    """kubectl on the local cluster, which is started if it is not up."""
    local_cluster.up()
    return Kubectl(
        str(local_cluster.kubectl()),
        local_cluster.kubeconfig(),
        local_cluster.CONTEXT,
        namespace,
        local=True,
    )
