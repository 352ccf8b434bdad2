"""Faults of images and of containers: what keeps one from starting, and what ends it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pytest_k8s_job.diagnosis.causes import Cause
from tests.tool.diagnosis.fault import Fault
from tests.tool.diagnosis.objects import SLEEP, config_map, container, deployment, job, pod_spec
from tests.tool.diagnosis.place import Place
from tests.tool.diagnosis.registry import open_registry

__all__ = ["FAULTS"]

Object = dict[str, Any]


def _create(*objects: Object) -> Any:
    def inject(place: Place) -> None:
        place.apply(*objects)

    return inject


def _from_registry(name: str) -> Any:
    @contextmanager
    def inject(place: Place) -> Iterator[None]:
        with open_registry() as registry:
            place.apply(job(pod_spec(container(image=f"{registry}/{name}"))))
            yield

    return inject


def _python(code: str, **more: Any) -> Object:
    return container(["python", "-c", code], **more)


def _with_file(mode: int) -> Object:
    """Return a pod whose command is a mounted file."""
    main = container(
        ["/mounted/program"], volumeMounts=[{"name": "files", "mountPath": "/mounted"}]
    )
    volume = {"name": "files", "configMap": {"name": "files", "defaultMode": mode}}
    return pod_spec(main, volumes=[volume])


def _variable(kind: str, name: str, key: str) -> Object:
    source = {f"{kind}KeyRef": {"name": name, "key": key}}
    return container(env=[{"name": "SETTING", "valueFrom": source}])


def _running_job(place: Place) -> None:
    place.apply(job())
    place.wait_running("job-name=suite")


def _delete_pod(place: Place) -> None:
    place.kubectl("delete", "pod", "-l", "job-name=suite", "--wait=false")


def _evict(place: Place) -> None:
    name = place.get("pods", "-l", "job-name=suite")[0]["metadata"]["name"]
    path = f"/api/v1/namespaces/{place.name}/pods/{name}/eviction"
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    place.kubectl("create", "--raw", path, "-f", "-", text=json.dumps(eviction))


def _kill(place: Place) -> None:
    """Tell the container to end as one that SIGKILL has ended."""
    name = place.get("pods", "-l", "job-name=suite")[0]["metadata"]["name"]
    place.kubectl("exec", name, "--", "python", "-c", "import os; os.kill(1, 10)")


def _killable(place: Place) -> None:
    shell = "trap 'exit 137' USR1; while :; do sleep 0.1; done"
    place.apply(job(pod_spec(container(["sh", "-c", shell]))))
    place.wait_running("job-name=suite")


CONFIG = config_map("settings", HOST="x")
EAT = "x = bytearray(200 << 20)\nimport time; time.sleep(60)"
CHILD = (
    "import subprocess, sys\n"
    "subprocess.run([sys.executable, '-c', 'x = bytearray(200 << 20)'])\n"
    "sys.exit(7)"
)
LIMIT = {"limits": {"memory": "32Mi"}}
TINY = {"limits": {"memory": "2Mi"}, "requests": {"memory": "2Mi"}}
READ_ONLY = {"readOnlyRootFilesystem": True}
FILL = "open('/full/file', 'wb').write(b'x' * (4 << 20))"
HOT = {"name": "full", "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}}
EPHEMERAL = "open('/tmp/file', 'wb').write(b'x' * (30 << 20))\nimport time; time.sleep(600)"
DEAD = {
    "exec": {"command": ["sh", "-c", "echo worker stuck; exit 1"]},
    "periodSeconds": 1,
    "failureThreshold": 2,
}
NO_IMAGE = job(pod_spec(container(image="absent:1", imagePullPolicy="Never")))
UNREACHABLE = job(pod_spec(container(image="registry.invalid/suite:1")))
BAD_NAME = job(pod_spec(container(image="Suite:1")))
NO_CONFIG = job(pod_spec(_variable("configMap", "setings", "HOST")))
NO_KEY = job(pod_spec(_variable("configMap", "settings", "PORT")))
NO_SECRET = job(
    pod_spec(
        container(volumeMounts=[{"name": "s", "mountPath": "/s"}]),
        volumes=[{"name": "s", "secret": {"secretName": "absent"}}],
    )
)
SECRET_VARIABLE = job(pod_spec(_variable("secret", "absent", "PASSWORD")))
AS_ROOT = job(
    pod_spec(
        container(
            image="localhost/weather-local/coredns:1",
            imagePullPolicy="Never",
            command=["/coredns"],
            securityContext={"runAsNonRoot": True},
        )
    )
)
NO_COMMAND = job(pod_spec(container(["pytst"])))
NO_PATH = job(
    pod_spec(
        container(volumeMounts=[{"name": "host", "mountPath": "/host"}]),
        volumes=[{"name": "host", "hostPath": {"path": "/no/such/directory", "type": "Directory"}}],
    )
)
BAD_INIT = job(
    pod_spec(initContainers=[_python("raise SystemExit('no migration 42')", name="migrate")])
)
INIT_IMAGE = job(
    pod_spec(initContainers=[container(name="migrate", image="absent:1", imagePullPolicy="Never")])
)

FAULTS = [
    Fault(
        "image-never-pulled",
        Cause.IMAGE_NEVER_PULLED,
        ("absent:1",),
        _create(NO_IMAGE),
        sign="ErrImageNeverPull",
        job=NO_IMAGE,
    ),
    Fault(
        "init-image",
        Cause.IMAGE_NEVER_PULLED,
        ("init container migrate",),
        _create(INIT_IMAGE),
        sign="ErrImageNeverPull",
        job=INIT_IMAGE,
    ),
    Fault(
        "registry-unreachable",
        Cause.REGISTRY_UNREACHABLE,
        ("registry.invalid/suite:1",),
        _create(UNREACHABLE),
        sign="Failed to pull|ErrImagePull",
        job=UNREACHABLE,
    ),
    Fault(
        "image-name-invalid",
        Cause.IMAGE_NAME_INVALID,
        ("Suite:1",),
        _create(BAD_NAME),
        sign="InvalidImageName|InspectFailed",
        job=BAD_NAME,
    ),
    Fault(
        "image-not-found",
        Cause.IMAGE_NOT_FOUND,
        ("/suite:9",),
        _from_registry("suite:9"),
        sign="Failed to pull|ErrImagePull",
    ),
    Fault(
        "image-access",
        Cause.IMAGE_ACCESS,
        ("secret/suite:1",),
        _from_registry("secret/suite:1"),
        sign="Failed to pull|ErrImagePull",
    ),
    Fault(
        "image-platform",
        Cause.IMAGE_PLATFORM,
        ("processor",),
        _from_registry("foreign/suite:1"),
        sign="Failed to pull|ErrImagePull",
    ),
    Fault(
        "config-map-missing",
        Cause.CONFIG_MAP_MISSING,
        ("no ConfigMap setings", "settings"),
        _create(CONFIG, NO_CONFIG),
        sign="not found",
        job=NO_CONFIG,
    ),
    Fault(
        "key-missing",
        Cause.KEY_MISSING,
        ("no key PORT", "HOST"),
        _create(CONFIG, NO_KEY),
        sign="find key",
    ),
    Fault(
        "secret-missing",
        Cause.SECRET_MISSING,
        ("no Secret absent",),
        _create(NO_SECRET),
        sign="FailedMount",
        job=NO_SECRET,
    ),
    Fault(
        "secret-variable",
        Cause.SECRET_MISSING,
        ("no Secret absent",),
        _create(SECRET_VARIABLE),
        sign="not found",
        job=SECRET_VARIABLE,
    ),
    Fault(
        "runs-as-root",
        Cause.RUNS_AS_ROOT,
        ("must not run as root",),
        _create(AS_ROOT),
        sign="run as root",
        job=AS_ROOT,
    ),
    Fault(
        "volume-mount",
        Cause.VOLUME_MOUNT,
        ("volume host", "hostPath"),
        _create(NO_PATH),
        sign="FailedMount",
        job=NO_PATH,
    ),
    Fault(
        "sandbox",
        Cause.SANDBOX,
        ("2 MiB",),
        _create(job(pod_spec(container(resources=TINY)))),
        sign="FailedCreatePodSandBox",
    ),
    Fault(
        "command-not-found",
        Cause.COMMAND_NOT_FOUND,
        ("pytst",),
        _create(NO_COMMAND),
        sign="executable file not found",
        job=NO_COMMAND,
    ),
    Fault(
        "deployment-command",
        Cause.COMMAND_NOT_FOUND,
        ("Deployment api", "servr"),
        _create(deployment(pod_spec(container(["servr"])))),
        sign="executable file not found",
        chain=("rollout",),
    ),
    Fault(
        "exec-format",
        Cause.EXEC_FORMAT,
        ("processor",),
        _create(config_map("files", program="neither script nor binary"), job(_with_file(0o755))),
        sign='exec format error|"exitCode"',
    ),
    Fault(
        "not-executable",
        Cause.NOT_EXECUTABLE,
        ("/mounted/program",),
        _create(config_map("files", program="#!/bin/sh\n"), job(_with_file(0o644))),
        sign="permission denied",
    ),
    Fault(
        "oom-killed",
        Cause.OOM_KILLED,
        ("32 MiB",),
        _create(job(pod_spec(_python(EAT, resources=LIMIT)))),
        sign="OOMKilled",
    ),
    Fault(
        "oom-of-a-child",
        Cause.OOM_KILLED,
        ("32 MiB", "exit code 7"),
        _create(job(pod_spec(_python(CHILD, resources=LIMIT)))),
        sign="OOMKilled",
    ),
    Fault(
        "oom-loop",
        Cause.OOM_KILLED,
        ("Deployment api", "32 MiB"),
        _create(deployment(pod_spec(_python(EAT, resources=LIMIT)))),
        sign="OOMKilled",
        chain=("rollout",),
    ),
    Fault(
        "read-only-root",
        Cause.READ_ONLY_ROOT,
        ("Read-only file system",),
        _create(job(pod_spec(_python("open('/x', 'w')", securityContext=READ_ONLY)))),
        sign='"exitCode"',
    ),
    Fault(
        "disk-full",
        Cause.DISK_FULL,
        ("No space left",),
        _create(
            job(
                pod_spec(
                    _python(FILL, volumeMounts=[{"name": "full", "mountPath": "/full"}]),
                    volumes=[HOT],
                )
            )
        ),
        sign='"exitCode"',
    ),
    Fault(
        "crash-loop",
        Cause.CRASH_LOOP,
        ("exit code 3", "KeyError"),
        _create(
            deployment(
                pod_spec(
                    _python("import sys\nprint('KeyError: REDIS_URL', flush=True)\nsys.exit(3)")
                )
            )
        ),
        sign='"exitCode"',
        chain=("rollout",),
    ),
    Fault(
        "ends-at-once",
        Cause.CRASH_LOOP,
        ("exit code 0",),
        _create(deployment(pod_spec(_python("print('done')")))),
        sign='"exitCode"',
    ),
    Fault(
        "liveness",
        Cause.LIVENESS,
        ("worker stuck",),
        _create(deployment(pod_spec(container(SLEEP, livenessProbe=DEAD)))),
        sign="failed liveness probe",
        clock=3,
    ),
    Fault(
        "startup-probe",
        Cause.STARTUP_PROBE,
        ("worker stuck",),
        _create(deployment(pod_spec(container(SLEEP, startupProbe=DEAD)))),
        sign="failed startup probe",
        clock=3,
    ),
    Fault("sigkill", Cause.SIGKILL, ("137",), _kill, _killable, sign='"exitCode"'),
    Fault(
        "init-failed",
        Cause.INIT_FAILED,
        ("init container migrate", "no migration 42"),
        _create(BAD_INIT),
        sign='"exitCode"',
        job=BAD_INIT,
    ),
    Fault(
        "container-failed",
        Cause.CONTAINER_FAILED,
        ("exit code 9", "boom"),
        _create(job(pod_spec(_python("import sys\nprint('boom')\nsys.exit(9)")))),
        sign='"exitCode"',
    ),
    Fault(
        "deadline",
        Cause.DEADLINE,
        ("activeDeadlineSeconds of 3",),
        _create(job(activeDeadlineSeconds=3)),
        sign="DeadlineExceeded",
        clock=3,
    ),
    Fault(
        "pod-deleted",
        Cause.POD_DELETED,
        ("was deleted",),
        _delete_pod,
        _running_job,
        sign="FailureTarget|BackoffLimitExceeded",
    ),
    Fault(
        "evicted-by-api",
        Cause.DISRUPTED,
        ("evicted through the API",),
        _evict,
        _running_job,
        sign="DisruptionTarget",
        later=Cause.POD_DELETED,
    ),
    Fault(
        "evicted-for-space",
        Cause.EVICTED,
        ("ephemeral",),
        _create(
            job(pod_spec(_python(EPHEMERAL, resources={"limits": {"ephemeral-storage": "10Mi"}})))
        ),
        sign="Evicted",
        clock=60,
    ),
]
