"""What the user set, by command line and ini file, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

__all__ = ["Keep", "Options", "add_options", "read_options"]

DEFAULT_MANIFEST = "kubernetes/90-test-job.yaml"
DEFAULT_START_TIMEOUT = 60.0  # seconds; scheduling and pulling a large image fit in


class Keep(StrEnum):
    """When the Job stays in the cluster after the run; its manifest's TTL removes it later."""

    FAILED = "failed"
    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True)
class Options:
    """The options of `pytest --in-cluster`; None leaves the choice to kubeconfig or manifest."""

    manifest: Path
    context: str | None
    kubeconfig: str | None
    namespace: str | None
    image: str | None
    environment: Mapping[str, str]
    start_timeout: float
    log: Path | None
    keep: Keep
    attach: str | None = None
    test_timeout: float | None = None


def add_options(parser: pytest.Parser) -> None:
    """Declare options and ini values."""
    group = parser.getgroup("k8s-job", "run the tests inside a Kubernetes cluster")
    add = group.addoption
    add("--in-cluster", action="store_true", help="run the tests in the cluster, as a Job")
    add("--k8s-context", metavar="NAME", help="context of the kubeconfig (default: current)")
    add("--k8s-kubeconfig", metavar="FILE", help="kubeconfig (default: KUBECONFIG, ~/.kube/config)")
    add("--k8s-namespace", metavar="NAME", help="namespace (default: the manifest's)")
    add("--k8s-manifest", metavar="FILE", help="Job manifest (default: ini k8s_job_manifest)")
    add("--k8s-image", metavar="IMAGE", help="image of the tests in place of the manifest's")
    add(
        "--k8s-env",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="environment of the tests, in addition to the manifest's (may be repeated)",
    )
    add(
        "--k8s-start-timeout",
        metavar="SECONDS",
        type=float,
        default=DEFAULT_START_TIMEOUT,
        help="give up when the container has not started by then (default: %(default)g)",
    )
    add(
        "--k8s-test-timeout",
        metavar="SECONDS",
        type=float,
        help="end a test that takes longer, and the run with it, with the stacks of its threads",
    )
    add("--k8s-attach", metavar="JOB", help="show the run of this existing Job, start none")
    add("--k8s-log", metavar="FILE", help="save the raw log of the pod there")
    add(
        "--k8s-keep",
        choices=[each.value for each in Keep],
        default=Keep.FAILED.value,
        help="when the Job stays in the cluster (default: %(default)s)",
    )
    parser.addini("k8s_job_manifest", "Job manifest of --in-cluster", default=DEFAULT_MANIFEST)


def read_options(config: pytest.Config) -> Options:
    """Return the options of this session; paths in the ini file are relative to the root."""
    option = config.option
    typed = option.k8s_manifest
    here, root = config.invocation_params.dir, config.rootpath
    return Options(
        manifest=here / typed if typed else root / config.getini("k8s_job_manifest"),
        context=option.k8s_context,
        kubeconfig=option.k8s_kubeconfig,
        namespace=option.k8s_namespace,
        image=option.k8s_image,
        environment=dict(_variable(each) for each in option.k8s_env),
        start_timeout=option.k8s_start_timeout,
        log=here / option.k8s_log if option.k8s_log else None,
        keep=Keep(option.k8s_keep),
        attach=option.k8s_attach,
        test_timeout=option.k8s_test_timeout,
    )


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise pytest.UsageError(f"--k8s-env takes NAME=VALUE, not {text!r}")
    return name, value
