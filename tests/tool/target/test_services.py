"""What stands behind a Service, and what may not be read of it."""

from __future__ import annotations

import pytest

from pytest_k8s_job.target.discovery import Search, find_target
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.said import parse_said
from pytest_k8s_job.target.state import KINDS
from tests.tool.target.objects import (
    Object,
    Server,
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

WEB = ("shop", "deployment", "web")


def found(target: Target) -> set[str]:
    """Return the workloads by namespace, kind and name."""
    return {f"{each.namespace}/{each}" for each in target.workloads}


def find(*objects: Object, said: str = "service/web", **refused: int) -> Target:
    """Return the target that an API server leads to."""
    return find_target(Server(objects, refused), Search("shop", (parse_said(said),)))


def test_a_service_leads_to_its_workload() -> None:
    """By its selector, whatever its ports are called, with pods or before the first one."""
    one = find(*web(pods=2), service(), endpoints("web", "web-a1-0"))
    assert [(each.name, each.workloads, each.strays) for each in one.services] == [
        ("web", (WEB,), ())
    ]
    assert found(find(deployment(replicas=0), service())) == {"shop/deployment/web"}
    assert found(find(deployment("db"), service())) == set()


@pytest.mark.parametrize("spec", [{"clusterIP": "None", "clusterIPs": ["None"]}, {"ports": []}])
def test_a_headless_service(spec: Object) -> None:
    """It leads to its workload, by the name of a pod too."""
    assert found(find(*web(), service(**spec))) == {"shop/deployment/web"}


@pytest.mark.parametrize("host", ["db-0.db", "DB-0.db.", "db-0.db.shop.svc"])
def test_a_pod_s_name_behind_a_headless_service(host: str) -> None:
    """It means the Service, if that is headless."""
    objects = [stateful(), service("db", "db", clusterIP="None", clusterIPs=["None"])]
    asked = Search("shop", hosts=((host, "DB_HOST"),))
    assert found(find_target(Server(objects), asked)) == {"shop/statefulset/db"}
    usual = Server([stateful(), service("db", "db")])
    assert found(find_target(usual, Search("shop", hosts=(("db-0.db", "DB_HOST"),)))) == set()


def test_a_service_without_a_selector() -> None:
    """Its EndpointSlices lead on, by pod or by address."""
    objects = [*web(), service(app="")]
    assert found(find(*objects, endpoints("web", "web-a1-0"))) == {"shop/deployment/web"}
    assert found(find(*objects, endpoints("other", "web-a1-0"))) == set()
    by_hand = endpoints("web", "x")
    del by_hand["endpoints"][0]["targetRef"]
    by_hand["endpoints"][0]["addresses"] = ["10.0.0.1"]
    assert found(find(*objects, by_hand)) == {"shop/deployment/web"}
    by_hand["endpoints"][0]["addresses"] = ["192.0.2.1"]
    assert found(find(*objects, by_hand)) == set()
    node = endpoints("web", "web-a1-0")
    node["endpoints"][0]["targetRef"]["kind"] = "Node"
    assert found(find(*objects, node)) == set()
    assert found(find(*objects, endpoints("web") | {"endpoints": None})) == set()


def test_external_names_are_followed() -> None:
    """From one to the next, in other namespaces, which are read for it."""
    first = external("api", "web.edge.svc.cluster.local")
    second = within("edge", external("web", "real.db.svc.cluster.local."))
    last = within("db", service("real"), *web(), pod("stray"), endpoints("real", "stray"))
    one = find(first, *second, *last, said="service/api")
    assert found(one) == {"db/deployment/web"}
    key = ("db", "deployment", "web")
    assert [(each.namespace, each.name, each.workloads) for each in one.services] == [
        ("shop", "api", (key,)),
        ("edge", "web", (key,)),
        ("db", "real", (key,)),
    ]
    assert [len(each.strays) for each in one.services] == [0, 0, 1]
    assert one.absent == ()


@pytest.mark.parametrize("host", ["example.com", "web", "web.edge", "10.0.0.1", "", "api.shop.svc"])
def test_external_names_that_lead_nowhere(host: str) -> None:
    """Out of the cluster, to itself, or to a name that is none of a Service."""
    one = find(external("api", host), *web(), service(), said="service/api")
    assert found(one) == set()
    assert [each.name for each in one.services] == ["api"]
    assert one.absent == ()


def test_external_names_in_a_circle_and_without_an_end() -> None:
    """A circle ends; a chain is followed for some hops."""
    circle = [external("a", "b.shop.svc"), external("b", "a.shop.svc")]
    assert found(find(*circle, said="service/a")) == set()

    def hops(many: int) -> set[str]:
        names = [external(f"e{n}", f"e{n + 1}.shop.svc") for n in range(many)]
        return found(find(*names, service(f"e{many}"), *web(), said="service/e0"))

    assert hops(4) == {"shop/deployment/web"}
    assert hops(9) == set()


def test_an_external_name_to_a_service_that_is_not_there() -> None:
    """It leads to nothing."""
    one = find(external("api", "web.edge.svc"), said="service/api")
    assert [(each.name, each.workloads) for each in one.services] == [("api", ())]


def test_two_workloads_behind_one_service() -> None:
    """A canary belongs to the target as well."""
    canary = web("c1", name="canary")
    canary[0]["spec"]["template"]["metadata"]["labels"] = {"app": "web", "track": "canary"}
    one = find(*web(), *canary, service())
    assert found(one) == {"shop/deployment/web", "shop/deployment/canary"}
    assert one.services[0].strays == ()


@pytest.mark.parametrize("owner", ["", "Node/node-1"])
def test_a_bare_pod_beside_a_workload_is_a_stray_if_it_answers(owner: str) -> None:
    """A ready endpoint is what counts, not its labels."""
    objects = [*web(), service(), pod("stray", owner)]
    assert find(*objects).services[0].strays == ()
    assert find(*objects, endpoints("web", "stray", ready=False)).services[0].strays == ()
    one = find(*objects, endpoints("web", "web-a1-0", "stray"))
    assert [each.name for each in one.services[0].strays] == ["stray"]
    assert found(one) == {"shop/deployment/web"}


def test_an_endpoint_that_says_nothing_is_ready() -> None:
    """So says the description of EndpointSlice."""
    slices = endpoints("web", "stray")
    slices["endpoints"][0]["conditions"] = None
    assert len(find(*web(), service(), pod("stray"), slices).services[0].strays) == 1


def test_a_stray_that_is_said_is_a_target() -> None:
    """Who names a bare pod wants to test it."""
    objects = [*web(), service(), pod("stray"), endpoints("web", "stray")]
    asked = Search("shop", tuple(map(parse_said, ("deployment/web", "pod/stray"))))
    one = find_target(Server(objects), asked)
    assert found(one) == {"shop/deployment/web", "shop/pod/stray"}
    assert [each.strays for each in one.services] == [()]


def test_pods_of_jobs_and_finished_ones_are_nothing() -> None:
    """The tests' own pod may carry any label, and a finished one answers nothing."""
    others = [pod("run-x", "Job/run"), pod("evicted", phase="Failed")]
    slices = endpoints("web", "run-x", "evicted")
    one = find(*web(), service(), *others, slices)
    assert found(one) == {"shop/deployment/web"}
    assert one.services[0].strays == ()
    assert found(find(service(), *others, slices)) == set()
    assert found(find(service(), *others, pod("bare"), slices)) == {"shop/pod/bare"}


def test_services_that_lead_to_the_target() -> None:
    """They are told too, with what of the target is behind them, and their strays."""
    others = [service("all", "web"), service("db", "db"), service("hand", "")]
    slices = [endpoints("all", "stray"), endpoints("hand", "web-a1-0")]
    one = target(*web(labels={}), *others, stateful(), pod("stray"), *slices)
    assert [(each.name, each.found, each.workloads) for each in one.services] == [
        ("all", "leads to the target", (WEB,))
    ]
    assert [each.name for each in one.services[0].strays] == ["stray"]
    canary = deployment("canary", labels={})
    canary["spec"]["template"]["metadata"]["labels"] = {"app": "web"}
    both = target(*web(labels={}), canary, service())
    assert [each.workloads for each in both.services] == [(WEB,)]


def test_workloads_by_their_replicasets() -> None:
    """A ReplicaSet by itself, and an Argo Rollout, are found by their pods."""
    one = pod("web-a1-x", "ReplicaSet/web-a1", version="a1")
    assert found(find(replicaset("web-a1", owner=""), one, service())) == {"shop/replicaset/web-a1"}
    rollout = replicaset("web-a1", owner="Rollout/web")
    assert found(find(rollout, one, service())) == {"shop/rollout/web"}
    assert found(find(rollout, one, said="rollout/web")) == {"shop/rollout/web"}
    assert found(find(rollout, one, said="rs/web-a1")) == {"shop/rollout/web"}


def test_only_pods_may_be_read() -> None:
    """Workloads are known by owner and hash, and what is missing is told."""
    refused = dict.fromkeys(KINDS.keys() - {"pods"}, 403)
    one = find(*web(pods=2), said="-l app=web", **refused)
    assert found(one) == {"shop/deployment/web"}
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
    assert str(one).startswith("unknown: namespace edge: a Role there lacks: list pods, list serv")


def test_a_namespace_with_a_part_of_the_target_matters() -> None:
    """Services may be read there, and pods not: that is told, however it was found."""
    server = Server(within("edge", *web(), service()), {"edge/pods": 403})
    one = find_target(server, Search("shop", seen=("web.edge",)))
    assert found(one) == {"edge/deployment/web"}
    assert one.unknown == ("namespace edge: a Role there lacks: list pods",)


def test_a_read_that_fails_is_told_apart() -> None:
    """It may go well a moment later, a missing right will not."""
    one = find(*web(), service(), pods=500, replicasets=403)
    assert one.failed == ("namespace shop: pods could not be read (HTTP 500)",)
    assert one.unknown == (
        "namespace shop: a Role there lacks: list replicasets.apps",
        *one.failed,
    )
