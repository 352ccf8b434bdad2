"""The options and ini values that pytest learns, as tables."""

from __future__ import annotations

import argparse
from enum import StrEnum
from typing import Any

import pytest

from pytest_k8s_job.wire.sharding import ShardBy

__all__ = ["DEFAULT_MANIFEST", "DEFAULT_START_TIMEOUT", "OPTIONS", "Keep", "add_options"]

DEFAULT_MANIFEST = "job.yaml"
MAX_SHARDS = 100  # pods of one run, each with two threads here
DEFAULT_START_TIMEOUT = 60.0  # seconds; scheduling and pulling a large image fit in
DEFAULT_WAIT_ROLLOUT = "300"  # seconds
DEFAULT_TARGET_WAIT = "10"  # seconds


class Keep(StrEnum):
    """When the Job stays in the cluster after the run, until its TTL ends."""

    FAILED = "failed"
    ALWAYS = "always"
    NEVER = "never"


def _shards(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or not 1 <= int(text) <= MAX_SHARDS:
        raise argparse.ArgumentTypeError(f"auto, or a number from 1 to {MAX_SHARDS}, not {text!r}")
    return int(text)


def _retries(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"a number, 0 or more, not {text!r}")
    return int(text)


OPTIONS: dict[str, dict[str, Any]] = {
    "--in-cluster": {"action": "store_true", "help": "run the tests in the cluster, as a Job"},
    "--report": {
        "metavar": "DIR",
        "help": "write a page, JSON, JUnit XML and Markdown there (also without --in-cluster)",
    },
    "--k8s-context": {"metavar": "NAME", "help": "context of the kubeconfig (default: current)"},
    "--k8s-kubeconfig": {
        "metavar": "FILE",
        "help": "kubeconfig (default: KUBECONFIG, ~/.kube/config)",
    },
    "--k8s-namespace": {"metavar": "NAME", "help": "namespace (default: the manifest's)"},
    "--k8s-manifest": {
        "metavar": "FILE",
        "help": "Job manifest (default: ini k8s_job_manifest)",
    },
    "--k8s-image": {
        "metavar": "IMAGE",
        "help": "image of the tests in place of the manifest's",
    },
    "--k8s-env": {
        "metavar": "NAME=VALUE",
        "action": "append",
        "default": [],
        "help": "environment of the tests, in addition to the manifest's (may be repeated)",
    },
    "--k8s-start-timeout": {
        "metavar": "SECONDS",
        "help": "give up when no container has started by then "
        f"(default: {DEFAULT_START_TIMEOUT:g})",
    },
    "--k8s-test-timeout": {
        "metavar": "SECONDS",
        "type": float,
        "help": "end a test that takes longer, and the run with it, with the stacks of its threads",
    },
    "--k8s-attach": {
        "metavar": "JOB",
        "help": "show the run of this existing Job, start none",
    },
    "--k8s-log": {"metavar": "FILE", "help": "save the raw log of the pod there"},
    "--target": {
        "metavar": "WORKLOAD",
        "action": "append",
        "default": [],
        "help": "what is tested: KIND/NAME, NAMESPACE/KIND/NAME, or '-l LABELS' (may be repeated)",
    },
    "--wait-rollout": {
        "metavar": "SECONDS",
        "help": "wait so long for the target's rollout to be over; 0: do not "
        f"(default: {DEFAULT_WAIT_ROLLOUT})",
    },
    "--shards": {
        "metavar": "N",
        "type": _shards,
        "default": 1,
        "help": "divide the tests among N pods; auto: by how long they took before",
    },
    "--shard-by": {
        "choices": [each.value for each in ShardBy],
        "default": ShardBy.TEST.value,
        "help": "what is never divided between two pods (default: %(default)s)",
    },
    "--retries": {
        "metavar": "N",
        "type": _retries,
        "default": 0,
        "help": "let a failed test try again N times; needs pytest-rerunfailures in the image",
    },
    "--rerun-failed": {
        "metavar": "RUN",
        "help": "run only what failed or was not reported in this earlier run; last: the newest",
    },
    "--k8s-keep": {
        "choices": [each.value for each in Keep],
        "help": f"when the Job stays in the cluster (default: {Keep.FAILED.value})",
    },
    "--k8s-evidence": {
        "choices": ["yes", "no"],
        "default": "yes",
        "help": "attach to a failed test the target's log lines and events (default: %(default)s)",
    },
    "--mask": {
        "metavar": "REGEX",
        "action": "append",
        "default": [],
        "help": "show [masked] for what matches, in all output of tests (may be repeated)",
    },
}
INI_DEFAULTS = {  # each is the default of the option --k8s-NAME
    "k8s_job_manifest": f"Job manifest of --in-cluster (default: {DEFAULT_MANIFEST})",
    "k8s_job_context": "context of the kubeconfig",
    "k8s_job_namespace": "namespace of the Job",
    "k8s_job_image": "image of the tests in place of the manifest's",
    "k8s_job_start_timeout": "seconds that the container may take to start",
    "k8s_job_keep": "when the Job stays in the cluster: failed, always or never",
}
INI_VALUES: dict[str, tuple[str, dict[str, Any]]] = {
    "k8s_target": ("what is tested, a line each, as --target takes it", {"type": "linelist"}),
    "k8s_wait_rollout": ("as --wait-rollout", {"default": DEFAULT_WAIT_ROLLOUT}),
    "k8s_target_watch": (
        "whether a run is VOID if the target changes meanwhile",
        {"type": "bool", "default": True},
    ),
    "k8s_evidence_marker": (
        "what else marks a test's log lines; {trace_id} and {nodeid} stand for the test's",
        {"default": ""},
    ),
    # The pod reads these from the ini file in its image; see `pod.target_check`.
    "k8s_target_url": (
        "URL of the service under test, requested before the first test; $NAME is expanded",
        {"default": ""},
    ),
    "k8s_target_ready": ("its path that answers 2xx when ready", {"default": "/"}),
    "k8s_target_wait": ("seconds that it may take to", {"default": DEFAULT_TARGET_WAIT}),
}


def add_options(parser: pytest.Parser) -> None:
    """Declare options and ini values."""
    group = parser.getgroup("k8s-job", "run the tests inside a Kubernetes cluster")
    for name, attributes in OPTIONS.items():
        group.addoption(name, **attributes)
    for name, about in INI_DEFAULTS.items():
        parser.addini(name, about, default=None)
    for name, (about, attributes) in INI_VALUES.items():
        parser.addini(name, about, **attributes)
