"""Faults between a client and the service: Services, ports, names, answers, versions."""

from __future__ import annotations

from typing import Any

from pytest_k8s_job.diagnosis.causes import Cause
from tests.tool.diagnosis.fault import Fault
from tests.tool.diagnosis.objects import SLEEP, container, deployment, pod_spec, server, service
from tests.tool.diagnosis.place import IMAGE, Place

__all__ = ["FAULTS"]

Object = dict[str, Any]
RESETS, HANGS = 0, -1  # in place of a status: what the server does then


def _served(place: Place) -> None:
    place.apply(deployment(pod_spec(server())), service())
    place.wait_ready()


def _create(*objects: Object) -> Any:
    def inject(place: Place) -> None:
        place.apply(*objects)

    return inject


def _asking(url: str, *objects: Object) -> Any:
    """Have the diagnosis look at a URL; `NS` in it is the namespace."""

    def inject(place: Place) -> None:
        place.url = url.replace("NS", place.name)
        if objects:
            place.apply(*objects)

    return inject


def _answering(status: int) -> Any:
    def prepare(place: Place) -> None:
        place.apply(deployment(pod_spec(server(status, probe=False))), service())
        place.wait_ready()

    return prepare


def _silent(place: Place) -> None:
    place.apply(deployment(pod_spec(container(SLEEP, ports=[{"containerPort": 8080}]))), service())
    place.wait_ready()


def _calling(host: str) -> Object:
    """Return a Deployment that ends when it cannot reach a host, and says so."""
    code = (
        "import sys, urllib.request\n"
        f"try: urllib.request.urlopen('http://{host}/', timeout=3)\n"
        f"except OSError as error: sys.exit(f'connecting to {host}: {{error}}')\n"
    )
    return deployment(pod_spec(container(["python", "-c", code])), "worker")


def _scale_down(place: Place) -> None:
    place.kubectl("scale", "deployment", "api", "--replicas=0")


def _pause(place: Place) -> None:
    place.kubectl("rollout", "pause", "deployment/api")
    place.kubectl("set", "env", "deployment/api", "VERSION=2")


def _change_selector(place: Place) -> None:
    place.apply(service(app="apii"))


def _change_port(place: Place) -> None:
    place.apply(service(target=8081))


def _change_port_name(place: Place) -> None:
    place.apply(service(target="htpp"))


def _add_version(place: Place) -> None:
    """A second Deployment, of another image, behind the same Service."""
    main = container(SLEEP, name="main", image=f"docker.io/library/{IMAGE}")
    second = deployment(pod_spec(main), "api-next")
    labels = {"app": "api", "version": "next"}
    second["spec"]["selector"]["matchLabels"] = labels
    second["spec"]["template"]["metadata"]["labels"] = labels
    place.apply(second)


def _break_rollout(place: Place) -> None:
    place.kubectl("set", "env", "deployment/api", "STATUS=503")


UNREADY = deployment(pod_spec(server(503)))

FAULTS = [
    Fault(
        "selector-no-pod", Cause.SELECTOR_NO_POD, ("app=apii", "app=api"), _change_selector, _served
    ),
    Fault("port-name", Cause.PORT_NAME, ("htpp", "http"), _change_port_name, _served),
    Fault("port-number", Cause.PORT_NUMBER, ("8081", "8080"), _change_port, _served),
    Fault(
        "never-ready",
        Cause.NOT_READY,
        ("503",),
        _create(UNREADY, service()),
        sign="Readiness probe failed",
        chain=("Service api", "rollout"),
    ),
    Fault(
        "service-missing",
        Cause.SERVICE_MISSING,
        ("no Service redi", "redis"),
        _create(
            service("redis", 6379, 6379),
            deployment(pod_spec(container()), "redis"),
            _calling("redi"),
        ),
        sign='"exitCode"',
        chain=("worker",),
    ),
    Fault(
        "wrong-namespace",
        Cause.WRONG_NAMESPACE,
        ("namespace default",),
        _asking("http://api.default.svc/readyz"),
        _served,
    ),
    Fault(
        "wrong-name",
        Cause.SERVICE_MISSING,
        ("no Service ap", "api"),
        _asking("http://ap.NS.svc/readyz"),
        _served,
    ),
    Fault(
        "connection-refused",
        Cause.CONNECTION_REFUSED,
        ("refused",),
        _asking("http://api.NS.svc/readyz"),
        _silent,
    ),
    Fault(
        "connection-reset",
        Cause.CONNECTION_RESET,
        ("closed",),
        _asking("http://api.NS.svc/readyz"),
        _answering(RESETS),
    ),
    Fault(
        "connection-timeout",
        Cause.CONNECTION_TIMEOUT,
        ("within",),
        _asking("http://api.NS.svc/readyz"),
        _answering(HANGS),
        clock=5,
    ),
    Fault("tls", Cause.TLS, ("TLS",), _asking("https://api.NS.svc:80/readyz"), _served),
    Fault(
        "server-error",
        Cause.SERVER_ERROR,
        ("503", "redis does not answer"),
        _asking("http://api.NS.svc/readyz"),
        _answering(503),
    ),
    Fault(
        "wrong-status",
        Cause.WRONG_STATUS,
        ("404",),
        _asking("http://api.NS.svc/ready"),
        _answering(404),
    ),
    Fault(
        "scaled-to-zero",
        Cause.SCALED_TO_ZERO,
        ("Deployment api",),
        _scale_down,
        _served,
        chain=("Service api",),
    ),
    Fault("rollout-paused", Cause.ROLLOUT_PAUSED, ("paused",), _pause, _served),
    Fault(
        "rollout-stuck",
        Cause.NOT_READY,
        ("503",),
        _break_rollout,
        _served,
        sign="Readiness probe failed",
        chain=("rollout",),
    ),
    Fault(
        "two-versions",
        Cause.TWO_VERSIONS,
        ("two versions",),
        _add_version,
        _served,
        sign='"ready":true',
    ),
]
