"""Service accounts with the rights of the validator's manifest, or with some of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from tests.checkout import CHECKOUT
from tests.tool.diagnosis.place import kubectl

__all__ = ["Right", "apply_account", "rights_of"]

MANIFEST = CHECKOUT / "kubernetes" / "60-validator.yaml"
Right = tuple[str, str, str]  # verb, resource, API group


def rights_of(role: str) -> list[Right]:
    """Return each right of a Role of the validator's manifest on its own."""
    objects = yaml.safe_load_all(MANIFEST.read_text())
    wanted = ("Role", role)
    return [
        (verb, resource, group)
        for each in objects
        if (each["kind"], each["metadata"]["name"]) == wanted
        for rule in each["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


def apply_account(namespace: str, name: str, rights: Iterable[Right]) -> None:
    """Apply a service account with these rights, its Role and its RoleBinding."""
    rules = [
        {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        for verb, resource, group in rights
    ]
    access = "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": name, "namespace": namespace}
    objects: list[dict[str, Any]] = [
        {"apiVersion": "v1", "kind": "ServiceAccount"},
        {"apiVersion": f"{access}/v1", "kind": "Role", "rules": rules},
        {
            "apiVersion": f"{access}/v1",
            "kind": "RoleBinding",
            "subjects": [subject],
            "roleRef": {"apiGroup": access, "kind": "Role", "name": name},
        },
    ]
    text = yaml.safe_dump_all([each | {"metadata": {"name": name}} for each in objects])
    kubectl("-n", namespace, "apply", "-f", "-", text=text)
