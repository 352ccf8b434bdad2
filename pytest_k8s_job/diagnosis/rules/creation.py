"""Rules for pods and Jobs that the API server refuses to create."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from pytest_k8s_job.cluster.objects import Object, condition, name_of
from pytest_k8s_job.cluster.text import clipped
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.rules.access import no_rights
from pytest_k8s_job.diagnosis.snapshot import Snapshot

__all__ = ["check_creation", "refusal"]

# Field that Pod Security names -> the YAML that satisfies it.
PERMITTED = {
    "allowPrivilegeEscalation": "allowPrivilegeEscalation: false",
    "unrestricted capabilities": "capabilities: {drop: [ALL]}",
    "runAsNonRoot": "runAsNonRoot: true",
    "seccompProfile": "seccompProfile: {type: RuntimeDefault}",
    "runAsUser=0": "runAsUser: 1000",
    "privileged": "privileged: false",
}
Explain = Callable[[re.Match[str], str], tuple[str, str]]  # match, namespace -> words, remedy


def check_creation(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield controllers that cannot create their pods, and suspended Jobs."""
    for job in snapshot["jobs"]:
        if _suspended(job):
            yield _suspension(snapshot, job)
        elif not _is_finished(job) and not list(snapshot.owned("pods", job)):
            yield from _refused(snapshot, "Job", job)
    for resource, kind in (
        ("replicasets", "ReplicaSet"),
        ("statefulsets", "StatefulSet"),
        ("daemonsets", "DaemonSet"),
    ):
        for owner in snapshot[resource]:
            if _lacks_pods(owner):
                yield from _refused(snapshot, kind, owner)


def refusal(namespace: str, text: str, about: Ref, evidence: tuple[str, ...] = ()) -> Finding:
    """Return the finding for the API server's refusal to create `about`."""
    if "cannot create resource" in text or "cannot patch resource" in text:
        return no_rights(namespace, text, [])
    for pattern, cause, read in REFUSALS:
        match = re.search(pattern, text, re.S)
        if match is not None:
            words, remedy = read(match, namespace)
            final = Outlook.FINAL if cause is Cause.INVALID_MANIFEST else Outlook.STUCK
            asks = words if about.kind != "ConfigMap" else words.replace("the pod asks", "it asks")
            sentence = f"{about.kind} {about.name}: {asks}"
            lines = evidence or (clipped(text, 600),)
            return Finding(cause, sentence, (about,), remedy, lines, final)
    sentence = f"{about.kind} {about.name} was refused: {clipped(text)}"
    return Finding(Cause.POD_REFUSED, sentence, (about,), "", evidence or (clipped(text, 600),))


def _refused(snapshot: Snapshot, kind: str, owner: Object) -> Iterator[Finding]:
    events = snapshot.events(kind, name_of(owner), "FailedCreate")
    if events:
        text, line = str(events[0].get("message")), snapshot.event_line(events[0])
    elif condition(owner, "ReplicaFailure").get("status") == "True":
        text = str(condition(owner, "ReplicaFailure").get("message"))
        line = f"condition ReplicaFailure: {clipped(text, 600)}"
    else:
        return
    yield refusal(snapshot.namespace, text, snapshot.top(owner), (line,))


def _lacks_pods(owner: Object) -> bool:
    status, spec = owner.get("status") or {}, owner.get("spec") or {}
    wanted = spec.get("replicas", status.get("desiredNumberScheduled", 0)) or 0
    there = status.get("replicas", status.get("currentNumberScheduled", 0)) or 0
    return bool(wanted > there)


def _suspended(job: Object) -> bool:
    return bool(job["spec"].get("suspend")) and not _is_finished(job)


def _is_finished(job: Object) -> bool:
    return any(condition(job, kind).get("status") == "True" for kind in ("Complete", "Failed"))


def _suspension(snapshot: Snapshot, job: Object) -> Finding:
    name = name_of(job)
    return Finding(
        Cause.JOB_SUSPENDED,
        f"Job {name} is suspended, so it has no pod",
        (Ref("Job", name),),
        remedy=f"kubectl -n {snapshot.namespace} patch job {name}"
        """ -p '{"spec":{"suspend":false}}'""",
        evidence=("spec.suspend: true",),
    )


# -- one function for each pattern


def _pod_security(match: re.Match[str], _: str) -> tuple[str, str]:
    level, violations = match[1], match[2]
    fields = re.findall(r"(?:^|, )([^(,]+?) \(", violations)
    wanted = [line for sign, line in PERMITTED.items() if sign in violations]
    return (
        f"Pod Security level {level} refuses its pod: {', '.join(fields) or clipped(violations)}",
        f"securityContext: {{{', '.join(wanted)}}}" if wanted else "",
    )


def _quota(match: re.Match[str], namespace: str) -> tuple[str, str]:
    name, asked, used, limit = match.groups()
    return (
        f"ResourceQuota {name} is used up: the pod asks for {asked}, {used} of {limit} are used",
        f"kubectl -n {namespace} edit resourcequota {name}",
    )


def _quota_demand(match: re.Match[str], _: str) -> tuple[str, str]:
    return (
        f"ResourceQuota {match[1]} demands what the pod does not state: {clipped(match[2])}",
        "resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 500m, memory: 128Mi}}",
    )


def _limit_range(match: re.Match[str], namespace: str) -> tuple[str, str]:
    return (
        f"a LimitRange refuses its pod: {clipped(match[0])}",
        f"kubectl -n {namespace} get limitrange -o yaml    # or keep resources within it",
    )


def _account(match: re.Match[str], _: str) -> tuple[str, str]:
    namespace, name = match.groups()
    return (
        f"its pod cannot be created: there is no service account {name} in namespace {namespace}",
        f"kubectl -n {namespace} create serviceaccount {name}",
    )


def _webhook(match: re.Match[str], _: str) -> tuple[str, str]:
    return (
        f"the admission webhook {match[1]} cannot be asked, so nothing is admitted:"
        f" {clipped(match[2].rpartition(': ')[2] or match[2])}",
        f"kubectl get validatingwebhookconfiguration,mutatingwebhookconfiguration | grep {match[1]}"
        "    # mend its service, or failurePolicy: Ignore",
    )


def _denied(match: re.Match[str], _: str) -> tuple[str, str]:
    return f"the admission webhook {match[1]} refuses it: {clipped(match[2])}", ""


def _policy(match: re.Match[str], _: str) -> tuple[str, str]:
    return (
        f"the admission policy {match[1]} refuses it: {clipped(match[2])}",
        f"kubectl get validatingadmissionpolicy {match[1]} -o yaml",
    )


def _priority(match: re.Match[str], _: str) -> tuple[str, str]:
    name = match[1]
    return (
        f"there is no priority class {name}",
        f"kubectl create priorityclass {name} --value=1000    # or take an existing one",
    )


def _terminating_namespace(match: re.Match[str], namespace: str) -> tuple[str, str]:
    return (
        f"namespace {match[1] or namespace} is being deleted and takes nothing new",
        f"kubectl wait --for=delete namespace/{match[1] or namespace}",
    )


def _missing_namespace(match: re.Match[str], _: str) -> tuple[str, str]:
    return f"there is no namespace {match[1]}", f"kubectl create namespace {match[1]}"


def _invalid(match: re.Match[str], _: str) -> tuple[str, str]:
    return f"the manifest is invalid: {clipped(match[1])}", ""


REFUSALS: tuple[tuple[str, Cause, Explain], ...] = (
    (r'violates PodSecurity "(\w+):[^"]*": (.*)', Cause.POD_SECURITY, _pod_security),
    (
        r"exceeded quota: ([^,]+), requested: (.+), used: (.+), limited: (\S+)",
        Cause.QUOTA,
        _quota,
    ),
    (r"failed quota: ([^:]+): must specify (.*)", Cause.QUOTA, _quota_demand),
    (
        r"(?:maximum|minimum) [\w./-]+ (?:usage|limit to request ratio) per \w+ is .*",
        Cause.LIMIT_RANGE,
        _limit_range,
    ),
    (
        r'error looking up service account ([^/]+)/([^:]+): serviceaccount "[^"]+" not found',
        Cause.SERVICE_ACCOUNT_MISSING,
        _account,
    ),
    (r'failed calling webhook "([^"]+)": (.*)', Cause.WEBHOOK_UNREACHABLE, _webhook),
    (r'admission webhook "([^"]+)" denied the request: (.*)', Cause.ADMISSION_DENIED, _denied),
    (
        r"ValidatingAdmissionPolicy '([^']+)'[^:]* denied request: (.*)",
        Cause.ADMISSION_DENIED,
        _policy,
    ),
    (r"no PriorityClass with name (\S+) was found", Cause.PRIORITY_CLASS_MISSING, _priority),
    (
        r"unable to create new content in namespace (\S+)",
        Cause.NAMESPACE_TERMINATING,
        _terminating_namespace,
    ),
    (r'namespaces "([^"]+)" not found', Cause.NAMESPACE_MISSING, _missing_namespace),
    (
        r"(?:is invalid|BadRequest|unable to parse|cannot be handled)[: ](.*)",
        Cause.INVALID_MANIFEST,
        _invalid,
    ),
)
