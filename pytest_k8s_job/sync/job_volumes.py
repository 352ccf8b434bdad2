"""Changes a Job so that its pods unpack and run what `--sync` brings."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_k8s_job.cluster.job_manifest import SENT_FILES, container_of
from pytest_k8s_job.cluster.suite_container import split_arguments
from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.wire.sync_layout import INPUT, SYNC, TOOL, TOOL_FILE, WORK, content_digest

__all__ = ["Part", "bootstrap", "mount"]

AGENT = ["-m", "pytest_k8s_job.pod.agent"]
PYTHON = "python3"  # where the manifest names none; Debian's and distroless images lack `python`
MODERN = "sys.version_info >= (3, 11) or sys.exit('--sync needs Python 3.11 or newer in the image')"
OTHER_TOOL = f"{TOOL} is not what was sent: delete the ConfigMaps pytest-k8s-job-deps-..."


@dataclass(frozen=True)
class Part:
    """One file in the volume: the ConfigMap that holds it, and its content."""

    config_map: str
    file: str
    data: bytes


def mount(
    manifest: Mapping[str, Any], parts: Sequence[Part], order: Mapping[str, Any], digest: str
) -> dict[str, Any]:
    """Return the Job with the volumes of `parts`, and a command that follows `order`."""
    job = copy.deepcopy(dict(manifest))
    annotations = job["metadata"].get("annotations") or {}
    job["metadata"]["annotations"] = {**annotations, SENT_FILES: digest}
    pod = job["spec"]["template"]["spec"]
    container = container_of(job)
    tool = next(part for part in parts if part.file == TOOL_FILE)
    arguments = split_arguments(container)[1]
    container["command"] = [_interpreter(container), "-c", bootstrap(tool.data)]
    container["args"] = arguments
    kept = [each for each in container.get("env") or () if each["name"] != SYNC]
    container["env"] = [*kept, {"name": SYNC, "value": json.dumps(order)}]
    container["volumeMounts"] = [
        *(container.get("volumeMounts") or ()),
        {"name": "k8s-job-input", "mountPath": INPUT, "readOnly": True},
        {"name": "k8s-job-work", "mountPath": WORK},
    ]
    pod["volumes"] = [
        *(pod.get("volumes") or ()),
        {"name": "k8s-job-input", "projected": {"sources": [_source(each) for each in parts]}},
        {"name": "k8s-job-work", "emptyDir": {}},
    ]
    return job


def bootstrap(tool: bytes) -> str:
    """Return the program that checks the pod's half of this tool, and runs it."""
    return (
        f"import hashlib, sys; {MODERN}; "
        f"hashlib.sha256(open({TOOL!r}, 'rb').read()).hexdigest() == {content_digest(tool)!r} "
        f"or sys.exit({OTHER_TOOL!r}); sys.path.insert(0, {TOOL!r}); "
        "import pytest_k8s_job.pod.synced as synced; sys.exit(synced.main())"
    )


def _interpreter(container: Mapping[str, Any]) -> str:
    """Return the Python of the container's command, which may be the image's."""
    command = [str(word) for word in container.get("command") or ()]
    if not command:
        return PYTHON
    if command[1:3] != AGENT or len(command) > len(AGENT) + 1:
        raise UsageError(
            f"--sync replaces the container's command, which must be [python, {', '.join(AGENT)}]: "
            f"{command}"
        )
    return command[0]


def _source(part: Part) -> dict[str, Any]:
    items = [{"key": part.file, "path": part.file}]
    return {"configMap": {"name": part.config_map, "items": items}}
