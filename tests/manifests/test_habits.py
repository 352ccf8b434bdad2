"""The manifests keep every habit, and every habit can say no."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.manifests import pod_habits, service_habits
from tests.manifests.documents import FOLDER, Complaints, Documents, changed

Habit = Callable[[Documents], Complaints]
HABITS: tuple[Habit, ...] = pod_habits.HABITS + service_habits.HABITS

API, WORKER, REDIS = "Deployment/api", "Deployment/worker", "Deployment/redis"
JOB = "CronJob/integration-test"
MADE = "spec.jobTemplate"
POD = "spec.template.spec"
BOX = f"{POD}.containers.0"
SAFE = f"{BOX}.securityContext"

# Habit, document to break, path, value put there (None: the field is taken away).
BREAKS: list[tuple[Habit, str, str, Any]] = [
    (pod_habits.everything_is_in_the_namespace, "Service/api", "metadata.namespace", None),
    (pod_habits.recommended_labels_are_there, WORKER, "metadata.labels", {"app": "worker"}),
    (pod_habits.images_are_pinned, API, f"{BOX}.image", "weather-api:latest"),
    (pod_habits.images_are_pinned, API, f"{BOX}.image", "weather-api"),
    (pod_habits.images_are_pinned, JOB, f"{MADE}.{BOX}.imagePullPolicy", "Always"),
    (pod_habits.users_are_numeric, API, f"{POD}.securityContext.runAsNonRoot", None),
    (pod_habits.users_are_numeric, WORKER, f"{POD}.securityContext.runAsUser", 0),
    (pod_habits.users_are_numeric, REDIS, f"{POD}.securityContext.fsGroup", None),
    (pod_habits.privileges_are_dropped, API, f"{SAFE}.allowPrivilegeEscalation", None),
    (pod_habits.privileges_are_dropped, REDIS, f"{SAFE}.capabilities.drop", ["NET_RAW"]),
    (pod_habits.privileges_are_dropped, WORKER, f"{POD}.securityContext.seccompProfile", None),
    (
        pod_habits.privileges_are_dropped,
        JOB,
        f"{MADE}.{POD}.automountServiceAccountToken",
        None,
    ),
    (pod_habits.privileges_are_dropped, API, f"{POD}.enableServiceLinks", True),
    (pod_habits.root_is_read_only, JOB, f"{MADE}.{SAFE}.readOnlyRootFilesystem", False),
    (pod_habits.root_is_read_only, WORKER, f"{POD}.volumes.0.emptyDir", {}),
    (pod_habits.resources_are_bounded, API, f"{BOX}.resources.limits.memory", None),
    (pod_habits.resources_are_bounded, API, f"{BOX}.resources.requests.cpu", None),
    (pod_habits.resources_are_bounded, REDIS, f"{BOX}.resources.requests.memory", "1Gi"),
    (pod_habits.probes_are_split, WORKER, f"{BOX}.startupProbe", None),
    (pod_habits.probes_are_split, API, f"{BOX}.livenessProbe.httpGet.path", "/readyz"),
    (pod_habits.probes_are_split, REDIS, f"{BOX}.livenessProbe.failureThreshold", 1),
    (service_habits.selectors_find_their_pods, "Service/redis", "spec.selector", {"app": "redis"}),
    (
        service_habits.selectors_find_their_pods,
        "PodDisruptionBudget/api",
        "spec.selector.matchLabels",
        {"app.kubernetes.io/part-of": "weather"},
    ),
    (service_habits.ports_go_by_name, "Service/api", "spec.ports.0.targetPort", 5000),
    (service_habits.ports_go_by_name, API, f"{BOX}.ports.0.name", "web"),
    (service_habits.updates_keep_the_service_up, WORKER, "spec.strategy", None),
    (service_habits.updates_keep_the_service_up, REDIS, "spec.strategy.type", "RollingUpdate"),
    (
        service_habits.budgets_allow_one_at_a_time,
        "PodDisruptionBudget/worker",
        "spec.maxUnavailable",
        0,
    ),
    (service_habits.budgets_allow_one_at_a_time, REDIS, "spec.replicas", 2),
    (service_habits.endings_are_graceful, WORKER, f"{POD}.terminationGracePeriodSeconds", 30),
    (service_habits.endings_are_graceful, API, f"{BOX}.lifecycle", None),
    (service_habits.redis_keeps_what_it_has, REDIS, f"{BOX}.args.3", "no"),
    (service_habits.redis_keeps_what_it_has, REDIS, f"{BOX}.args.7", "256mb"),
    (service_habits.redis_keeps_what_it_has, REDIS, f"{BOX}.args.9", "allkeys-lru"),
    (service_habits.redis_keeps_what_it_has, REDIS, f"{BOX}.volumeMounts.0.mountPath", "/var"),
    (
        service_habits.redis_keeps_what_it_has,
        "PersistentVolumeClaim/redis-data",
        "spec.storageClassName",
        "standard",
    ),
    (service_habits.the_test_runs_once, JOB, f"{MADE}.spec.backoffLimit", None),
    (service_habits.the_test_runs_once, JOB, f"{MADE}.spec.activeDeadlineSeconds", None),
    (
        service_habits.the_test_runs_once,
        JOB,
        "spec.jobTemplate.spec.podFailurePolicy.rules.0",
        None,
    ),
    (service_habits.traffic_is_named, "NetworkPolicy/deny-all", "spec.policyTypes", ["Ingress"]),
    (service_habits.traffic_is_named, "NetworkPolicy/redis", "spec.ingress.0.from", None),
    (service_habits.traffic_is_named, "NetworkPolicy/test-to-api", "spec.egress", None),
    (service_habits.traffic_is_named, "NetworkPolicy/dns", "spec.egress.0.ports.0", None),
]


@pytest.mark.parametrize("habit", HABITS, ids=lambda habit: habit.__name__)
def test_manifests_keep_the_habit(habit: Habit, documents: Documents) -> None:
    """The manifests as they are give no reason to complain."""
    assert habit(documents) == []


@pytest.mark.parametrize(
    ("habit", "key", "path", "value"),
    BREAKS,
    ids=[f"{habit.__name__}-{key}-{path}" for habit, key, path, _ in BREAKS],
)
def test_habit_says_no(
    habit: Habit, key: str, path: str, value: object, documents: Documents
) -> None:
    """A copy of the manifests with this one field broken gets a complaint."""
    assert habit(changed(documents, key, path, value))


def test_pod_security_label_is_needed(documents: Documents) -> None:
    """A namespace that only warns does not count as enforcing."""
    labels = dict(documents["Namespace/weather"]["metadata"]["labels"])
    labels["pod-security.kubernetes.io/enforce"] = "baseline"
    broken = changed(documents, "Namespace/weather", "metadata.labels", labels)
    assert pod_habits.namespace_enforces_restricted(broken)


def test_every_habit_is_proved() -> None:
    """No habit is in the list without a broken copy that it refuses."""
    proved = {habit for habit, *_ in BREAKS} | {pod_habits.namespace_enforces_restricted}
    assert proved == set(HABITS)


def test_folder_holds_numbered_manifests_only() -> None:
    """`kubectl apply -f kubernetes/` reads every file there, in the order of the numbers."""
    names = sorted(path.name for path in FOLDER.iterdir())
    assert names == [
        "00-namespace.yaml",
        "10-redis.yaml",
        "20-api.yaml",
        "30-worker.yaml",
        "40-network-policy.yaml",
        "50-test-runner.yaml",
        "60-validator.yaml",
        "90-integration-test.yaml",
    ]
