"""Rules for access to the cluster: server, credentials, rights, namespace, clock."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pytest_k8s_job.cluster.objects import name_of
from pytest_k8s_job.cluster.text import clipped, listed, nearest
from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.diagnosis.snapshot import Refused, Snapshot

__all__ = ["check_access", "check_clock", "no_rights", "notes"]

SKEW_LIMIT = 30.0  # seconds; tokens and certificates are checked less strictly than that
NEEDED = ("pods",)  # without these there is nothing to say
RIGHT = re.compile(
    r'User "(?P<user>[^"]+)" cannot (?P<verb>\w+) resource "(?P<resource>[^"]+)"'
    r' in API group "(?P<group>[^"]*)"'
)
GROUPS = {
    "endpointslices": "discovery.k8s.io",
    "deployments": "apps",
    "replicasets": "apps",
    "statefulsets": "apps",
    "daemonsets": "apps",
    "jobs": "batch",
    "networkpolicies": "networking.k8s.io",
}


def check_access(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield what keeps the namespace from being read at all."""
    first = snapshot.refused.get("namespace")
    if first is not None and first.status == 0:
        yield _no_answer(snapshot, first)
    elif first is not None and first.status == 401:
        yield Finding(
            Cause.CREDENTIALS,
            f"the API server {snapshot.server} does not accept the credentials of"
            f" {snapshot.context} (401): they have expired, or are those of another cluster",
            (Ref("Server", snapshot.server),),
            remedy="kubectl auth whoami    # then log in again, or take another --context",
            evidence=(clipped(first.text),),
            outlook=Outlook.FINAL,
        )
    elif first is not None and first.status == 404:
        yield _no_namespace(snapshot)
    else:
        refused = [each for each in NEEDED if _forbidden(snapshot, each)]
        if refused:
            yield no_rights(snapshot.namespace, snapshot.refused[refused[0]].text, refused)
        yield from _terminating(snapshot)


def check_clock(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield a difference between this machine's clock and the API server's."""
    skew = snapshot.taken - snapshot.server_time
    if not snapshot.server_time or abs(skew) <= SKEW_LIMIT:
        return
    ahead = "ahead of" if skew > 0 else "behind"
    yield Finding(
        Cause.CLOCK_SKEW,
        f"this machine's clock is {abs(skew):.0f} s {ahead} the API server's:"
        " tokens and certificates may be refused",
        (Ref("Server", snapshot.server),),
        remedy="timedatectl set-ntp true",
        evidence=(f"Date of the API server's answer against time here: {-skew:+.0f} s",),
    )


def notes(snapshot: Snapshot) -> list[str]:
    """Return notes on what could not be read for lack of rights."""
    lacking = [each for each in snapshot.refused if _forbidden(snapshot, each)]
    return (
        [f"not checked, because the right to read is missing: {listed(lacking, 9)}"]
        if lacking
        else []
    )


def no_rights(namespace: str, text: str, resources: list[str]) -> Finding:
    """Return the finding for a 403 whose message is `text`."""
    match = RIGHT.search(text)
    user = match["user"] if match else "the user"
    verb = match["verb"] if match else "list"
    named = resources or [match["resource"] if match else "?"]
    group = match["group"] if match else GROUPS.get(named[0], "")
    verbs = "[get, list]" if verb == "list" else f"[{verb}]"
    rule = f'- {{apiGroups: ["{group}"], resources: [{", ".join(named)}], verbs: {verbs}}}'
    return Finding(
        Cause.NO_RIGHTS,
        f"{user} may not {verb} {listed(named)} in namespace {namespace}",
        (Ref("User", user),),
        remedy=f"{rule}    # a rule of a Role that a RoleBinding gives to {user}",
        evidence=(clipped(text),),
        outlook=Outlook.FINAL,
    )


def _forbidden(snapshot: Snapshot, resource: str) -> bool:
    refused = snapshot.refused.get(resource)
    return refused is not None and refused.status == 403


def _no_answer(snapshot: Snapshot, refused: Refused) -> Finding:
    text, server = refused.text, snapshot.server
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        late = next((word for word in ("expired", "not yet valid") if word in text), "")
        why = f"is {late}" if late else "is not of the authority that the kubeconfig names"
        return Finding(
            Cause.WRONG_CLUSTER,
            f"the certificate of {server} {why}: another cluster answers there, or the"
            " kubeconfig is old",
            (Ref("Server", server),),
            remedy="kubectl config get-contexts    # then take another --context",
            evidence=(clipped(text),),
            outlook=Outlook.FINAL,
        )
    return Finding(
        Cause.API_UNREACHABLE,
        f"the API server {server} of {snapshot.context} {_unreachable_text(text)}",
        (Ref("Server", server),),
        remedy="kubectl cluster-info    # is it up, is a VPN missing, is it the right --context?",
        evidence=(clipped(text),),
        outlook=Outlook.MAY_HEAL,
    )


def _unreachable_text(text: str) -> str:
    for sign, words in (
        ("refused", "refuses connections"),
        ("timed out", "does not answer in time"),
        ("resolve", "has a name that is not resolved"),
        ("Name or service not known", "has a name that is not resolved"),
        ("No route to host", "cannot be reached: no route to it"),
    ):
        if sign in text:
            return words
    return "does not answer"


def _no_namespace(snapshot: Snapshot) -> Finding:
    name = snapshot.namespace
    near = nearest(name, map(name_of, snapshot["namespaces"]))
    return Finding(
        Cause.NAMESPACE_MISSING,
        f"there is no namespace {name} in {snapshot.context}" + (f"; there is {near}" * bool(near)),
        (Ref("Namespace", name),),
        remedy=f"kubectl create namespace {name}",
        evidence=(clipped(snapshot.refused["namespace"].text),),
    )


def _terminating(snapshot: Snapshot) -> Iterator[Finding]:
    for each in snapshot["namespace"]:
        status = each.get("status") or {}
        if status.get("phase") != "Terminating":
            continue
        conditions = [
            f"{c['type']}: {clipped(c.get('message'))}"
            for c in status.get("conditions") or ()
            if c.get("status") == "True"
        ]
        yield Finding(
            Cause.NAMESPACE_TERMINATING,
            f"namespace {snapshot.namespace} is being deleted since"
            f" {snapshot.age(each['metadata'].get('deletionTimestamp')):.0f} s:"
            " it takes nothing new",
            (Ref("Namespace", snapshot.namespace),),
            remedy=f"kubectl wait --for=delete namespace/{snapshot.namespace}",
            evidence=(f"phase {status['phase']}", *conditions),
            outlook=Outlook.FINAL,
        )
