"""How the workloads stand together: habits of selectors, updates, endings, storage and traffic.

Pure functions from manifests to complaints, as in `pod_habits.py`.
"""

from tests.manifests.documents import (
    Complaints,
    Documents,
    Workload,
    amount,
    at,
    job_of,
    matches,
    of_kind,
    workloads,
)

LONGEST_JOB = 60  # seconds the worker may need for the job in hand when SIGTERM comes


def selectors_find_their_pods(documents: Documents) -> Complaints:
    """Each Service, Deployment and budget selects the pods of the workload of its own name only."""
    complaints = []
    for kind in ("Service", "Deployment", "PodDisruptionBudget"):
        for key, document in of_kind(documents, kind).items():
            selector = document["spec"]["selector"]
            found = [
                w.name
                for w in workloads(documents)
                if matches({"matchLabels": selector} if kind == "Service" else selector, w.labels)
            ]
            if found != [document["metadata"]["name"]]:
                complaints.append(f"{key} selects {found}")
    return complaints


def ports_go_by_name(documents: Documents) -> Complaints:
    """Ports are named once in the container; Services and probes use the name."""
    pods = {w.name: w for w in workloads(documents)}
    names = {n: {p.get("name") for p in w.container.get("ports", [])} for n, w in pods.items()}
    used = [
        (f"{key} port", port.get("targetPort"), key.partition("/")[2])
        for key, service in of_kind(documents, "Service").items()
        for port in service["spec"]["ports"]
    ] + [
        (f"{w.key} {probe}", w.container[probe]["httpGet"]["port"], w.name)
        for w in pods.values()
        for probe in ("startupProbe", "readinessProbe", "livenessProbe")
        if "httpGet" in w.container.get(probe, {})
    ]
    return [f"{user}: no port named {port!r}" for user, port, pod in used if port not in names[pod]]


def updates_keep_the_service_up(documents: Documents) -> Complaints:
    """A new pod is ready before an old one goes; whoever owns a volume stops first instead."""
    complaints = []
    for key, document in of_kind(documents, "Deployment").items():
        pod = document["spec"]["template"]["spec"]
        claims = any("persistentVolumeClaim" in volume for volume in pod.get("volumes", []))
        strategy = document["spec"].get("strategy", {})
        right = (
            strategy == {"type": "Recreate"}
            if claims
            else at(strategy, "rollingUpdate.maxUnavailable") == 0
        )
        if not right:
            complaints.append(f"{key}: strategy {strategy}")
    return complaints


def budgets_allow_one_at_a_time(documents: Documents) -> Complaints:
    """Each workload with replicas to spare has a budget under which a drain takes one pod."""
    return [
        f"{w.key}: {w.replicas} replicas, budget of {budget}"
        for w in workloads(documents)
        for budget in [at(documents, f"PodDisruptionBudget/{w.name}.spec.maxUnavailable")]
        if (w.replicas > 1) != (budget == 1)
    ]


def _grace(workload: Workload) -> int:
    """Seconds left for the process after the preStop hook."""
    pause = at(workload.container, "lifecycle.preStop.sleep.seconds") or 0
    return int(workload.pod.get("terminationGracePeriodSeconds", 0)) - int(pause)


def endings_are_graceful(documents: Documents) -> Complaints:
    """The API drains before it stops; nobody is killed in the middle of a request or a job."""
    needed = {
        "api": 15,
        "worker": LONGEST_JOB + 15,
        "redis": 15,
        "integration-test": 15,
        "validator": 0,  # it may be killed at any moment
    }
    complaints = [
        f"{w.key}: {_grace(w)} s of grace, {needed[w.name]} s needed"
        for w in workloads(documents)
        if _grace(w) < needed[w.name]
    ]
    if not at(documents["Deployment/api"], "spec.template.spec.containers.0.lifecycle.preStop"):
        complaints.append("Deployment/api: stops before it is out of the Service")
    return complaints


def redis_keeps_what_it_has(documents: Documents) -> Complaints:
    """Redis logs every write to its claim and refuses writes, long before it is out of memory."""
    (redis,) = (w for w in workloads(documents) if w.name == "redis")
    args = redis.container.get("args", [])
    options = dict(zip(args[::2], args[1::2], strict=True))
    wanted = {"--appendonly": "yes", "--maxmemory-policy": "noeviction", "--dir": "/data"}
    complaints = [f"{name} is {options.get(name)}" for name in wanted.items() - options.items()]
    limit = amount(redis.container["resources"]["limits"]["memory"])
    if not 0 < amount(options.get("--maxmemory", 0)) <= 0.75 * limit:
        complaints.append(f"--maxmemory {options.get('--maxmemory')} under a limit of {limit:.0f}")
    if {"name": "data", "mountPath": "/data"} not in redis.container["volumeMounts"]:
        complaints.append("no volume on /data")
    claim = documents["PersistentVolumeClaim/redis-data"]["spec"]
    if "storageClassName" in claim:
        complaints.append("the claim names a class that other clusters do not have")
    return complaints


def the_test_runs_once(documents: Documents) -> Complaints:
    """One try, an end in any case, and it cleans up; only a disruption may start it again."""
    spec = job_of(documents["CronJob/integration-test"]) or {}
    wanted = {
        "backoffLimit": 0,
        "template.spec.restartPolicy": "Never",
        "podFailurePolicy.rules.0.action": "Ignore",
        "podFailurePolicy.rules.0.onPodConditions.0.type": "DisruptionTarget",
        "podFailurePolicy.rules.1.action": "FailJob",
        "podFailurePolicy.rules.1.onExitCodes.containerName": "suite",
    }
    complaints = [
        f"{path} is {at(spec, path)!r}" for path in wanted if at(spec, path) != wanted[path]
    ]
    for path in ("activeDeadlineSeconds", "ttlSecondsAfterFinished"):
        if not 0 < (at(spec, path) or 0) <= 3600:
            complaints.append(f"{path} is {at(spec, path)}")
    return complaints


def _selected_by(policies: Documents, direction: str, name: str, documents: Documents) -> set[str]:
    """Workloads that the policies on `name` admit in `direction`, by the right port only."""
    labels = {w.name: w.labels for w in workloads(documents)}
    ports = {
        w.name: {p["name"] for p in w.container.get("ports", [])} for w in workloads(documents)
    }
    side = "from" if direction == "ingress" else "to"
    return {
        peer
        for policy in policies.values()
        if matches(policy["spec"]["podSelector"], labels[name])
        for rule in policy["spec"].get(direction, [])
        for entry in rule.get(side, [{"podSelector": {}}])
        if "namespaceSelector" not in entry
        for peer in labels
        if matches(entry["podSelector"], labels[peer])
        and {p["port"] for p in rule["ports"]} <= ports[name if direction == "ingress" else peer]
    }


def traffic_is_named(documents: Documents) -> Complaints:
    """Denied by default; test to API, API and worker to Redis, names from DNS; nothing else."""
    policies = of_kind(documents, "NetworkPolicy")
    first = policies.get("NetworkPolicy/deny-all", {}).get("spec")
    if first != {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}:
        return ["no policy denies everything first"]
    names = [w.name for w in workloads(documents)]
    out = {(a, b) for a in names for b in _selected_by(policies, "egress", a, documents)}
    into = {(a, b) for b in names for a in _selected_by(policies, "ingress", b, documents)}
    wanted = {("integration-test", "api"), ("api", "redis"), ("worker", "redis")}
    complaints = [
        f"{side} {a} to {b}"
        for side, found in (("egress", out), ("ingress", into))
        for a, b in found ^ wanted
    ]
    ports = {
        (port["protocol"], port["port"])
        for rule in at(policies, "NetworkPolicy/dns.spec.egress") or []
        for port in rule["ports"]
    }
    if ports != {("UDP", 53), ("TCP", 53)}:
        complaints.append(f"DNS through {ports}")
    return complaints


HABITS = (
    selectors_find_their_pods,
    ports_go_by_name,
    updates_keep_the_service_up,
    budgets_allow_one_at_a_time,
    endings_are_graceful,
    redis_keeps_what_it_has,
    the_test_runs_once,
    traffic_is_named,
)
