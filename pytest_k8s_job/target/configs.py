"""ConfigMaps and Secrets that a pod template names."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_k8s_job.cluster.objects import Object, name_of
from pytest_k8s_job.target.state import NamespaceState

__all__ = ["configs_of"]


def configs_of(
    state: NamespaceState, obj: Object | None, kind: str
) -> Iterator[tuple[str, str, str]]:
    """Yield ConfigMaps and Secrets that the pod template names, with their resourceVersions."""
    if obj is None:
        return
    spec = obj["spec"] if kind == "pod" else obj["spec"].get("template", {}).get("spec", {})
    versions = {
        (kind, name_of(each)): str(each["metadata"].get("resourceVersion", ""))
        for kind in ("configmaps", "secrets")
        for each in state[kind]
    }
    for named in _named_configs(spec):
        if named in versions:
            yield named[0].removesuffix("s"), named[1], versions[named]


def _named_configs(spec: Object) -> Iterator[tuple[str, str]]:
    for volume in spec.get("volumes") or ():
        sources = [volume, *((volume.get("projected") or {}).get("sources") or ())]
        for source in sources:
            if name := (source.get("configMap") or {}).get("name"):
                yield "configmaps", name
            secret = source.get("secret") or {}
            if name := secret.get("secretName") or secret.get("name"):
                yield "secrets", name
    for container in (*spec.get("containers", ()), *(spec.get("initContainers") or ())):
        sources = list(container.get("envFrom") or ())
        sources += [each["valueFrom"] for each in container.get("env") or () if "valueFrom" in each]
        for source in sources:
            for key, kind in (("configMap", "configmaps"), ("secret", "secrets")):
                for field in (f"{key}Ref", f"{key}KeyRef"):
                    if name := (source.get(field) or {}).get("name"):
                        yield kind, name
