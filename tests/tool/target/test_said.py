"""What a word of `--target` names."""

from __future__ import annotations

import pytest

from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.target.said import Said, parse_said


@pytest.mark.parametrize(
    ("text", "namespace", "kind", "name"),
    [
        ("deployment/api", "", "deployment", "api"),
        (" Deployment/api ", "", "deployment", "api"),
        ("shop/deployment/api", "shop", "deployment", "api"),
        ("deploy/api", "", "deployment", "api"),
        ("deployments/api", "", "deployment", "api"),
        ("deployment.apps/api", "", "deployment", "api"),
        ("shop/deployments.v1.apps/api", "shop", "deployment", "api"),
        ("sts/db", "", "statefulset", "db"),
        ("statefulsets/db", "", "statefulset", "db"),
        ("ds/agent", "", "daemonset", "agent"),
        ("daemonsets/agent", "", "daemonset", "agent"),
        ("rs/api-1", "", "replicaset", "api-1"),
        ("replicasets/api-1", "", "replicaset", "api-1"),
        ("rollouts.argoproj.io/api", "", "rollout", "api"),
        ("ro/api", "", "rollout", "api"),
        ("po/api-1", "", "pod", "api-1"),
        ("pods/api-1", "", "pod", "api-1"),
        ("service/api", "", "service", "api"),
        ("services/api", "", "service", "api"),
        ("shop/svc/api", "shop", "service", "api"),
    ],
)
def test_an_object_is_named_as_for_kubectl(text: str, namespace: str, kind: str, name: str) -> None:
    """Kinds may be short, plural, with their group, behind a namespace."""
    assert parse_said(text) == Said(text, namespace, kind, name)


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("-l app=api", (("app", "api", True),)),
        ("-lapp=api", (("app", "api", True),)),
        ("app=api", (("app", "api", True),)),
        ("app==api", (("app", "api", True),)),
        ("-l app = api , tier != db", (("app", "api", True), ("tier", "db", False))),
        ("-l a=b,c!=d", (("a", "b", True), ("c", "d", False))),
        ("-l app.kubernetes.io/name=api-1.2", (("app.kubernetes.io/name", "api-1.2", True),)),
        ("-l app=", (("app", "", True),)),
        ("-l app", (("app", None, True),)),
        ("-l !app", (("app", None, False),)),
        ("-l app=api,!canary", (("app", "api", True), ("canary", None, False))),
    ],
)
def test_labels_are_selected_as_by_kubectl(
    text: str, labels: tuple[tuple[str, str | None, bool], ...]
) -> None:
    """A selector is a list of terms with commas, each of which must hold."""
    assert parse_said(text) == Said(text, labels=labels)


@pytest.mark.parametrize(
    ("text", "labels", "selected"),
    [
        ("-l app=api", {"app": "api", "tier": "web"}, True),
        ("-l app=api", {"app": "db"}, False),
        ("-l app=api", {}, False),
        ("-l app!=api", {"app": "db"}, True),
        ("-l app!=api", {}, True),
        ("-l app!=api", {"app": "api"}, False),
        ("-l app", {"app": "anything"}, True),
        ("-l app", {"other": "app"}, False),
        ("-l !app", {"other": "app"}, True),
        ("-l !app", {"app": ""}, False),
        ("-l app=", {"app": ""}, True),
        ("-l app=", {"app": "api"}, False),
        ("-l app=api,tier!=db", {"app": "api"}, True),
        ("-l app=api,tier!=db", {"app": "api", "tier": "db"}, False),
        ("deployment/api", {}, False),
        ("deployment/api", {"app": "api"}, False),
    ],
)
def test_labels_select(text: str, labels: dict[str, str], selected: bool) -> None:
    """An object is meant if every term holds; an object's name selects no labels."""
    assert parse_said(text).selects(labels) is selected


@pytest.mark.parametrize(
    "text", ["", " ", "api", "/api", "deployment/", "a//api", "!app", "a/b/c/d", "shop//api"]
)
def test_nonsense_is_named_with_the_remedy(text: str) -> None:
    """What has no form of a target is quoted, and the forms are told."""
    with pytest.raises(UsageError) as raised:
        parse_said(text)
    assert str(raised.value) == (
        f"--target {text!r} is not KIND/NAME, NAMESPACE/KIND/NAME or '-l LABEL=VALUE'"
    )


@pytest.mark.parametrize("text", ["ingress/api", "shop/ingress/api", "ingress.networking/api"])
def test_an_unknown_kind_is_named_with_those_that_are_known(text: str) -> None:
    """A kind that is never a target is told as such."""
    kind = text.split("/")[-2]
    with pytest.raises(UsageError) as raised:
        parse_said(text)
    assert str(raised.value) == (
        f"--target {text!r}: {kind!r} is none of "
        "deployment, statefulset, daemonset, replicaset, rollout, pod, service"
    )


@pytest.mark.parametrize(
    "text", ["-l", "-l ", "-l ,", "-l a=b,", "-l =b", "-l !a=b", "-l a in (b,c)", "-l a>1", "a=b c"]
)
def test_a_wrong_selector_is_named_with_the_remedy(text: str) -> None:
    """Terms of another form, and a comma too many, are no selector."""
    with pytest.raises(UsageError) as raised:
        parse_said(text)
    assert str(raised.value) == (
        f"--target {text!r}: labels are NAME=VALUE or NAME!=VALUE, with commas"
    )
