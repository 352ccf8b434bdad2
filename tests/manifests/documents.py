"""Reads the manifests as plain data, so that every rule is a function over dictionaries.

A document is found by its key `Kind/name`, a value in it by a dotted path such as
`spec.template.spec.containers.0.image`.
"""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.checkout import CHECKOUT

FOLDER = CHECKOUT / "kubernetes"
NAMESPACE = "weather"

Document = dict[str, Any]
Documents = dict[str, Document]
Labels = dict[str, str]
Complaints = list[str]

UNITS = {"m": 1e-3, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "mb": 2**20, "": 1}


@dataclass(frozen=True)
class Workload:
    """A Deployment or CronJob: key and name, the labels and spec of its pods, their container."""

    key: str
    name: str
    replicas: int
    labels: Labels
    pod: Document
    container: Document


def read(folder: Path = FOLDER) -> Documents:
    """Every document of the folder's YAML files by its key, in the order of `kubectl apply`."""
    found: Documents = {}
    for path in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            key = f"{document['kind']}/{document['metadata']['name']}"
            assert key not in found, f"{key} stands twice in {folder}"
            found[key] = document
    return found


def of_kind(documents: Documents, kind: str) -> Documents:
    """The documents of one kind."""
    return {key: document for key, document in documents.items() if document["kind"] == kind}


def workloads(documents: Documents) -> Iterator[Workload]:
    """Everything that makes pods; each of ours has one container."""
    for key, document in documents.items():
        if document["kind"] in {"Deployment", "CronJob"}:
            spec = job_of(document) or document["spec"]
            pod = spec["template"]["spec"]
            (container,) = pod["containers"]
            name = document["metadata"]["name"]
            labels = spec["template"]["metadata"]["labels"]
            yield Workload(key, name, spec.get("replicas", 1), labels, pod, container)


def job_of(document: Document) -> Document | None:
    """The spec of the Jobs that a CronJob makes."""
    spec: Document | None = at(document, "spec.jobTemplate.spec")
    return spec


def matches(selector: Document, labels: Labels) -> bool:
    """Whether a selector with matchLabels and `In` expressions selects these labels."""
    wanted = selector.get("matchLabels", {})
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        expression["operator"] == "In" and labels.get(expression["key"]) in expression["values"]
        for expression in selector.get("matchExpressions", [])
    )


def at(document: Document, path: str) -> Any:
    """The value at a dotted path, None where a step is missing."""
    value: Any = document
    for step in path.split("."):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else None
        else:
            value = (value or {}).get(step)
    return value


def amount(text: str | float) -> float:
    """A Kubernetes or Redis quantity as a number: cores or bytes."""
    found = re.fullmatch(r"([\d.]+)(\D*)", str(text))
    assert found, text
    return float(found[1]) * UNITS[found[2]]


def changed(documents: Documents, key: str, path: str, value: Any) -> Documents:
    """A copy with `value` at `path` of document `key`; None takes the field away."""
    result = copy.deepcopy(documents)
    *parents, last = path.split(".")
    place: Any = result[key]
    for step in parents:
        place = place[int(step)] if isinstance(place, list) else place[step]
    index: Any = int(last) if isinstance(place, list) else last
    if value is None:
        del place[index]
    else:
        place[index] = value
    return result
