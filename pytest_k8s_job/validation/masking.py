"""Masks the values of Secrets in a verdict before anybody sees it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pytest_k8s_job.cluster.objects import Object
from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.errors import ClusterError, GoneError
from pytest_k8s_job.evidence.masking import Masks, secret_values
from pytest_k8s_job.evidence.target_reader import read_secrets
from pytest_k8s_job.validation.record import Validation

__all__ = ["mask", "mask_secrets", "named_secrets", "withhold"]

PATH = "/api/v1/namespaces/{}/secrets/{}"
OWN_WORDS = ("PASSED", "VOID", "NOT_RUN")  # their first line holds nothing that a test said


def mask_secrets(reader: Reader, validation: Validation, job: Object | None) -> Validation:
    """Return it without values of Secrets.

    These are the Secrets that the pod of `job` names, and all of its and the target's namespaces
    as far as they may be listed. If one that the pod names may not be read, what the tests said is
    left out, as a value in it could not be masked. To be called once, before the verdict is kept,
    announced and posted.
    """
    masks = Masks(())
    namespaces = {validation.namespace, *(space for _, space, _ in validation.workloads)}
    for namespace in sorted(namespaces):
        masks.add(secret_values(read_secrets(reader, namespace)))
    unread = []
    for name in sorted(set(named_secrets(job))):
        try:
            body, _ = reader.read(PATH.format(validation.namespace, name), "application/json")
            masks.add(secret_values([json.loads(body)]))
        except GoneError:
            continue  # the pod has no value of it
        except ClusterError:
            unread.append(name)
    return withhold(mask(validation, masks), unread)


def mask(validation: Validation, masks: Masks) -> Validation:
    """Return it with every text that comes from tests or from the target masked."""
    return replace(
        validation,
        first_line=masks.evidence(validation.first_line),
        target_line=masks.evidence(validation.target_line),
        failed=tuple(map(masks, validation.failed)),
        note=masks.evidence(validation.note),
    )


def withhold(validation: Validation, unread: Iterable[str]) -> Validation:
    """Return it without what tests said, if a Secret could not be read."""
    names = ", ".join(unread)
    if not names or validation.verdict in OWN_WORDS:
        return validation
    count = len(validation.failed)
    what = f"{count} {'test' if count == 1 else 'tests'} failed" if count else validation.verdict
    why = f"no right to get secrets {names}, which the tests have, so their values cannot be masked"
    failed = tuple(dict.fromkeys(each.partition("[")[0] for each in validation.failed))
    return replace(validation, first_line=f"{what}; the reason is left out: {why}", failed=failed)


def named_secrets(job: Object | None) -> Iterator[str]:
    """Return the names of the Secrets whose values the containers of a Job's pod have."""
    spec = job["spec"]["template"]["spec"] if job is not None else {}
    for container in (*spec.get("initContainers", ()), *spec.get("containers", ())):
        for each in container.get("env") or ():
            if source := (each.get("valueFrom") or {}).get("secretKeyRef"):
                yield str(source["name"])
        for each in container.get("envFrom") or ():
            if source := each.get("secretRef"):
                yield str(source["name"])
    for volume in spec.get("volumes") or ():
        if source := volume.get("secret"):
            yield str(source["secretName"])
        for each in (volume.get("projected") or {}).get("sources") or ():
            if source := each.get("secret"):
                yield str(source["name"])
