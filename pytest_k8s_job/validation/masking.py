"""Masks the values of Secrets in a verdict before anybody sees it."""

from __future__ import annotations

from dataclasses import replace

from pytest_k8s_job.cluster.pods import Reader
from pytest_k8s_job.evidence.masking import Masks, secret_values
from pytest_k8s_job.evidence.target_reader import read_secrets
from pytest_k8s_job.validation.record import Validation

__all__ = ["mask", "mask_secrets"]


def mask_secrets(reader: Reader, validation: Validation) -> Validation:
    """Return it without values of Secrets of its and the target's namespaces.

    Only of those that may be read. To be called once, before the verdict is kept, announced and
    posted.
    """
    masks = Masks(())
    namespaces = {validation.namespace, *(space for _, space, _ in validation.workloads)}
    for namespace in sorted(namespaces):
        masks.add(secret_values(read_secrets(reader, namespace)))
    return mask(validation, masks)


def mask(validation: Validation, masks: Masks) -> Validation:
    """Return it with every text that comes from tests or from the target masked."""
    return replace(
        validation,
        first_line=masks.evidence(validation.first_line),
        target_line=masks.evidence(validation.target_line),
        failed=tuple(map(masks, validation.failed)),
        note=masks.evidence(validation.note),
    )
