"""All rules, and what their findings come to together.

A rule looks for one kind of trouble and knows nothing of the others; `ranking` makes chains of
what they found.
"""

from __future__ import annotations

from itertools import chain

from pytest_k8s_job.diagnosis.access import check_access, check_clock
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.creation import check_creation
from pytest_k8s_job.diagnosis.dns import check_dns
from pytest_k8s_job.diagnosis.endings import check_endings
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.images import check_images
from pytest_k8s_job.diagnosis.losses import check_jobs, check_losses, check_nodes
from pytest_k8s_job.diagnosis.probes import check_probes
from pytest_k8s_job.diagnosis.ranking import rank
from pytest_k8s_job.diagnosis.reach import check_reach
from pytest_k8s_job.diagnosis.scheduling import check_scheduling
from pytest_k8s_job.diagnosis.services import check_services
from pytest_k8s_job.diagnosis.snapshot import Look, Snapshot
from pytest_k8s_job.diagnosis.starts import check_starts
from pytest_k8s_job.diagnosis.storage import check_storage
from pytest_k8s_job.diagnosis.taking import take_snapshot
from pytest_k8s_job.diagnosis.target import check_target
from pytest_k8s_job.diagnosis.workloads import check_workloads

__all__ = [
    "Cause",
    "Finding",
    "Look",
    "Outlook",
    "Ref",
    "Snapshot",
    "diagnose",
    "take_snapshot",
]

GENERAL = (check_access, check_clock)
RULES = (
    check_nodes,
    check_dns,
    check_creation,
    check_storage,
    check_scheduling,
    check_images,
    check_starts,
    check_losses,
    check_endings,
    check_probes,
    check_jobs,
    check_services,
    check_reach,
    check_target,
    check_workloads,
)


def diagnose(snapshot: Snapshot) -> list[Finding]:
    """Return the root causes of what is wrong in a snapshot, the most basic first."""
    general = list(chain.from_iterable(rule(snapshot) for rule in GENERAL))
    unreadable = any(each.cause is not Cause.CLOCK_SKEW for each in general)
    rules = () if unreadable else RULES
    return rank([*general, *chain.from_iterable(rule(snapshot) for rule in rules)])
