"""What stands in two places says the same: manifests, kustomization, Dockerfiles, pyproject."""

import json
import re
import tomllib

import pytest
import yaml

from tests.checkout import CHECKOUT
from tests.manifests.documents import FOLDER, Documents, Workload, job_of, workloads

DOCKERFILES = {"api": "api", "worker": "wrk", "integration-test": "test"}  # workload -> suffix
FORBIDDEN = {
    "api": {"matplotlib", "pytest"},
    "worker": {"flask", "pytest", "uvicorn"},
    "suite": {"flask", "hotqueue", "matplotlib", "redis", "uvicorn"},
}


def dockerfile(workload: str) -> str:
    """The Dockerfile of a workload, continued lines joined."""
    path = CHECKOUT / f"Dockerfile.{DOCKERFILES[workload]}"
    return re.sub(r"\\\n\s*", " ", path.read_text())


def instruction(text: str, name: str) -> str:
    """The arguments of the last instruction of this name, in the final stage."""
    final = text.rpartition("\nFROM ")[2]
    found: list[str] = re.findall(rf"^{name} (.*)$", final, re.MULTILINE)
    return found[-1]


def by_name(documents: Documents) -> dict[str, Workload]:
    """The workloads by name."""
    return {w.name: w for w in workloads(documents)}


def version() -> str:
    """The version of this checkout."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def test_tags_are_the_version(documents: Documents) -> None:
    """Our images and the version labels of all pods carry pyproject's version."""
    ours = [w for w in workloads(documents) if w.name != "redis"]
    assert {w.container["image"].partition(":")[2] for w in ours} == {version()}
    assert {w.labels["app.kubernetes.io/version"] for w in workloads(documents)} == {version()}


def test_kustomization_names_the_same_images(documents: Documents) -> None:
    """kustomization.yaml changes every image of the manifests, to the same name and tag as yet."""
    images = yaml.safe_load((CHECKOUT / "kustomization.yaml").read_text())["images"]
    assert {image["name"] for image in images} == {image["newName"] for image in images}
    assert {f"{image['newName']}:{image['newTag']}" for image in images} == {
        w.container["image"] for w in workloads(documents)
    }


def test_kustomization_names_every_manifest() -> None:
    """`kubectl apply -k .` applies the same files, in the same order."""
    listed = yaml.safe_load((CHECKOUT / "kustomization.yaml").read_text())["resources"]
    assert listed == [f"kubernetes/{path.name}" for path in sorted(FOLDER.iterdir())]


@pytest.mark.parametrize("workload", DOCKERFILES)
def test_image_agrees_with_its_pod(workload: str, documents: Documents) -> None:
    """Title, version and user of an image are what its pod expects."""
    text, pod = dockerfile(workload).rpartition("\nFROM ")[2], by_name(documents)[workload]
    title = re.findall(r'image\.title="([^"]*)"', text)
    tag = re.findall(r'image\.version="([^"]*)"', text)
    assert [f"{title[0]}:{tag[0]}"] == [pod.container["image"]]
    context = pod.pod["securityContext"]
    assert instruction(text, "USER") == f"{context['runAsUser']}:{context['runAsGroup']}"


@pytest.mark.parametrize("workload", DOCKERFILES)
def test_both_stages_have_one_base(workload: str) -> None:
    """A virtualenv moves between stages only if both have the same Python at the same place."""
    bases = re.findall(r"^FROM (\S+)", dockerfile(workload), re.MULTILINE)
    stages = {"build", "validator-build"}
    assert {each for each in bases if each not in stages} == {"python:3.13-slim"}


def test_validator_is_a_stage_of_its_own(documents: Documents) -> None:
    """Its image has the collector and no test; title, version and user are what its pod expects."""
    (stage,) = re.findall(r"AS validator\n(.*?)\nFROM ", dockerfile("integration-test"), re.DOTALL)
    pod = by_name(documents)["validator"]
    (title,) = re.findall(r'image\.title="([^"]*)"', stage)
    (tag,) = re.findall(r'image\.version="([^"]*)"', stage)
    assert f"{title}:{tag}" == pod.container["image"]
    assert "tests" not in stage
    context = pod.pod["securityContext"]
    assert f"USER {context['runAsUser']}:{context['runAsGroup']}" in stage


def test_api_listens_where_its_port_says(documents: Documents) -> None:
    """The port of the API's command is the one its image exposes and its pod names."""
    text = dockerfile("api")
    command = json.loads(instruction(text, "CMD"))
    port = command[command.index("--port") + 1]
    assert instruction(text, "EXPOSE") == port
    ports = by_name(documents)["api"].container["ports"]
    assert ports == [{"name": "http", "containerPort": int(port)}]


def test_pods_find_redis_by_its_service(documents: Documents) -> None:
    """REDIS_URL of API and worker is the name and port of the Redis Service."""
    service = documents["Service/redis"]
    url = f"redis://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}/0"
    for name in ("api", "worker"):
        env = {e["name"]: e["value"] for e in by_name(documents)[name].container["env"]}
        assert env["REDIS_URL"] == url


def test_suite_finds_the_api_by_its_service(documents: Documents) -> None:
    """API_URL of the test Job is the DNS name of the Service; the wait ends before the deadline."""
    service = documents["Service/api"]
    job = job_of(documents["CronJob/integration-test"]) or {}
    env = {e["name"]: e["value"] for e in by_name(documents)["integration-test"].container["env"]}
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    assert service["spec"]["ports"][0]["port"] == 80
    assert env["API_URL"] == f"http://{name}.{namespace}.svc"
    assert float(env["API_WAIT"]) < job["activeDeadlineSeconds"] / 2


def test_image_of_the_suite_runs_what_the_job_runs(documents: Documents) -> None:
    """The image alone, without the manifest, does the same as the Job."""
    job = by_name(documents)["integration-test"].container
    assert json.loads(instruction(dockerfile("integration-test"), "CMD")) == (
        job["command"] + job["args"]
    )


@pytest.mark.parametrize("workload", DOCKERFILES)
def test_commands_are_in_exec_form(workload: str) -> None:
    """Signals reach the process itself: no shell stands between."""
    assert isinstance(json.loads(instruction(dockerfile(workload), "CMD")), list)


def test_suite_image_has_no_service() -> None:
    """A black-box suite cannot import what is not there."""
    assert not re.findall(r"^COPY .*\bapp\b", dockerfile("integration-test"), re.MULTILINE)


@pytest.mark.parametrize("group", FORBIDDEN)
def test_locks_hold_only_their_own_part(group: str) -> None:
    """The API carries no plotting, the worker no server, the suite nothing of the service."""
    lock = (CHECKOUT / "requirements" / f"{group}.txt").read_text()
    assert not FORBIDDEN[group] & set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))


@pytest.mark.parametrize("group", [*FORBIDDEN, "build"])
def test_locks_are_hashed_and_without_addresses(group: str) -> None:
    """Every requirement of an image carries a hash; where it comes from is the user's choice."""
    lock = (CHECKOUT / "requirements" / f"{group}.txt").read_text()
    entries = re.findall(r"^[a-z0-9-]+==.*(?:\n .*)*", lock, re.MULTILINE)
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in lock
