"""What stands behind a Service, and what may not be read of it."""

from __future__ import annotations

import pytest

from pytest_k8s_job.cluster.job_manifest import RUN_LABEL
from pytest_k8s_job.target.behind import chain, service_in
from pytest_k8s_job.target.discovery import Search, find_target
from pytest_k8s_job.target.hosts import ServiceName
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.said import parse_said
from tests.tool.target.objects import (
    Object,
    Server,
    deployment,
    endpoints,
    external,
    pod,
    replicaset,
    service,
    state,
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
    assert found(find(deployment("db"), pod("db-0", app="db"), service())) == set()
    nameless = deployment()
    nameless["spec"]["template"]["metadata"] = None
    assert found(find(nameless, service())) == set()
    nameless["spec"]["template"]["metadata"] = {"labels": None}
    assert found(find(nameless, service())) == set()


@pytest.mark.parametrize("spec", [{"clusterIP": "None", "clusterIPs": ["None"]}, {"ports": []}])
def test_a_headless_service(spec: Object) -> None:
    """It leads to its workload, by the name of a pod too."""
    assert found(find(*web(), service(**spec))) == {"shop/deployment/web"}


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
    node["endpoints"][0]["addresses"] = ["10.0.0.1"]
    assert found(find(*objects, node)) == set()
    assert found(find(*objects, endpoints("web") | {"endpoints": None})) == set()
    assert found(find(*objects, endpoints("web") | {"endpoints": [{}]})) == set()


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


def test_a_chain_of_external_names() -> None:
    """It ends where it comes back, where it leads out, and where nothing was read."""
    objects = [
        external("a", "b.shop.svc"),
        external("b", "a.shop.svc"),
        external("single", "web"),
        external("out", "web.edge.svc"),
        service("usual", externalName="web.edge.svc"),
    ]
    states = {"shop": state(*objects)}
    places = {
        name: [f"{each.namespace}/{each.name}" for each in chain(states, ServiceName("shop", name))]
        for name in ("a", "single", "out", "usual")
    }
    assert places == {
        "a": ["shop/a", "shop/b"],
        "single": ["shop/single"],
        "out": ["shop/out", "edge/web"],
        "usual": ["shop/usual"],
    }
    assert service_in(states, ServiceName("shop", "out"), "seen").workloads == ()
    many = [external(f"e{n}", f"e{n + 1}.shop.svc") for n in range(9)]
    assert len(chain({"shop": state(*many)}, ServiceName("shop", "e0"))) == 5


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


def test_a_bare_pod_alone_is_no_stray() -> None:
    """The Service leads to nothing else: it is the target."""
    objects = [service(), pod("bare"), endpoints("web", "bare")]
    assert found(find(*objects)) == {"shop/pod/bare"}
    one = service_in({"shop": state(*objects)}, ServiceName("shop", "web"), "seen")
    assert (one.workloads, one.strays) == ((("shop", "pod", "bare"),), ())


def test_an_endpoint_that_says_nothing_is_ready() -> None:
    """So says the description of EndpointSlice."""
    slices = endpoints("web", "stray")
    slices["endpoints"][0]["conditions"] = None
    assert len(find(*web(), service(), pod("stray"), slices).services[0].strays) == 1


def test_pods_of_jobs_and_finished_ones_are_nothing() -> None:
    """The tests' own pod may carry any label, and a finished one answers nothing."""
    run = pod("run-x", "Job/run", labels={"app": "web", RUN_LABEL: "1a2b"})
    others = [run, pod("evicted", phase="Failed")]
    slices = endpoints("web", "run-x", "evicted")
    one = find(*web(), service(), *others, slices)
    assert found(one) == {"shop/deployment/web"}
    assert one.services[0].strays == ()
    assert found(find(service(), *others, slices)) == set()
    assert found(find(service(), *others, pod("bare"), slices)) == {"shop/pod/bare"}


def test_workloads_by_their_replicasets() -> None:
    """A ReplicaSet by itself, and an Argo Rollout, are found by their pods."""
    one = pod("web-a1-x", "ReplicaSet/web-a1", version="a1")
    assert found(find(replicaset("web-a1", owner=""), one, service())) == {"shop/replicaset/web-a1"}
    rollout = replicaset("web-a1", owner="Rollout/web")
    assert found(find(rollout, one, service())) == {"shop/rollout/web"}
    assert found(find(rollout, one, said="rollout/web")) == {"shop/rollout/web"}
    assert found(find(rollout, one, said="rs/web-a1")) == {"shop/rollout/web"}


def test_the_pod_of_another_job_that_answers_is_a_stray() -> None:
    """It is no workload's, whoever made it, and takes a part of the requests."""
    objects = [*web(), service(), pod("migrate-x", "Job/migrate")]
    assert find(*objects).services[0].strays == ()
    one = find(*objects, endpoints("web", "web-a1-0", "migrate-x")).services[0]
    assert [each.name for each in one.strays] == ["migrate-x"]


def foreign(slices: Object, *more: Object) -> tuple[str, ...]:
    """Return the addresses behind a Service with a workload that are none of its pods."""
    return find(*web(), service(), *more, slices).services[0].foreign


def test_addresses_of_no_pod() -> None:
    """An EndpointSlice that was written by hand may lead anywhere."""
    slices = endpoints("web", "web-a1-0")
    (endpoint,) = slices["endpoints"]
    endpoint["addresses"] = ["10.0.0.1"]
    assert foreign(slices) == ()
    endpoint["addresses"] = ["192.0.2.1"]
    assert foreign(slices) == ("192.0.2.1",)  # its targetRef tells a lie
    del endpoint["targetRef"]
    assert foreign(slices) == ("192.0.2.1",)
    assert foreign(slices, pod("other", app="other", address="192.0.2.1")) == ()
    endpoint["conditions"] = {"ready": False}
    assert foreign(slices) == ()
    assert find(service(), slices).services[0].foreign == ()  # nothing else is behind it


def test_a_pod_of_another_namespace_is_none_of_a_services() -> None:
    """Even if one of the same name is here."""
    slices = endpoints("web", "web-a1-0")
    slices["endpoints"][0] |= {"addresses": ["10.9.9.9"]}
    slices["endpoints"][0]["targetRef"]["namespace"] = "elsewhere"
    assert foreign(slices) == ("10.9.9.9",)


def test_what_is_read_a_moment_apart_is_not_foreign() -> None:
    """A pod that is gone by now, or had no address when it was read."""
    slices = endpoints("web", "gone")
    slices["endpoints"][0]["addresses"] = ["10.0.0.7"]
    assert foreign(slices) == ()
    assert foreign(slices, pod("gone", "ReplicaSet/web-a1", version="a1", address="")) == ()
