"""How workloads are found: said, read, seen, belonging."""

from __future__ import annotations

import pytest

from pytest_k8s_job.target.discovery import Search, find_target, missing
from pytest_k8s_job.target.hosts import ServiceName
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.said import parse_said
from pytest_k8s_job.target.state import KINDS
from tests.tool.target.objects import (
    Object,
    Server,
    daemon,
    deployment,
    endpoints,
    external,
    pod,
    replicaset,
    service,
    stateful,
    target,
    web,
    within,
)

SAID = "said by --target"


def search(*said: str, host: str = "", seen: tuple[str, ...] = ()) -> Search:
    """Return a search from the shop's namespace; `host` stands in API_URL."""
    hosts = ((host, "API_URL"),) if host else ()
    return Search("shop", tuple(map(parse_said, said)), hosts, seen)


def found(target: Target) -> dict[str, str]:
    """Return the workloads and how each was found."""
    return {f"{each.namespace}/{each}": each.found for each in target.workloads}


def find(*objects: Object, said: str = "", host: str = "", seen: str = "") -> dict[str, str]:
    """Return the workloads that one word, host name or address finds."""
    words = (said,) if said else ()
    return found(find_target(Server(objects), search(*words, host=host, seen=(seen,) * bool(seen))))


@pytest.mark.parametrize(
    "said",
    ["deployment/web", "shop/deployment/web", "service/web", "pod/web-a1-0", "replicaset/web-a1"],
)
def test_an_object_is_said(said: str) -> None:
    """A Service leads to its workload, a pod and a ReplicaSet to what made them."""
    assert find(*web(), service(), said=said) == {"shop/deployment/web": SAID}


@pytest.mark.parametrize(
    "said", ["-l app=web", "-l app", "-l app!=db", "-l app=web,!tier", "-l pod-template-hash=a1"]
)
def test_labels_are_said(said: str) -> None:
    """The template's labels count, and those of pods."""
    assert find(*web(labels={}), stateful(), said=said)["shop/deployment/web"] == f"{SAID} {said}"


def test_labels_select_nothing_that_has_finished_or_is_a_job_s() -> None:
    """A completed or evicted pod, and the tests' own, are no target."""
    pods = [pod("old", phase="Failed"), pod("done", phase="Succeeded"), pod("run-x", "Job/run")]
    assert find(*pods, said="-l app=web") == {}
    assert find(*pods, pod("bare"), said="-l app=web") == {"shop/pod/bare": f"{SAID} -l app=web"}


@pytest.mark.parametrize(
    "said",
    [
        "deployment/wbe", "statefulset/web", "service/wbe", "-l app=wbe", "db/deployment/web",
        "db/service/web", "pod/run-x", "pod/old", "rollout/web",
    ],
)  # fmt: skip
def test_what_is_said_and_not_there_is_missing(said: str) -> None:
    """A slip, the wrong namespace, a pod that has finished or is a Job's."""
    objects = [*web(), service(), pod("run-x", "Job/run"), pod("old", phase="Failed")]
    asked = search("deployment/web", said)
    one = find_target(Server(objects), asked)
    assert [each.text for each in missing(one, asked)] == [said]
    assert found(one) == {"shop/deployment/web": SAID}


def test_what_is_said_twice_is_there_twice() -> None:
    """A workload that two words name is missing for neither."""
    asked = search("deployment/web", "-l app=web", "app!=db", "service/web", "pod/web-a1-0")
    one = find_target(Server([*web(), service()]), asked)
    assert missing(one, asked) == []
    assert found(one) == {"shop/deployment/web": SAID}


@pytest.mark.parametrize(
    "host",
    [
        "web",
        "WEB.",
        "web.shop",
        "Web.Shop",
        "web.shop.svc",
        "web.shop.svc.cluster.local",
        "10.96.0.1",
    ],
)
def test_a_host_name_is_read_or_seen(host: str) -> None:
    """A Service's name in any form, and its address."""
    assert find(*web(), service(), host=host) == {"shop/deployment/web": "read from API_URL"}
    assert find(*web(), service(), seen=host) == {"shop/deployment/web": "seen"}


@pytest.mark.parametrize(
    "host", ["web-a1-0", "wbe", "example.com", "10.96.0.9", "localhost", "None"]
)
def test_a_host_name_that_means_no_service_finds_nothing(host: str) -> None:
    """It may be anything outside of the cluster."""
    headless = service("db", clusterIP="None", clusterIPs=["None"])
    assert find(*web(), service(), host=host) == {}
    assert find(*web(), headless, seen=host) == {}


def test_the_first_way_counts() -> None:
    """Said comes before read, read before seen, seen before belonging."""
    objects = [*web(), service(), stateful(), service("db", "db", clusterIPs=["10.96.0.2"])]
    one = find_target(Server(objects), search(host="web", seen=("web", "10.96.0.2")))
    assert found(one) == {
        "shop/deployment/web": "read from API_URL",
        "shop/statefulset/db": "seen",
    }
    one = find_target(Server(objects), search("service/web", host="web"))
    assert found(one) == {
        "shop/deployment/web": SAID,
        "shop/statefulset/db": "part of shop",
    }


def test_a_pod_s_address_is_seen() -> None:
    """A pod may be called by its address, of either family; one on its node's network not."""
    both = pod("web-a1-0", "ReplicaSet/web-a1", version="a1")
    both["status"]["podIPs"].append({"ip": "fd00::1"})
    objects = [deployment(), replicaset("web-a1"), both]
    assert find(*objects, seen="10.0.0.1") == {"shop/deployment/web": "seen"}
    assert find(*objects, seen="fd00::1") == {"shop/deployment/web": "seen"}
    assert find(*objects, seen="10.0.0.2") == {}
    both["spec"]["hostNetwork"] = True
    assert find(*objects, seen="10.0.0.1") == {}


def test_an_address_is_given_to_another_pod() -> None:
    """A finished pod keeps its address in its status; the tests' own pod is no target."""
    old = pod("old", "ReplicaSet/old-1", version="1", phase="Failed")
    assert find(old, *web(), seen="10.0.0.1") == {"shop/deployment/web": "seen"}
    assert find(pod("run-x", "Job/run"), seen="10.0.0.1") == {}


def test_a_service_of_one_stack_without_a_list_of_addresses() -> None:
    """An old API server knows `clusterIP` alone."""
    assert find(*web(), service(clusterIPs=None), seen="10.96.0.1")


def test_what_belongs_to_it() -> None:
    """Workloads that share a label of the same application, in the same namespace, are part."""
    instance = {"app.kubernetes.io/instance": "prod"}
    both = instance | {"app.kubernetes.io/part-of": "shop"}
    worker = deployment("worker", labels=both)
    mail = deployment("mail", labels=instance)
    objects = [
        *web(labels=both),
        worker,
        mail,
        stateful(),
        daemon(),
        deployment("other", labels={}),
    ]
    other = deployment("blog", labels={"app.kubernetes.io/part-of": "blog"})
    assert find(*objects, other, *within("db", *web()), said="deployment/web") == {
        "shop/deployment/web": SAID,
        "shop/deployment/worker": "part of shop",
        "shop/deployment/mail": "part of prod",
        "shop/statefulset/db": "part of shop",
        "shop/daemonset/agent": "part of shop",
    }
    assert find(*objects, said="deployment/other") == {"shop/deployment/other": SAID}


def test_a_bare_pod_does_not_belong() -> None:
    """It is a target only if it is said, or if the Service leads to nothing else."""
    bare = pod("debug", labels={"app.kubernetes.io/part-of": "shop"})
    assert find(*web(), bare, said="deployment/web") == {"shop/deployment/web": SAID}
    assert find(*web(), bare, said="pod/debug")["shop/pod/debug"] == SAID


def test_other_namespaces() -> None:
    """Each namespace that is named is read, the run's first, and parts are of their own."""
    asked = search(
        "db/statefulset/db", "sts/db", host="api.edge.svc", seen=("web.shop", "mail.example", "x")
    )
    assert asked.namespaces() == ["shop", "db", "edge", "example"]
    objects = within("edge", *web(name="api"), service("api", "api"))
    one = find_target(Server([*objects, *within("db", stateful())]), asked)
    assert found(one) == {
        "db/statefulset/db": SAID,
        "edge/deployment/api": "read from API_URL",
    }
    assert [each.text for each in missing(one, asked)] == ["sts/db"]
    assert one.namespaces == ("db", "edge")


def test_services_that_may_be_meant() -> None:
    """What is said comes first; a Service that is said is of the run's namespace."""
    asked = search(
        "service/web", "db/service/db", "deployment/x", host="api", seen=("1.2.3.4", "c.d")
    )
    assert asked.services() == [
        ServiceName("shop", "web"),
        ServiceName("db", "db"),
        ServiceName("shop", "api"),
        ServiceName("d", "c"),
    ]


def test_a_stray_that_is_said_is_a_target() -> None:
    """Who names a bare pod wants to test it."""
    objects = [*web(), service(), pod("stray"), endpoints("web", "stray")]
    asked = Search("shop", tuple(map(parse_said, ("deployment/web", "pod/stray"))))
    one = find_target(Server(objects), asked)
    assert set(found(one)) == {"shop/deployment/web", "shop/pod/stray"}
    assert [each.strays for each in one.services] == [()]


def test_services_that_lead_to_the_target() -> None:
    """They are told too, with what of the target is behind them, and their strays."""
    others = [service("all", "web"), service("db", "db"), service("hand", "")]
    slices = [endpoints("all", "stray"), endpoints("hand", "web-a1-0")]
    one = target(*web(labels={}), *others, stateful(), pod("stray"), *slices)
    assert [(each.name, each.found, each.workloads) for each in one.services] == [
        ("all", "leads to the target", (("shop", "deployment", "web"),))
    ]
    assert [each.name for each in one.services[0].strays] == ["stray"]
    canary = deployment("canary", labels={})
    canary["spec"]["template"]["metadata"]["labels"] = {"app": "web"}
    both = target(*web(labels={}), canary, service())
    assert [each.workloads for each in both.services] == [(("shop", "deployment", "web"),)]


def test_only_pods_may_be_read() -> None:
    """Workloads are known by owner and hash, and what is missing is told."""
    refused = dict.fromkeys(KINDS.keys() - {"pods"}, 403)
    one = find_target(Server(web(pods=2), refused), search("-l app=web"))
    assert set(found(one)) == {"shop/deployment/web"}
    assert one.workloads[0].current == "a1"
    assert len(one.unknown) == 1
    assert one.unknown[0].startswith("namespace shop: a Role there lacks: list services, ")
    assert one.unread == {"shop"}
    assert one.failed == ()


def test_nothing_may_be_read() -> None:
    """The target is unknown, with the rules; of a namespace that matters for sure only."""
    refused = dict.fromkeys(KINDS, 403)
    asked = Search("shop", hosts=(("web.edge.svc", "A"), ("web.maybe", "B")), seen=("c.seen.svc",))
    one = find_target(Server(web(), refused), asked)
    assert [each.split(":")[0] for each in one.unknown] == ["namespace edge", "namespace shop"]
    assert one.unread == {"shop", "edge", "maybe", "seen"}
    assert one.describe("shop").startswith(
        "unknown: namespace edge: a Role there lacks: list pods, list serv"
    )


def test_a_namespace_with_a_part_of_the_target_matters() -> None:
    """Services may be read there, and pods not: that is told, however it was found."""
    server = Server(within("edge", *web(), service()), {"edge/pods": 403})
    one = find_target(server, Search("shop", seen=("web.edge",)))
    assert set(found(one)) == {"edge/deployment/web"}
    assert one.unknown == ("namespace edge: a Role there lacks: list pods",)


def test_a_read_that_fails_is_told_apart() -> None:
    """It may go well a moment later, a missing right will not."""
    refused = {"pods": 500, "replicasets": 403}
    one = find_target(Server([*web(), service()], refused), search("service/web"))
    assert one.failed == ("namespace shop: pods could not be read (HTTP 500)",)
    assert one.unknown == (
        "namespace shop: a Role there lacks: list replicasets.apps",
        *one.failed,
    )


@pytest.mark.parametrize("host", ["db-0.db", "DB-0.db.", "db-0.db.shop.svc"])
def test_a_pod_s_name_behind_a_headless_service(host: str) -> None:
    """It means the Service, if that is headless."""
    objects = [stateful(), service("db", "db", clusterIP="None", clusterIPs=["None"])]
    asked = Search("shop", hosts=((host, "DB_HOST"),))
    assert set(found(find_target(Server(objects), asked))) == {"shop/statefulset/db"}
    usual = Server([stateful(), service("db", "db")])
    assert find_target(usual, Search("shop", hosts=(("db-0.db", "DB_HOST"),))).workloads == ()


def test_a_host_name_has_one_meaning() -> None:
    """A Service of another namespace comes before a pod behind a headless Service."""
    headless = service("edge", "db", clusterIP="None", clusterIPs=["None"])
    objects = [stateful(), headless, *within("edge", *web(), service())]
    assert find(*objects, host="web.edge") == {"edge/deployment/web": "read from API_URL"}


def test_an_address_has_one_meaning() -> None:
    """Namespaces are not read at the same moment: one address may be in two of them."""
    others = within("edge", *web(name="api"), service("api", "api"))
    server = Server([*web(), service(), *others])
    for address in ("10.96.0.1", "10.0.0.1"):
        one = find_target(server, search(host="none.edge.svc", seen=(address,)))
        assert found(one) == {"shop/deployment/web": "seen"}


def test_an_external_name_is_followed_to_its_namespace() -> None:
    """The namespace is read for it, and another one only if a name leads there."""
    server = Server([external("api", "web.edge.svc"), *within("edge", *web(), service())])
    one = find_target(server, search("service/api"))
    assert found(one) == {"edge/deployment/web": SAID}
    assert {path.split("/")[-2] for path in server.paths} == {"shop", "edge"}
    assert one.unread == frozenset()
    out = find_target(Server([external("api", "web.edge.svc")]), search("service/api"))
    assert [each.name for each in out.services] == ["api"]


def test_what_is_said_may_have_no_pod() -> None:
    """Labels select a template too; a ReplicaSet may stand for itself, a Deployment be made."""
    assert find(deployment(replicas=0), said="-l app=web") == {
        "shop/deployment/web": f"{SAID} -l app=web"
    }
    assert find(replicaset("web-a1", owner=""), said="rs/web-a1") == {
        "shop/replicaset/web-a1": SAID
    }
    made = deployment()
    made["metadata"]["ownerReferences"] = [{"kind": "Widget", "name": "w", "controller": True}]
    assert find(made, said="deployment/web") == {"shop/deployment/web": SAID}
    for absent in ("rs/web-a2", "pod/web-a1-9"):
        assert find(*web(), said=absent) == {}


def test_a_pod_on_its_way_out_is_no_target() -> None:
    """The Service leads to it for a moment still."""
    assert find(pod("p", deletionTimestamp="now"), service(), said="service/web") == {}


def test_a_pod_without_an_address_is_not_at_one() -> None:
    """It was created in this moment."""
    new = pod("new")
    new["status"] = None
    old = pod("old", address="10.0.0.7")
    del old["status"]["podIPs"]
    assert find(new, old, seen="10.0.0.7") == {"shop/pod/old": "seen"}


def test_a_service_is_told_once() -> None:
    """One that was said is not told again because it leads to the target."""
    one = find_target(Server([*web(), service()]), search("service/web"))
    assert [(each.name, each.found) for each in one.services] == [("web", SAID)]


def test_a_name_of_three_parts_may_be_of_no_namespace() -> None:
    """Only the second part may be one, and only of two."""
    assert search().service("a.b.c") is None
    assert search().service("a.b") == ServiceName("b", "a")
