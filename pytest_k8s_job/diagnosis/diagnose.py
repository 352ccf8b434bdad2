"""Runs all rules on a snapshot and ranks what they find.

A rule looks for one kind of trouble and knows nothing of the others; `ranking` makes chains of
what they found.
"""

from __future__ import annotations

from itertools import chain

from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.finding import Finding
from pytest_k8s_job.diagnosis.ranking import rank
from pytest_k8s_job.diagnosis.rules.access import check_access, check_clock
from pytest_k8s_job.diagnosis.rules.blocked_connections import check_blocked_connections
from pytest_k8s_job.diagnosis.rules.container_exits import check_container_exits
from pytest_k8s_job.diagnosis.rules.container_starts import check_container_starts
from pytest_k8s_job.diagnosis.rules.creation import check_creation
from pytest_k8s_job.diagnosis.rules.dns import check_dns
from pytest_k8s_job.diagnosis.rules.images import check_images
from pytest_k8s_job.diagnosis.rules.lost_pods import check_jobs, check_lost_pods, check_nodes
from pytest_k8s_job.diagnosis.rules.probes import check_probes
from pytest_k8s_job.diagnosis.rules.scheduling import check_scheduling
from pytest_k8s_job.diagnosis.rules.services import check_services
from pytest_k8s_job.diagnosis.rules.storage import check_storage
from pytest_k8s_job.diagnosis.rules.target import check_target
from pytest_k8s_job.diagnosis.rules.workloads import check_workloads
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["diagnose"]

GENERAL = (check_access, check_clock)
RULES = (
    check_nodes,
    check_dns,
    check_creation,
    check_storage,
    check_scheduling,
    check_images,
    check_container_starts,
    check_lost_pods,
    check_container_exits,
    check_probes,
    check_jobs,
    check_services,
    check_blocked_connections,
    check_target,
    check_workloads,
)


def diagnose(snapshot: Snapshot) -> list[Finding]:
    """Return the root causes of what is wrong in a snapshot, the most basic first."""
    return rank(find(snapshot))


def find(snapshot: Snapshot) -> list[Finding]:
    """Return what the rules find in a snapshot, as causes and effects side by side."""
    general = list(chain.from_iterable(rule(snapshot) for rule in GENERAL))
    unreadable = any(each.cause is not Cause.CLOCK_SKEW for each in general)
    rules = () if unreadable else RULES
    return [*general, *chain.from_iterable(rule(snapshot) for rule in rules)]
