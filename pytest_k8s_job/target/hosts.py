"""Which Service a host name means, and which host names a manifest's environment holds."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from pytest_k8s_job.cluster.objects import Object

__all__ = ["ServiceName", "hosts_in_environment", "service_named"]

URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s,;\"']+", re.I)
NAME = re.compile(
    r"(?P<host>[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*\.?)(?:(?P<port>:\d+)(?:/\S*)?)?",
    re.I,
)
BETWEEN = re.compile(r"[\s,;]+")  # of several addresses in one value
# A bare word is a host name only where its variable says so: `QUEUE=jobs` names no Service.
HOST_VARIABLE = re.compile(
    r"(?:^|_)(?:HOST|HOSTNAME|SERVER|ADDR|ADDRESS|ENDPOINT|URL|URI|SERVICE)$", re.I
)


@dataclass(frozen=True)
class ServiceName:
    """A Service that a host name means."""

    namespace: str
    name: str


def service_named(host: str, namespace: str, known: Collection[str] = ()) -> ServiceName | None:
    """Return the Service that `host` means, as seen from a pod in `namespace`.

    A name of two parts is one only if its second part is one of the `known` namespaces: without
    `.svc` it may as well be a host outside of the cluster.
    """
    name = host.rstrip(".").lower().removesuffix(".cluster.local")
    inside = name.endswith(".svc")
    parts = name.removesuffix(".svc").split(".")
    if ":" in name or not all(parts) or parts[0] == "localhost" or parts[0].isdigit():
        return None
    if len(parts) == 1 and not inside:
        return ServiceName(namespace, name)
    if len(parts) == 3 and inside:  # a pod by its name, behind a headless Service
        parts = parts[1:]
    if len(parts) == 2 and (inside or parts[1] in known):
        return ServiceName(parts[1], parts[0])
    return None


def hosts_in_environment(container: Object, more: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield (host name, variable) of what the container's environment names, `more` included.

    Values that come from ConfigMaps and Secrets are not read.
    """
    listed = container.get("env") or ()
    values = {str(each["name"]): str(each.get("value") or "") for each in listed} | dict(more)
    for variable, value in values.items():
        for host in _hosts_in(variable, value):
            yield host, variable


def _hosts_in(variable: str, value: str) -> Iterator[str]:
    yield from filter(None, (_host_of(match[0]) for match in URL.finditer(value)))
    words = BETWEEN.split(URL.sub(" ", value).strip(" ,;"))
    hosts = (NAME.fullmatch(word.rpartition("@")[2]) for word in words)  # without user, password
    for name in filter(None, hosts):
        alone = name["host"] == value.strip()
        if name["port"] or (alone and ("." in name["host"] or HOST_VARIABLE.search(variable))):
            yield name["host"].lower()


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:  # brackets that are no IPv6 address
        return None
