"""The target as one value: its revision, and how it is told."""

from __future__ import annotations

from dataclasses import replace

from pytest_k8s_job.target.model import Service, Target
from pytest_k8s_job.target.workload import Pod, Workload, digest

PODS = tuple(
    Pod(
        "shop",
        name,
        "a1",
        1.0,
        ready=True,
        address=address,
        images=frozenset({("web", "sha256:1")}),
    )
    for name, address in (("web-1", "10.0.0.1"), ("web-2", "10.0.0.2"))
)
WEB = Workload("deployment", "shop", "web", "said by --target", "t1", "a1", "1", 0.0, PODS, 2)
DB = Workload("statefulset", "shop", "db", "part of shop", "t2", "db-1")


def test_a_digest_is_of_content() -> None:
    """The order of keys is not part of it, that of a list is."""
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest([1, 2]) != digest([2, 1])
    assert len(digest("")) == 64


def test_a_revision_is_template_and_images() -> None:
    """Number of pods, their names, and how it was found are not part of it."""
    other = replace(WEB, found="seen", pods=PODS[:1], wanted=1, number="7", changed=9.0)
    assert other.revision == WEB.revision
    assert replace(WEB, template="t9").revision != WEB.revision
    assert replace(WEB, name="api").revision != WEB.revision
    assert replace(WEB, kind="daemonset").revision != WEB.revision
    assert replace(WEB, namespace="db").revision != WEB.revision
    moved = replace(PODS[0], images=frozenset({("web", "sha256:2")}))
    assert replace(WEB, pods=(moved,)).revision != WEB.revision
    assert replace(WEB, pods=(moved, PODS[1])).images == {("web", "sha256:1"), ("web", "sha256:2")}


def test_without_a_template_the_hash_is_the_revision() -> None:
    """Where only pods may be read, their label tells one template from another."""
    hidden = replace(WEB, template="")
    assert replace(hidden, current="b2").revision != hidden.revision
    assert replace(WEB, current="b2").revision == WEB.revision


def test_the_revision_of_a_target_is_of_all_its_workloads() -> None:
    """Their order is not part of it; without a workload there is none."""
    assert Target((WEB, DB)).revision == Target((DB, WEB)).revision
    assert Target((WEB, DB)).revision != Target((WEB,)).revision
    assert Target((WEB, DB)).revision != Target((WEB, replace(DB, template="t3"))).revision
    assert Target().revision == ""


def test_old_pods_are_told_from_new_ones() -> None:
    """A ready pod of another hash is outdated, unless the way to update lets it stay."""
    old = replace(PODS[0], name="old", version="z9")
    bare = replace(PODS[0], name="bare", version="")
    workload = replace(WEB, pods=(*PODS, old, bare))
    assert workload.outdated == (old,)
    assert replace(WEB, pods=(replace(old, ready=False),)).outdated == ()
    assert replace(workload, note="paused").outdated == ()
    assert replace(workload, current="").outdated == ()


def test_a_workload_knows_its_pods() -> None:
    """By its selector, or by name where that is not known."""
    selecting = replace(WEB, selector=frozenset({("app", "web")}))
    assert selecting.makes("any", {"app": "web", "pod-template-hash": "a1"})
    assert not selecting.makes("web-1", {"app": "db"})
    assert selecting.makes("any", {"app": "web"})
    assert WEB.makes("web-1", {})
    assert not WEB.makes("web-3", {"app": "web"})


def test_what_is_not_known_of_a_workload_is_empty() -> None:
    """Its rollout has no time either, so that it is never a change."""
    unknown = Workload("rollout", "shop", "web", "seen")
    assert (unknown.template, unknown.current, unknown.number, unknown.changed) == ("", "", "", 0.0)
    assert unknown.wanted is None


def test_parts_are_found_by_key() -> None:
    """Namespace, kind and name are one; namespaces are those of workloads and Services."""
    other = Service("edge", "gateway", "seen")
    target = Target((WEB, DB), (other,))
    assert target.workload(("shop", "statefulset", "db")) is DB
    assert target.workload(("shop", "deployment", "db")) is None
    assert target.namespaces == ("edge", "shop")
    assert [pod.name for pod in target.pods] == ["web-1", "web-2"]


def test_it_is_told_in_one_line() -> None:
    """Kind, name, hash, pods, and how each was found."""
    db = replace(DB, pods=PODS[:1], note="partition 1")
    assert Target((WEB, db)).describe("shop") == (
        "deployment/web a1, 2 pods (said by --target); "
        "statefulset/db db-1, 1 pod (part of shop, partition 1)"
    )
    elsewhere = replace(db, namespace="data", current="", pods=(), note="")
    assert Target((WEB, elsewhere)).describe("shop") == (
        "deployment/web a1, 2 pods (said by --target); "
        f"statefulset/db in data {elsewhere.revision[:10]}, 0 pods (part of shop)"
    )
    assert Target(unknown=("namespace shop: a Role there lacks: list pods",)).describe("shop") == (
        "unknown: namespace shop: a Role there lacks: list pods"
    )
    assert Target().describe("shop") == "none seen"


def test_report_json_says_the_same() -> None:
    """Digests are cut to what a sentence shows."""
    target = Target((WEB,), (Service("shop", "web", "seen"),), ("namespace db: no",))
    assert target.as_json() == {
        "revision": target.revision[:10],
        "workloads": [
            {
                "kind": "deployment",
                "namespace": "shop",
                "name": "web",
                "revision": WEB.revision[:10],
                "pods": 2,
                "found": "said by --target",
                "note": "",
            }
        ],
        "services": ["shop/web"],
        "unknown": ["namespace db: no"],
    }
