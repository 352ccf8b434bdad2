"""Faults that keep a Job from having a pod, or its pod from having a node."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytest_k8s_job.diagnosis.causes import Cause
from tests.tool.diagnosis.fault import Fault
from tests.tool.diagnosis.objects import container, deployment, job, pod_spec, service
from tests.tool.diagnosis.place import Place, kubectl, wait_until

__all__ = ["FAULTS"]

Object = dict[str, Any]
ENFORCE = "pod-security.kubernetes.io/enforce=restricted"
CREATED = "FailedCreate"


def _create(job_object: Object | None = None) -> Any:
    def inject(place: Place) -> None:
        place.apply(job_object or job())

    return inject


def _enforce(place: Place) -> None:
    kubectl("label", "namespace", place.name, ENFORCE)


def _quota(**hard: str) -> Any:
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small"},
        "spec": {"hard": {key.replace("_", "."): value for key, value in hard.items()}},
    }

    def prepare(place: Place) -> None:
        place.apply(quota)
        place.kubectl(
            "wait", "resourcequota/small", "--for=jsonpath={.status.hard}", "--timeout=30s"
        )

    return prepare


def _limit_range(place: Place) -> None:
    limits = [{"type": "Container", "max": {"memory": "32Mi"}}]
    place.apply(
        {
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "small"},
            "spec": {"limits": limits},
        }
    )


@contextmanager
def _webhook(place: Place) -> Iterator[None]:
    """Have pods of this namespace admitted by a webhook whose service is missing."""
    hook = {
        "name": "guard.example.com",
        "clientConfig": {"service": {"name": "guard", "namespace": place.name, "path": "/"}},
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place.name}},
        "rules": [
            {
                "apiGroups": [""],
                "apiVersions": ["v1"],
                "operations": ["CREATE"],
                "resources": ["pods"],
            }
        ],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "failurePolicy": "Fail",
        "timeoutSeconds": 2,
    }
    place.apply(
        {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": place.name},
            "webhooks": [hook],
        }
    )
    try:
        place.apply(job())
        yield
    finally:
        kubectl("delete", "validatingwebhookconfiguration", place.name)


def _policy_objects(place: Place) -> tuple[Object, Object]:
    version = "admissionregistration.k8s.io/v1"
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": place.name}}}
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["pods"],
    }
    check = {
        "expression": "has(object.metadata.labels.team)",
        "message": "every pod names its team",
    }
    policy = {
        "apiVersion": version,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": place.name},
        "spec": {"matchConstraints": {"resourceRules": [rule]}, "validations": [check]},
    }
    binding = {
        "apiVersion": version,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": place.name},
        "spec": {
            "policyName": place.name,
            "validationActions": ["Deny"],
            "matchResources": here,
        },
    }
    return policy, binding


@contextmanager
def _policy(place: Place) -> Iterator[None]:
    """Have pods of this namespace refused by a policy; it counts a moment after it is created."""
    place.apply(*_policy_objects(place))
    try:
        _until_refused(place)
        place.apply(job())
        yield
    finally:
        kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", place.name)


def _until_refused(place: Place) -> None:
    probe = ("-n", place.name, "run", "probe", "--image=none", "--dry-run=server", "-o", "name")
    wait_until(lambda: not kubectl(*probe, check=False), "the policy to count")


def _claim(name: str = "data", **spec: Any) -> Object:
    size = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {**size, **spec},
    }


def _mounting(claim: str) -> Object:
    mount = [{"name": "data", "mountPath": "/data"}]
    return pod_spec(
        container(volumeMounts=mount),
        volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": claim}}],
    )


def _claiming(**spec: Any) -> Any:
    def inject(place: Place) -> None:
        place.apply(_claim(**spec), job(_mounting("data")))

    return inject


@contextmanager
def _no_provisioner(place: Place) -> Iterator[None]:
    place.apply(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": place.name},
            "provisioner": "example.com/absent",
        }
    )
    try:
        place.apply(_claim(storageClassName=place.name), job(_mounting("data")))
        yield
    finally:
        kubectl("delete", "storageclass", place.name)


def _chain(place: Place) -> None:
    """A worker that crashes because Redis is not there because its volume is not."""
    code = (
        "import socket,sys\n"
        "try: socket.create_connection(('redis', 6379), 2)\n"
        "except OSError as error: sys.exit(f'{error} connecting to redis:6379')\n"
    )
    worker = container(
        ["python", "-c", code], env=[{"name": "REDIS_URL", "value": "redis://redis:6379/0"}]
    )
    place.apply(
        _claim(storageClassName="absent"),
        deployment(_mounting("data"), "redis"),
        service("redis", 6379, 6379),
        deployment(pod_spec(worker), "worker", replicas=2),
    )


BIG = job(pod_spec(container(resources={"requests": {"cpu": "100"}})))
LIMITED = job(pod_spec(container(resources={"limits": {"memory": "64Mi"}})))
APART = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {
                "labelSelector": {"matchLabels": {"app": "api"}},
                "topologyKey": "kubernetes.io/hostname",
            }
        ]
    }
}
ACCOUNT = job(pod_spec(serviceAccountName="absent"))
PRIORITY = job(pod_spec(priorityClassName="absent"))
SELECTED = job(pod_spec(nodeSelector={"disk": "ssd"}))

FAULTS = [
    Fault(
        "pod-security",
        Cause.POD_SECURITY,
        ("restricted", "runAsNonRoot"),
        _create(),
        _enforce,
        CREATED,
        job=job(),
    ),
    Fault(
        "quota", Cause.QUOTA, ("small", "pods=1"), _create(), _quota(pods="0"), CREATED, job=job()
    ),
    Fault(
        "quota-demand",
        Cause.QUOTA,
        ("demands", "limits.memory"),
        _create(),
        _quota(limits_memory="1Gi"),
        CREATED,
        job=job(),
    ),
    Fault(
        "limit-range",
        Cause.LIMIT_RANGE,
        ("32Mi",),
        _create(LIMITED),
        _limit_range,
        CREATED,
        job=LIMITED,
    ),
    Fault(
        "service-account-missing",
        Cause.SERVICE_ACCOUNT_MISSING,
        ("no service account absent",),
        _create(ACCOUNT),
        sign=CREATED,
        job=ACCOUNT,
    ),
    Fault(
        "priority-class-missing",
        Cause.PRIORITY_CLASS_MISSING,
        ("no priority class absent",),
        _create(PRIORITY),
        sign=CREATED,
        job=PRIORITY,
    ),
    Fault(
        "webhook-unreachable",
        Cause.WEBHOOK_UNREACHABLE,
        ("guard.example.com", "not found"),
        _webhook,
        sign=CREATED,
    ),
    Fault(
        "admission-denied",
        Cause.ADMISSION_DENIED,
        ("every pod names its team",),
        _policy,
        sign=CREATED,
    ),
    Fault(
        "job-suspended",
        Cause.JOB_SUSPENDED,
        ("suspended",),
        _create(job(suspend=True)),
        sign="Suspended",
        job=job(suspend=True),
    ),
    Fault(
        "insufficient-cpu",
        Cause.INSUFFICIENT_RESOURCES,
        ("requests 100 of cpu",),
        _create(BIG),
        sign="Insufficient cpu",
        job=BIG,
    ),
    Fault(
        "node-selector",
        Cause.SELECTOR_NO_NODE,
        ("disk=ssd",),
        _create(SELECTED),
        sign="node affinity",
        job=SELECTED,
    ),
    Fault(
        "no-scheduler",
        Cause.NO_SCHEDULER,
        ("scheduler absent",),
        _create(job(pod_spec(schedulerName="absent"))),
        clock=3,
    ),
    Fault(
        "scheduling-gate",
        Cause.SCHEDULING_GATED,
        ("example.com/gate",),
        _create(job(pod_spec(schedulingGates=[{"name": "example.com/gate"}]))),
        sign="SchedulingGated",
    ),
    Fault(
        "anti-affinity",
        Cause.UNSCHEDULABLE,
        ("anti-affinity",),
        lambda place: place.apply(deployment(pod_spec(affinity=APART), replicas=2)),
        sign="anti-affinity",
    ),
    Fault(
        "storage-class-missing",
        Cause.STORAGE_CLASS_MISSING,
        ("no StorageClass absent",),
        _claiming(storageClassName="absent"),
        sign="ProvisioningFailed",
        chain=("no node takes",),
    ),
    Fault(
        "no-storage-class",
        Cause.NO_STORAGE_CLASS,
        ("stays unbound",),
        _claiming(storageClassName=""),
        sign="no storage class is set",
        chain=("no node takes",),
    ),
    Fault(
        "claim-missing",
        Cause.CLAIM_MISSING,
        ("absent",),
        _create(job(_mounting("absent"))),
        sign="not found",
        chain=("no node takes",),
    ),
    Fault(
        "no-provisioner",
        Cause.CLAIM_PENDING,
        ("example.com/absent",),
        _no_provisioner,
        sign="ExternalProvisioning",
        clock=10,
    ),
    Fault(
        "chain-to-storage",
        Cause.STORAGE_CLASS_MISSING,
        ("no StorageClass absent",),
        _chain,
        sign="ProvisioningFailed",
        chain=("no node takes", "Service redis"),
    ),
]
