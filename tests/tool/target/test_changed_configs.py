"""ConfigMaps and Secrets of the target that change while it is tested."""

from __future__ import annotations

from pytest_k8s_job.target.change import changed_configs
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.workload import Workload


def target(*configs: tuple[str, str, str]) -> Target:
    """Return a target whose template names these: kind, name, resourceVersion."""
    return Target((Workload("deployment", "shop", "web", "said", configs=frozenset(configs)),))


def test_another_version_is_told() -> None:
    """The object is named; what stayed the same is not."""
    before = target(("configmap", "settings", "1"), ("secret", "key", "7"))
    after = target(("configmap", "settings", "2"), ("secret", "key", "7"))
    sentence = "configmap settings of the target changed while it was tested"
    assert changed_configs(before, after) == [sentence]
    assert changed_configs(before, before) == []


def test_what_was_not_known_before_is_no_change() -> None:
    """A name that only a new template has, or that may not be read, says nothing."""
    assert changed_configs(target(), target(("configmap", "settings", "2"))) == []
    assert changed_configs(target(("configmap", "settings", "2")), target()) == []
    assert changed_configs(Target(), target(("configmap", "settings", "2"))) == []
