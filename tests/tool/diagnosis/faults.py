"""All faults, in the order of the tables."""

from __future__ import annotations

from tests.tool.diagnosis import faults_cluster, faults_containers, faults_pods, faults_services
from tests.tool.diagnosis.fault import Fault

__all__ = ["FAULTS"]

FAULTS: list[Fault] = [
    *faults_pods.FAULTS,
    *faults_containers.FAULTS,
    *faults_services.FAULTS,
    *faults_cluster.FAULTS,
]
