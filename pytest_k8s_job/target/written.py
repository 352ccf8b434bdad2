"""When a field of an object was last written, by its managed fields."""

from __future__ import annotations

from pytest_k8s_job.cluster.objects import Object
from pytest_k8s_job.cluster.text import epoch

__all__ = ["written"]


def written(obj: Object | None, *path: str) -> float:
    """Return when an owner of a field last changed the object, or 0.

    It may have been another field of the same owner's. Scaling is another entry than the template.
    """
    entries = (obj or {}).get("metadata", {}).get("managedFields") or ()
    times = (
        epoch(each.get("time"))
        for each in entries
        if not each.get("subresource") and _owns(each.get("fieldsV1"), path)
    )
    return max(times, default=0.0)


def _owns(fields: object, path: tuple[str, ...]) -> bool:
    for name in path:
        if not isinstance(fields, dict):
            return False
        fields = fields.get(f"f:{name}")
    return fields is not None
