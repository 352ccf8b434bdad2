"""ConfigMaps and Secrets that a pod template names."""

from __future__ import annotations

from pytest_k8s_job.target.configs import configs_of
from tests.tool.target.objects import Object, deployment, made, state


def configs(kind: str, obj: Object | None, *read: Object) -> set[tuple[str, str, str]]:
    """Return what the template of an object names, as it was read."""
    return set(configs_of(state(*read), obj, kind))


def test_configs_that_the_template_names() -> None:
    """ConfigMaps and Secrets of volumes and environments, with the versions that were read."""
    spec = {
        "volumes": [
            {"name": "a", "configMap": {"name": "volume"}},
            {"name": "b", "secret": {"secretName": "volume"}},
            {
                "name": "c",
                "projected": {
                    "sources": [
                        {"configMap": {"name": "projected"}},
                        {"secret": {"name": "projected"}},
                    ]
                },
            },
            {"name": "d", "emptyDir": {}},
            {"name": "e", "configMap": {"name": "map"}},
        ],
        "initContainers": [{"name": "init", "envFrom": [{"configMapRef": {"name": "init"}}]}],
        "containers": [
            {
                "name": "web",
                "envFrom": [{"secretRef": {"name": "from"}}, {"configMapRef": {"name": "gone"}}],
                "env": [
                    {"name": "A", "value": "1"},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "key", "key": "b"}}},
                    {"name": "C", "valueFrom": {"secretKeyRef": {"name": "key", "key": "c"}}},
                    {"name": "D", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
                ],
            }
        ],
    }
    named = ("volume", "projected", "init", "from", "key", "map", "other")
    read = [
        made(kind, name, metadata={"resourceVersion": f"{kind}-{name}"})
        for kind in ("ConfigMap", "Secret")
        for name in named
    ]
    expected = {
        ("configmap", "volume", "ConfigMap-volume"),
        ("secret", "volume", "Secret-volume"),
        ("configmap", "projected", "ConfigMap-projected"),
        ("secret", "projected", "Secret-projected"),
        ("configmap", "init", "ConfigMap-init"),
        ("secret", "from", "Secret-from"),
        ("configmap", "key", "ConfigMap-key"),
        ("secret", "key", "Secret-key"),
        ("configmap", "map", "ConfigMap-map"),
    }
    above = deployment(spec={"template": {"spec": spec}})
    assert configs("deployment", above, *read) == expected
    bare = made("Pod", "p", spec=spec)
    assert configs("pod", bare, *read) == expected
    assert configs("deployment", above) == set()
    assert configs("deployment", None, *read) == set()


def test_a_template_that_names_nothing() -> None:
    """It has neither volumes nor an environment from elsewhere."""
    bare = made("Pod", "p", spec={"containers": [{"name": "web"}]})
    assert configs("pod", bare, made("Secret", "other")) == set()
