"""The state of a namespace at one time, as plain JSON objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from pytest_k8s_job.cluster.objects import Object, event_time, labels_of, name_of, owners
from pytest_k8s_job.cluster.text import clipped, epoch
from pytest_k8s_job.diagnosis.finding import Ref
from pytest_k8s_job.wire.target_check import TargetCheckResult

__all__ = ["Refused", "Snapshot", "matches", "ref"]


@dataclass(frozen=True)
class Refused:
    """Why something could not be read; status 0 means no answer."""

    status: int
    text: str


@dataclass(frozen=True)
class Snapshot:
    """What was read of one namespace, and what could not be.

    Attributes:
        namespace: the namespace.
        context: the cluster, in words.
        server: address of the API server.
        taken: when, by this machine's clock, in seconds since the epoch.
        server_time: the same by the API server's clock, 0 if it did not answer.
        objects: resource -> objects; DNS is that of the cluster, of kube-system.
        logs: `pod/container`, with `/previous` for the container before -> its last lines.
        refused: resource -> why it could not be read.
        target_checks: requests to the target.
        ports: `service:port` -> what connecting by the API server's proxy came to.
        since: when the run's time begins: what ended before is history; 0: only now counts.
    """

    namespace: str
    context: str = ""
    server: str = ""
    taken: float = 0.0
    server_time: float = 0.0
    objects: Mapping[str, list[Object]] = field(default_factory=dict)
    logs: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, Refused] = field(default_factory=dict)
    target_checks: tuple[TargetCheckResult, ...] = ()
    ports: Mapping[str, str] = field(default_factory=dict)
    since: float = 0.0

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Snapshot:
        """Return the snapshot that `as_json` wrote."""
        refused = {name: Refused(**each) for name, each in data.get("refused", {}).items()}
        target_checks = tuple(TargetCheckResult(**each) for each in data.get("target_checks", ()))
        return cls(**{**data, "refused": refused, "target_checks": target_checks})

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return asdict(self)

    @property
    def now(self) -> float:
        """The time by the clock that wrote the objects' times."""
        return self.server_time or self.taken

    def __getitem__(self, resource: str) -> list[Object]:
        return self.objects.get(resource, [])

    def named(self, resource: str, name: str) -> Object | None:
        """Return the object of that name."""
        return self._by_name.get((resource, name))

    def knows(self, resource: str) -> bool:
        """Whether the resource could be read; only then does missing mean absent."""
        return resource in self.objects

    def age(self, stamp: object) -> float:
        """Seconds since an RFC 3339 time stamp; 0 if there is none."""
        moment = epoch(stamp)
        return max(self.now - moment, 0.0) if moment else 0.0

    def events(self, kind: str, name: str, *reasons: str) -> list[Object]:
        """Return the events on an object, the newest first.

        Only those of `reasons`, if any is named.
        """
        found = self._events_on.get((kind, name), ())
        named = [each for each in found if not reasons or each.get("reason") in reasons]
        return sorted(named, key=event_time, reverse=True)

    def event_line(self, event: Object) -> str:
        """Return an event as a line of evidence."""
        about = event["involvedObject"]
        count = int(event.get("count") or (event.get("series") or {}).get("count") or 1)
        times = f", {count} times" if count > 1 else ""
        age = max(self.now - event_time(event), 0.0)
        head = f"event {age:.0f} s ago{times}: {about.get('kind')} {about.get('name')}"
        return f"{head}: {event.get('reason')}: {clipped(event.get('message'))}"

    def log(self, pod: str, container: str) -> str:
        """Return the last log lines of a container.

        Those from before its restart, if it was restarted.
        """
        place = f"{pod}/{container}"
        return self.logs.get(f"{place}/previous") or self.logs.get(place, "")

    def owned(self, resource: str, owner: Object) -> Iterator[Object]:
        """Yield the objects that `owner` has made."""
        yield from self._owned_by.get((resource, owner["metadata"].get("uid")), ())

    def top(self, obj: Object) -> Ref:
        """Return the topmost owner of an object, such as a Deployment or Job."""
        for link in owners(obj):
            if link.get("controller"):
                above = self.named(link["kind"].lower() + "s", link["name"])
                return Ref(link["kind"], link["name"]) if above is None else self.top(above)
        return ref(obj)

    @cached_property
    def _by_name(self) -> dict[tuple[str, str], Object]:
        found: dict[tuple[str, str], Object] = {}
        for resource, objects in self.objects.items():
            for each in objects if resource != "events" else ():
                found.setdefault((resource, name_of(each)), each)
        return found

    @cached_property
    def _events_on(self) -> dict[tuple[object, object], list[Object]]:
        found: dict[tuple[object, object], list[Object]] = {}
        for each in self["events"]:
            about = each["involvedObject"]
            found.setdefault((about.get("kind"), about.get("name")), []).append(each)
        return found

    @cached_property
    def _owned_by(self) -> dict[tuple[str, object], list[Object]]:
        found: dict[tuple[str, object], list[Object]] = {}
        for resource in ("pods", "replicasets"):
            for each in self[resource]:
                for uid in {link.get("uid") for link in owners(each)}:
                    found.setdefault((resource, uid), []).append(each)
        return found

    @cached_property
    def _labelled(self) -> dict[tuple[str, str], list[Object]]:
        found: dict[tuple[str, str], list[Object]] = {}
        for pod in self["pods"]:
            for label in labels_of(pod).items():
                found.setdefault(label, []).append(pod)
        return found

    def pods_of(self, selector: Mapping[str, str]) -> list[Object]:
        """Return the pods that match a Service's selector."""
        few = min((self._labelled.get(each, ()) for each in selector.items()), key=len, default=())
        return [pod for pod in few if matches(selector, labels_of(pod))]


def matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether `labels` contain all of `selector`."""
    return all(labels.get(name) == value for name, value in selector.items())


def ref(obj: Object, kind: str = "") -> Ref:
    """Return a reference to an object; list items do not carry their kind."""
    return Ref(kind or str(obj.get("kind", "")), name_of(obj))
