"""What the user names as the target: `--target` and the ini value `k8s_target`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_k8s_job.errors import UsageError

__all__ = ["SERVICE", "Said", "parse_said"]

SERVICE = "service"
KINDS = {  # as kubectl takes them
    "deployment": ("deployments", "deploy"),
    "statefulset": ("statefulsets", "sts"),
    "daemonset": ("daemonsets", "ds"),
    "replicaset": ("replicasets", "rs"),
    "rollout": ("rollouts", "ro"),
    "pod": ("pods", "po"),
    SERVICE: ("services", "svc"),
}
SHORT = {short: kind for kind, names in KINDS.items() for short in (kind, *names)}
TERM = re.compile(
    r"!(?P<without>[\w./-]+)|(?P<name>[\w./-]+)\s*(?:(?P<op>==?|!=)\s*(?P<value>[\w.-]*))?"
)
HELP = "KIND/NAME, NAMESPACE/KIND/NAME or '-l LABEL=VALUE'"


@dataclass(frozen=True)
class Said:
    """One word of the user: an object, or labels of pods.

    Attributes:
        text: as it was typed.
        namespace: "" for the run's own.
        kind: in lower case; "" for labels.
        name: the object's.
        labels: (name, value or None for any, whether it must match) of each term.
    """

    text: str
    namespace: str = ""
    kind: str = ""
    name: str = ""
    labels: tuple[tuple[str, str | None, bool], ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether an object with these labels is meant."""
        return bool(self.labels) and all(
            (name in labels and value in (None, labels[name])) is wanted
            for name, value, wanted in self.labels
        )


def parse_said(text: str) -> Said:
    """Return what a word of `--target` names; raise UsageError for one that names nothing."""
    word = text.strip()
    if word.startswith("-l") or "=" in word:
        return Said(text, labels=tuple(map(_term, _terms(text, word.removeprefix("-l")))))
    parts = word.split("/")
    if len(parts) not in (2, 3) or not all(parts):
        raise UsageError(f"--target {text!r} is not {HELP}")
    *namespace, kind, name = parts
    short = kind.lower().partition(".")[0]  # `kubectl get -o name` says deployment.apps/api
    if short not in SHORT:
        known = ", ".join(KINDS)
        raise UsageError(f"--target {text!r}: {kind!r} is none of {known}")
    return Said(text, "".join(namespace), SHORT[short], name)


def _terms(text: str, selector: str) -> list[re.Match[str]]:
    found = [TERM.fullmatch(each.strip()) for each in selector.strip().split(",")]
    terms = [each for each in found if each is not None]
    if len(terms) < len(found):
        raise UsageError(f"--target {text!r}: labels are NAME=VALUE or NAME!=VALUE, with commas")
    return terms


def _term(match: re.Match[str]) -> tuple[str, str | None, bool]:
    if match["without"]:
        return match["without"], None, False
    return match["name"], match["value"], match["op"] != "!="
