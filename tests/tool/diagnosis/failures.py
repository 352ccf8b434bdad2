"""Writes docs/failures.md: every cause, and what the tool prints for it.

`python -m tests.tool.diagnosis.failures` writes the file from the code and the recorded snapshots.
"""

from __future__ import annotations

import json

from pytest_k8s_job.diagnosis.causes import MEANINGS, Cause
from pytest_k8s_job.diagnosis.diagnose import diagnose
from pytest_k8s_job.diagnosis.finding import Finding, Outlook
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from pytest_k8s_job.diagnosis.start_watch import PATIENCE
from pytest_k8s_job.diagnosis.text_report import as_text
from tests.checkout import CHECKOUT
from tests.tool.diagnosis.made import MADE
from tests.tool.diagnosis.record import FOLDER

__all__ = ["PAGE", "page"]

PAGE = CHECKOUT / "docs" / "failures.md"
HEAD = """\
# Causes that the tool names

When tests cannot run, the first line of the summary names the root cause; `k8s-job diagnose` says
the same of any namespace at any time, with or without a run:

```
k8s-job diagnose -n weather                            # exit 0: nothing is wrong, 1: something is
k8s-job diagnose -n weather --target deployment/api    # only this, and what it hangs on
k8s-job diagnose --url http://api.weather.svc/readyz   # also look whether the service answers
k8s-job diagnose -n weather --json                     # for machines
```

The first line is the root cause, `so` its effects, `remedy` a command or a line of YAML,
`evidence` what it rests on. A cause that waiting does not mend ends a run at once, one that
somebody has to mend after {stuck:g} s, one that may heal by itself after {heal:g} s; while an
autoscaler adds a node, only `--k8s-start-timeout` ends the waiting. If nothing fits, the finding
says `unknown` and shows what is odd: no cause is guessed.

Three circles are told apart. A cause is of the run (its Jobs and pods) or of the target: its
workloads and Services, and what they hang on, such as claims, nodes, DNS and the Services that they
are configured for. What others in the namespace have is listed last, as `elsewhere in the
namespace`, unless it is shown to explain something of the first two. A run counts what is true now
or happened since it began to wait for its target; the command counts what is true now. What ended
before stands under `earlier`, with its age. Other runs are not read. [precision.md](precision.md)
measures all this.

What the user may not read is left out, and a last line says so. `list` on pods
is the least; each of these adds causes: events, `pods/log`, jobs, services, deployments,
replicasets, statefulsets, daemonsets, endpointslices, persistentvolumeclaims, configmaps (their
keys), secrets (their names), networkpolicies, nodes, namespaces, storageclasses, and the DNS's
objects in kube-system. `get` on `services/proxy` lets `--url` and a suspicious port be tried.

This page is generated: `python -m tests.tool.diagnosis.failures`. What it shows was recorded from
faults that were injected into a real cluster; a * marks a snapshot made by hand.
"""


def shown() -> dict[Cause, tuple[Finding, str]]:
    """Return a finding for each cause, and where it is from: the name of a fault, or `*`."""
    found: dict[Cause, tuple[Finding, str]] = {}
    for path in sorted(FOLDER.glob("*.json")):
        snapshot = Snapshot.from_json(json.loads(path.read_text())["snapshot"])
        first = diagnose(snapshot)[0]
        # The longest chain shows most.
        if first.cause not in found or len(first.effects) > len(found[first.cause][0].effects):
            found[first.cause] = (first, path.stem)
    for cause, snapshot in MADE.items():
        found.setdefault(cause, (diagnose(snapshot)[0], "*"))
    return found


def page() -> str:
    """Return the text of docs/failures.md."""
    found = shown()
    parts = [HEAD.format(stuck=PATIENCE[Outlook.STUCK], heal=PATIENCE[Outlook.MAY_HEAL])]
    for cause in Cause:
        finding, source = found[cause]
        mark = " *" if source == "*" else ""
        parts.append(f"## {cause}{mark}\n\n{MEANINGS[cause]}\n\n```\n{as_text([finding])}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
