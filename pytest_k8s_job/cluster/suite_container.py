"""Which container of a pod runs the tests; injectors and charts put others before it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pytest_k8s_job.errors import UsageError

__all__ = ["runs_agent", "split_arguments", "suite_container"]

Object = Mapping[str, Any]

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"  # annotation that kubectl obeys too
AGENT = re.compile(r"(^|\s)pytest_k8s_job(\.\w+)*(\s|$)")  # as a word, or in a shell's script


def suite_container(pod: Object) -> dict[str, Any]:
    """Return the container of a pod, or of a pod template, that runs the tests.

    The one whose command is the agent, else the one that kubectl's annotation names, else the
    only one. Sidecars that are init containers never count.
    """
    containers: list[dict[str, Any]] = pod["spec"]["containers"]
    annotations = (pod.get("metadata") or {}).get("annotations") or {}
    candidates = [each for each in containers if runs_agent(each)] or containers
    if len(candidates) > 1:
        named = annotations.get(DEFAULT_CONTAINER)
        candidates = [each for each in candidates if each.get("name") == named] or candidates
    if len(candidates) > 1:
        names = " or ".join(str(each.get("name")) for each in candidates)
        raise UsageError(
            f"which container runs the tests, {names}? Name it in the annotation "
            f"{DEFAULT_CONTAINER} of the Job's pod template"
        )
    return candidates[0]


def runs_agent(container: Object) -> bool:
    """Return whether the command of `container` names a module of this package."""
    words = [*(container.get("command") or ()), *(container.get("args") or ())]
    return any(AGENT.search(str(word)) for word in words)


def split_arguments(container: Object) -> tuple[list[str], list[str]]:
    """Return the words of `args` that start the agent, then those for pytest.

    The first are there only if the command is the image's own and the agent stands in `args`.
    """
    words = [str(each) for each in container.get("args") or ()]
    if any(AGENT.search(str(word)) for word in container.get("command") or ()):
        return [], words
    for start, word in enumerate(words, start=1):
        if words[start - 2 : start - 1] == ["-m"] and AGENT.fullmatch(word):
            return words[:start], words[start:]
    return [], words
