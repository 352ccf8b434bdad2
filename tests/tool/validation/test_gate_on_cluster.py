"""What `k8s-job gate` and `validate` do not believe, on the real cluster."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Callable
from typing import Any

import pytest

from tests.tool.diagnosis.place import IMAGE, kubectl, wait_until
from tests.tool.target.shop import deployment
from tests.tool.validation.pipeline import (
    FAILED,
    NO_TESTS,
    NOT_RUN,
    PASSED,
    Pipeline,
)

pytestmark = pytest.mark.cluster

INCOMPLETE = 11
Object = dict[str, Any]


def awaited_job(pipeline: Pipeline) -> str:
    """Return the name of the Job that the gate waits for."""
    code, output = pipeline.say("gate", "--timeout", "1s")
    found = re.search(r"Job (shop-[0-9a-f]{10}) does not exist", output)
    assert code == NOT_RUN, output
    assert found, output
    return found[1]


def roll_out(pipeline: Pipeline, version: str) -> None:
    """Deploy a version and wait for it."""
    pipeline.shop.apply(deployment("web", version))
    pipeline.shop.wait("web")


def kept(pipeline: Pipeline, job: str) -> Object:
    """Return what was kept of a run."""
    found: Object = json.loads(kubectl("-n", pipeline.runs, "get", "cm", job, "-o", "json"))
    return found


def forge(pipeline: Pipeline, data: dict[str, str], job: str) -> None:
    """Keep a run under the name of another Job, with a digest that fits."""
    data = {name: text for name, text in data.items() if name != "digest"}
    data["digest"] = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
    labels = {"pytest-k8s-job/template": "shop", "pytest-k8s-job/key": job.removeprefix("shop-")}
    body = {"apiVersion": "v1", "kind": "ConfigMap", "data": data}
    body["metadata"] = {"name": job, "labels": labels}
    kubectl("-n", pipeline.runs, "delete", "configmap", job, "--ignore-not-found")
    kubectl("-n", pipeline.runs, "create", "-f", "-", text=json.dumps(body))


def test_the_log_of_another_run(pipeline: Pipeline) -> None:
    """A run that passed on the old revision proves nothing of the new one, however it is named."""
    assert pipeline.say("validate", "--quiet")[0] == PASSED
    (old,) = pipeline.jobs()
    data = kept(pipeline, old)["data"]
    roll_out(pipeline, "broken")
    new = awaited_job(pipeline)
    old_key, key = old.removeprefix("shop-"), new.removeprefix("shop-")
    half = dict(data)  # the verdict is of the new rollout, its Job is the old one
    verdict = json.loads(data["validation.json"])
    half["validation.json"] = json.dumps({**verdict, "key": key})
    forge(pipeline, half, new)
    assert pipeline.say("gate", "--timeout", "1s")[0] == NOT_RUN
    whole = {name: text.replace(old_key, key) for name, text in data.items()}
    forge(pipeline, whole, new)
    assert pipeline.say("gate", "--timeout", "1s")[0] == NOT_RUN
    code, output = pipeline.say("validate", "--quiet")
    assert code == FAILED, output


def cut(log: bytes) -> bytes:
    """Take the last lines away."""
    return b"".join(log.splitlines(keepends=True)[:-2])


def tear(log: bytes) -> bytes:
    """Take a line out of the middle."""
    lines = log.splitlines(keepends=True)
    frames = [n for n, line in enumerate(lines) if line.startswith(b"::k8sjob1 ")]
    del lines[frames[len(frames) // 2]]
    return b"".join(lines)


def test_a_log_that_is_not_whole(pipeline: Pipeline) -> None:
    """Its end is missing, or something before that, or all of it."""
    assert pipeline.say("validate", "--quiet")[0] == PASSED
    (job,) = pipeline.jobs()
    data = kept(pipeline, job)["data"]
    kubectl("-n", pipeline.runs, "delete", "job", job, "--wait=true")
    log = zlib.decompress(base64.b64decode(data["log"]))
    changes: list[Callable[[bytes], bytes]] = [cut, tear, lambda _: b""]
    for change in changes:
        packed = base64.b64encode(zlib.compress(change(log))).decode()
        forge(pipeline, {**data, "log": packed}, job)
        assert pipeline.say("gate", "--timeout", "1s")[0] == NOT_RUN
    forge(pipeline, {**data, "log": base64.b64encode(zlib.compress(log)).decode()}, job)
    assert pipeline.say("gate", "--timeout", "1s")[0] == PASSED


def test_a_job_that_is_no_run(pipeline: Pipeline) -> None:
    """Whoever takes the Job's name first with something that succeeds proves nothing."""
    job = awaited_job(pipeline)
    create = ("create", "job", job, f"--image={IMAGE}", "--", "python", "-c", "print('1 passed')")
    kubectl("-n", pipeline.runs, *create)
    done = ("wait", f"job/{job}", "--for=condition=complete", "--timeout=60s")
    kubectl("-n", pipeline.runs, *done)
    label = ("label", "job", job, "pytest-k8s-job/verdict=PASSED")
    kubectl("-n", pipeline.runs, *label)
    assert pipeline.say("gate", "--timeout", "1s")[0] == INCOMPLETE
    code, output = pipeline.say("validate", "--quiet")
    assert code == INCOMPLETE, output


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--collect-only"], NO_TESTS),
        (["--setup-plan"], NO_TESTS),
        (["--no-such-option"], NOT_RUN),
        (["no_such_file.py"], NOT_RUN),
    ],
)
def test_a_template_that_runs_no_test(pipeline: Pipeline, args: list[str], expected: int) -> None:
    """Pytest in the pod may succeed with that."""
    pipeline.template(args=["test_shop.py", *args] if args[0].startswith("-") else args)
    code, output = pipeline.say("validate", "--quiet")
    assert code == expected, output
    assert pipeline.say("gate", "--timeout", "1s")[0] == expected


def test_a_rollout_while_it_waits_for_another_run(pipeline: Pipeline) -> None:
    """What is deployed once it may begin is validated, and nothing is said of what was before."""
    first = awaited_job(pipeline)
    labels = {"pytest-k8s-job/template": "shop", "pytest-k8s-job/run": "by-hand"}
    container = {"name": "suite", "image": IMAGE, "command": ["sleep", "600"]}
    pod = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    job = {"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": pod}}}
    job["metadata"] = {"name": "shop-by-hand", "labels": labels}
    kubectl("-n", pipeline.runs, "create", "-f", "-", text=json.dumps(job))
    with pipeline.start("validate", "--quiet") as process:
        assert process.stdout is not None
        shown = process.stdout.readline()
        assert "waiting for shop-by-hand" in shown
        roll_out(pipeline, "2")
        second = awaited_job(pipeline)
        kubectl("-n", pipeline.runs, "delete", "job", "shop-by-hand")
        output, _ = process.communicate(timeout=120)
    assert process.returncode == PASSED, output
    assert pipeline.jobs() == [second] != [first]
    assert pipeline.say("gate", "--timeout", "1s")[0] == PASSED


def test_a_run_by_its_schedule(pipeline: Pipeline) -> None:
    """It adds to the history; the verdict on the rollout is another run's."""
    create = ("create", "job", "shop-29345678", "--from=cronjob/shop")
    kubectl("-n", pipeline.runs, *create)
    done = ("wait", "job/shop-29345678", "--for=condition=complete", "--timeout=60s")
    kubectl("-n", pipeline.runs, *done)
    assert pipeline.say("gate", "--timeout", "1s")[0] == NOT_RUN

    def judged() -> bool:
        code, output = pipeline.say("validate", "--quiet")
        assert code == PASSED, output
        return len(pipeline.kept()) == 2

    wait_until(judged, "the scheduled run in the history")
    found = {each["job"]: each for each in pipeline.kept()}
    scheduled = found.pop("shop-29345678")
    (validation,) = found.values()
    assert (scheduled["verdict"], scheduled["periodic"]) == ("PASSED", True)
    assert (validation["verdict"], validation["periodic"]) == ("PASSED", False)
    assert scheduled["key"] == validation["key"]
    kubectl("-n", pipeline.runs, "delete", "configmap", validation["job"])
    kubectl("-n", pipeline.runs, "delete", "job", validation["job"])
    code, output = pipeline.say("gate", "--timeout", "1s")
    assert code == NOT_RUN, output


def test_a_run_that_nobody_waited_for(pipeline: Pipeline) -> None:
    """Its process was killed and the next rollout came: its verdict is still drawn, on its own."""
    pipeline.template(slow=3)
    job = awaited_job(pipeline)
    with pipeline.start("validate", "--quiet") as process:
        wait_until(lambda: pipeline.jobs() == [job], "the Job")
        process.kill()
        process.communicate(timeout=60)
    done = ("wait", f"job/{job}", "--for=condition=complete", "--timeout=60s")
    kubectl("-n", pipeline.runs, *done)
    roll_out(pipeline, "broken")

    def judged() -> bool:
        code, output = pipeline.say("validate", "--quiet")
        assert code == FAILED, output
        return [each["job"] for each in pipeline.kept()].count(job) == 1

    wait_until(judged, "the verdict on the first run")
    verdicts = {each["job"]: each["verdict"] for each in pipeline.kept()}
    assert len(verdicts) == 2
    assert verdicts[job] == "PASSED"
