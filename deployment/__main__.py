"""`python -m deployment`: what `make k8s-test`, `deploy`, `logs`, `diagnose` ... run."""

import argparse
import os
import sys
from pathlib import Path
from typing import NoReturn

import local_cluster
from deployment import images
from deployment.errors import DeploymentError
from deployment.kubectl import Kubectl, choose
from deployment.manifests import apply

REPORTS = Path("reports")
WORKLOADS = ("redis", "api", "worker")  # the tool waits for their rollout before the first test
ANSWER_WAIT = 20  # seconds the suite waits for the Service: pods are ready, DNS and rules may lag


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(argv)
    try:
        kubectl = choose(options.context, options.namespace)
        print(
            f"context {kubectl.context} · server {kubectl.server()}"
            f" · namespace {kubectl.namespace}",
            flush=True,
        )
        return int(options.run(kubectl, options))
    except (DeploymentError, local_cluster.ClusterError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def test(kubectl: Kubectl, options: argparse.Namespace) -> NoReturn:
    """Deploy if asked to, then become `pytest --in-cluster`, whose exit code is the answer."""
    tags: dict[str, str] = {}
    if options.deploy == "yes" or (options.deploy == "auto" and kubectl.local):
        tags = deploy(kubectl)
    else:
        print("testing what is deployed (DEPLOY=yes would deploy this checkout first)", flush=True)
    _run_suite(kubectl, tags, options.pytest_args)


def deploy(kubectl: Kubectl) -> dict[str, str]:
    """Build and load (on the local cluster), apply; returns image name -> tag."""
    tags = images.build_and_load() if kubectl.local else {}
    print("applying the manifests", flush=True)
    apply(kubectl, tags)
    return tags


def _run_suite(kubectl: Kubectl, tags: dict[str, str], pytest_args: list[str]) -> NoReturn:
    command = [
        sys.executable,
        *("-m", "pytest", "--in-cluster"),
        f"--k8s-context={kubectl.context}",
        f"--k8s-namespace={kubectl.namespace}",
        f"--k8s-env=API_URL=http://api.{kubectl.namespace}.svc",
        f"--k8s-env=API_WAIT={ANSWER_WAIT}",
        *(f"--target=deployment/{name}" for name in WORKLOADS),
        f"--k8s-log={REPORTS / 'pod.log'}",
        f"--report={REPORTS}",
    ]
    if kubectl.kubeconfig:
        command.append(f"--k8s-kubeconfig={kubectl.kubeconfig}")
    if images.TEST_IMAGE in tags:
        command.append(f"--k8s-image={images.TEST_IMAGE}:{tags[images.TEST_IMAGE]}")
    sys.stdout.flush()
    # In our place, so that Ctrl-C reaches pytest alone, which then deletes the Job.
    os.execv(sys.executable, [*command, *pytest_args])  # noqa: S606 (no shell is the point)


def undeploy(kubectl: Kubectl, _options: argparse.Namespace) -> int:
    """Delete the namespace and wait until it is gone."""
    print(kubectl.run("delete", "namespace", kubectl.namespace, "--ignore-not-found"), end="")
    return 0


def logs(kubectl: Kubectl, _options: argparse.Namespace) -> int:
    """Print the last lines of every pod of the service, each with the pod's name before it."""
    selector = "app.kubernetes.io/part-of=weather"
    print(kubectl.run("logs", "-l", selector, "--prefix", "--tail=100", "--ignore-errors"), end="")
    return 0


def diagnose(kubectl: Kubectl, options: argparse.Namespace) -> NoReturn:
    """Become `k8s-job diagnose` on the chosen cluster."""
    words = ["-m", "pytest_k8s_job", "diagnose", "-n", kubectl.namespace]
    words += ["--context", kubectl.context]
    if kubectl.kubeconfig:
        words += ["--kubeconfig", str(kubectl.kubeconfig)]
    os.execv(sys.executable, [sys.executable, *words, *options.words])  # noqa: S606 (as above)


def build(kubectl: Kubectl, _options: argparse.Namespace) -> int:
    """Build the images and load them into the local cluster."""
    if not kubectl.local:
        raise DeploymentError("images are loaded into the local cluster only; see docs/clusters.md")
    images.build_and_load()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deployment", description=__doc__)
    parser.add_argument(
        "--context", default="", help="kube context (default: the current, or ours)"
    )
    parser.add_argument("--namespace", default="weather", help="where the service is deployed")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("test", help="run the suite in the cluster")
    command.add_argument("--deploy", choices=["auto", "yes", "no"], default="auto")
    command.add_argument("pytest_args", nargs="*", help="passed on to pytest")
    command.set_defaults(run=test)
    command = commands.add_parser("diagnose", help=diagnose.__doc__)
    command.add_argument("words", nargs="*", help="passed on to k8s-job diagnose")
    command.set_defaults(run=diagnose)
    for name, run in {"undeploy": undeploy, "logs": logs, "images": build}.items():
        commands.add_parser(name, help=run.__doc__).set_defaults(run=run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
