"""Shows verdicts to Prometheus, drawn anew from what is kept at each scrape."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry, generate_latest, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.verdict.verdict import Verdict

__all__ = ["Metrics"]

Read = Callable[[], Sequence[tuple[str, Sequence[Validation], float]]]
TRIGGERS = {False: "rollout", True: "schedule"}


class Metrics(Collector):
    """A collector of prometheus_client: no counters of its own, so a restart loses nothing.

    `read` returns for each template its name, its kept runs (newest first), and since when what is
    deployed has been without a verdict (seconds since the epoch; 0: it has one).
    """

    def __init__(self, read: Read) -> None:
        self._read = read

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the metrics; called at each scrape."""
        kept, last, at, duration, without = _families()
        for template, validations, since in self._read():
            for verdict in Verdict:
                count = sum(each.verdict == verdict for each in validations)
                kept.add_metric([template, verdict], count)
            waiting = max(0.0, time.time() - since) if since else 0.0
            without.add_metric([template], waiting)
            for newest in _newest(validations):
                labels = [template, TRIGGERS[newest.periodic]]
                for verdict in Verdict:
                    last.add_metric([*labels, verdict], newest.verdict == verdict)
                at.add_metric(labels, newest.started + newest.seconds)
                duration.add_metric(labels, newest.seconds)
        return kept, last, at, duration, without

    def text(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self._registry())

    def serve(self, port: int, address: str = "0.0.0.0") -> tuple[int, Callable[[], None]]:  # noqa: S104 (a pod is scraped from outside)
        """Serve them at /metrics in a thread; return the port, and what ends it."""
        server, _ = start_http_server(port, address, self._registry())

        def end() -> None:
            server.shutdown()
            server.server_close()

        return server.server_port, end

    def _registry(self) -> CollectorRegistry:
        registry = CollectorRegistry()
        registry.register(self)
        return registry

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return the families without values: asked at registration, when nothing is read yet."""
        return _families()


def _families() -> tuple[GaugeMetricFamily, ...]:
    """Return all metrics without values."""
    return (
        GaugeMetricFamily(
            "k8s_job_kept_validations",
            "Kept validation runs by verdict.",
            labels=("template", "verdict"),
        ),
        GaugeMetricFamily(
            "k8s_job_last_verdict",
            "1 for the verdict of the newest run, 0 for the other verdicts.",
            labels=("template", "trigger", "verdict"),
        ),
        GaugeMetricFamily(
            "k8s_job_last_verdict_timestamp_seconds",
            "When the newest run ended.",
            labels=("template", "trigger"),
        ),
        GaugeMetricFamily(
            "k8s_job_last_duration_seconds",
            "How long the newest run took, from the creation of its Job.",
            labels=("template", "trigger"),
        ),
        GaugeMetricFamily(
            "k8s_job_without_verdict_seconds",
            "How long what is deployed has been without a verdict; 0 if it has one.",
            labels=("template",),
        ),
    )


def _newest(validations: Sequence[Validation]) -> Iterable[Validation]:
    """Return the newest run on a rollout and the newest that a schedule started."""
    for periodic in TRIGGERS:
        found = next((each for each in validations if each.periodic is periodic), None)
        if found is not None:
            yield found
