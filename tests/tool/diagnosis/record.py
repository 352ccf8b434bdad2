"""Records the snapshots of the table of tests, from faults injected into the real local cluster.

`python -m tests.tool.diagnosis.record [--fault NAME] [--together | --alone]` writes one file a
fault into tests/tool/diagnosis/snapshots/, and leaves a file alone whose fault was not named. After
a change of sentences, `--reread` is enough.
"""

# ruff: noqa: T201 (what it did is its output)

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pytest_k8s_job.diagnosis.diagnose import diagnose
from pytest_k8s_job.diagnosis.snapshot import Snapshot
from tests.tool.diagnosis.fault import Fault
from tests.tool.diagnosis.faults import FAULTS
from tests.tool.diagnosis.inject import SIDE_BY_SIDE
from tests.tool.diagnosis.observing import observe
from tests.tool.diagnosis.place import open_place

__all__ = ["FOLDER", "dumped", "main", "scrubbed"]

FOLDER = Path(__file__).with_name("snapshots")
NAMESPACE = "demo"  # in place of the random one
# What no rule looks at, and what differs on every machine.
NOISE = {
    "allocatedResources",
    "apiVersion",
    "automountServiceAccountToken",
    "clusterIPs",
    "completionMode",
    "config",
    "containerID",
    "controllerUid",
    "daemonEndpoints",
    "dnsPolicy",
    "features",
    "hostIP",
    "hostIPs",
    "imageID",
    "imagePullPolicy",
    "internalTrafficPolicy",
    "ipFamilies",
    "ipFamilyPolicy",
    "manualSelector",
    "nodeInfo",
    "parallelism",
    "podCIDR",
    "podCIDRs",
    "podIPs",
    "podReplacementPolicy",
    "preemptionPolicy",
    "priority",
    "progressDeadlineSeconds",
    "qosClass",
    "reportingComponent",
    "reportingInstance",
    "resourceVersion",
    "revisionHistoryLimit",
    "runtimeHandlers",
    "serviceAccount",
    "sessionAffinity",
    "source",
    "strategy",
    "terminationMessagePath",
    "terminationMessagePolicy",
    "user",
    "volumeMounts",
    "enableServiceLinks",
    "lastProbeTime",
}
KEPT_NAMESPACES = (NAMESPACE, "default", "kube-system")


def scrubbed(snapshot: Snapshot) -> dict[str, Any]:
    """Return the snapshot as JSON, without noise, in a namespace of a fixed name."""
    text = json.dumps(snapshot.as_json()).replace(snapshot.namespace, NAMESPACE)
    text = re.sub(
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-([0-9a-f]{12})\b", r"\1", text
    )
    data: dict[str, Any] = _without_noise(json.loads(text))
    objects = data["objects"]
    for resource in objects:
        objects[resource] = [_slim(resource, each) for each in objects[resource]]
    objects["namespaces"] = [
        each
        for each in objects.get("namespaces", ())
        if each["metadata"]["name"] in KEPT_NAMESPACES
    ]
    return data


def dumped(recorded: dict[str, Any]) -> str:
    """Return JSON with one object a line, so that files are small and differences readable."""
    snapshot = recorded["snapshot"]
    resources = [
        f"{json.dumps(name)}: [" + ",".join(f"\n{json.dumps(each)}" for each in objects) + "]"
        for name, objects in sorted(snapshot["objects"].items())
    ]
    rest = {key: value for key, value in snapshot.items() if key != "objects"}
    head = {**recorded, "snapshot": {**rest, "objects": None}}
    body = "{\n" + ",\n".join(resources) + "\n}"
    return json.dumps(head, indent=1).replace('"objects": null', f'"objects": {body}') + "\n"


def _slim(resource: str, obj: dict[str, Any]) -> dict[str, Any]:
    """Return an object of the cluster's DNS without what only matters when that is down."""
    if resource in ("dns-pods", "dns-deployments"):
        spec = {key: obj["spec"][key] for key in ("replicas", "nodeName") if key in obj["spec"]}
        names = [{"name": each["name"]} for each in obj["spec"].get("containers", ())]
        kept = {"name": obj["metadata"]["name"], "labels": obj["metadata"].get("labels", {})}
        return {
            **obj,
            "metadata": kept,
            "spec": {**spec, **({"containers": names} if names else {})},
        }
    return obj


def _without_noise(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_noise(v) for k, v in value.items() if k not in NOISE}
    return [_without_noise(each) for each in value] if isinstance(value, list) else value


def record(fault: Fault, folder: Path) -> bool:
    """Inject the fault and write what the diagnosis saw; False if it did not name the cause."""
    with open_place(folder) as place:
        seen = observe(fault, place)
    if not seen.right or seen.snapshot is None:
        print(f"{fault.name}: left alone: {seen.named}: {seen.trouble} {seen.sentence}", flush=True)
        return False
    sentence = _write(FOLDER / f"{fault.name}.json", scrubbed(seen.snapshot))
    print(f"{fault.name}: {sentence}", flush=True)
    return True


def _write(path: Path, data: dict[str, Any]) -> str:
    """Write a snapshot with what the diagnosis says of it; return the sentence."""
    first = diagnose(Snapshot.from_json(data))[0]
    effects = [each.cause for each in first.effects]
    told = {"cause": first.cause, "sentence": first.sentence, "effects": effects}
    path.parent.mkdir(exist_ok=True)
    path.write_text(dumped({**told, "snapshot": data}))
    return first.sentence


def reread() -> None:
    """Write what the diagnosis now says of the recorded snapshots: look at the difference."""
    for path in FOLDER.glob("*.json"):
        _write(path, json.loads(path.read_text())["snapshot"])


def main(arguments: list[str] | None = None) -> int:
    """Record the faults that are named, all by default; 0 if every one was named."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.tool.diagnosis.record", description=__doc__
    )
    parser.add_argument("--fault", action="append", choices=[each.name for each in FAULTS])
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--together", action="store_true", help="only what disturbs nobody")
    group.add_argument("--alone", action="store_true", help="only what disturbs the whole node")
    group.add_argument("--reread", action="store_true", help="inject nothing: say it anew")
    args = parser.parse_args(arguments)
    if args.reread:
        reread()
        return 0
    chosen = [fault for fault in FAULTS if args.fault is None or fault.name in args.fault]
    together = [] if args.alone else [fault for fault in chosen if not fault.alone]
    alone = [] if args.together else [fault for fault in chosen if fault.alone]
    with tempfile.TemporaryDirectory(prefix="diagnosis-") as name:
        folder = Path(name)
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            done = list(pool.map(lambda fault: record(fault, folder), together))
        done += [record(fault, folder) for fault in alone]
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
