"""How workloads are found: said, read, seen, belonging."""

from __future__ import annotations

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


def test_an_external_name_is_followed_to_its_namespace() -> None:
    """The namespace is read for it, and another one only if a name leads there."""
    server = Server([external("api", "web.edge.svc"), *within("edge", *web(), service())])
    one = find_target(server, search("service/api"))
    assert found(one) == {"edge/deployment/web": SAID}
    assert {path.split("/")[-2] for path in server.paths} == {"shop", "edge"}
    assert one.unread == frozenset()
    out = find_target(Server([external("api", "web.edge.svc")]), search("service/api"))
    assert [each.name for each in out.services] == ["api"]


def test_a_pod_on_its_way_out_is_no_target() -> None:
    """The Service leads to it for a moment still."""
    assert find(pod("p", deletionTimestamp="now"), service(), said="service/web") == {}


def test_a_service_is_told_once() -> None:
    """One that was said is not told again because it leads to the target."""
    one = find_target(Server([*web(), service()]), search("service/web"))
    assert [(each.name, each.found) for each in one.services] == [("web", SAID)]
