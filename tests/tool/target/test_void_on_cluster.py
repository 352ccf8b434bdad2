"""A target that changes while it is tested, in another namespace than the tests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from tests.tool.diagnosis.place import kubectl
from tests.tool.run.test_on_cluster import INI, Place, job_manifest, wait_until
from tests.tool.target.shop import Shop, deployment, open_runs, open_shop, service, stray

pytestmark = pytest.mark.cluster

GO_ON = "/tmp/go-on"  # noqa: S108 (in the pod of the tests)

SUITE = """\
import os, time, urllib.request

def get():
    with urllib.request.urlopen(os.environ["SHOP_URL"], timeout=5) as answer:
        return answer.read().decode()

def test_first():
    assert get()

def test_until_told():
    end = time.monotonic() + 90
    while not os.path.exists("/tmp/go-on"):
        assert time.monotonic() < end
        time.sleep(0.1)
    get()

def test_last():
    assert get()
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace for the tests alone."""
    with open_runs(tmp_path_factory.mktemp("suite"), SUITE) as name:
        yield name


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """A shop of web and worker, and a neighbour that belongs to nobody."""
    neighbour = deployment("neighbour")
    del neighbour["metadata"]["labels"]
    parts = (deployment("web"), service("web"), deployment("worker"), neighbour)
    with open_shop(*parts) as shop:
        for name in ("web", "worker", "neighbour"):
            shop.wait(name)
        yield shop


@pytest.fixture
def place(runs: str, shop: Shop, tmp_path: Path) -> Place:
    """A checkout whose manifest names the shop's URL."""
    manifest = yaml.safe_load(job_manifest(runs))
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    container["env"].append({"name": "SHOP_URL", "value": f"http://web.{shop.namespace}.svc"})
    container["args"] = ["test_shop.py"]
    (tmp_path / "kubernetes").mkdir()
    (tmp_path / "kubernetes" / "90-test-job.yaml").write_text(yaml.safe_dump(manifest))
    (tmp_path / "pytest.ini").write_text(INI)
    return Place(runs, tmp_path)


def run_during(place: Place, act: Callable[[], None], *arguments: str) -> tuple[int, str]:
    """Run the suite, do `act` between its first and its last test; return code and output."""
    with place.start("-v", *arguments) as process:
        shown = ""

        def first_passed() -> bool:
            nonlocal shown
            shown += read_line(process)
            return "test_first PASSED" in shown

        wait_until(first_passed, "the first test")
        act()
        pod = kubectl("-n", place.namespace, "get", "pods", "-o", "json")
        (name,) = (
            each["metadata"]["name"]
            for each in json.loads(pod)["items"]
            if each["status"]["phase"] == "Running"
        )
        kubectl("-n", place.namespace, "exec", name, "--", "touch", GO_ON)
        result = place.result(process)
    return result.code, shown + result.stdout


def read_line(process: subprocess.Popen[str]) -> str:
    """Return the next line of the run."""
    assert process.stdout is not None
    return process.stdout.readline()


def rolled(shop: Shop, name: str, version: str) -> Callable[[], None]:
    """Return what rolls a Deployment out and waits until it is over."""

    def act() -> None:
        shop.kubectl("set", "env", f"deployment/{name}", f"VERSION={version}")
        shop.wait(name)

    return act


def test_a_rollout_in_mid_run_voids_it(place: Place, shop: Shop) -> None:
    """Tests of two revisions are of neither, though all passed and the tests live elsewhere."""
    code, output = run_during(place, rolled(shop, "web", "2"))
    assert code == 12, output
    assert "in cluster: VOID" in output
    assert "deployment/web was rolled out while it was tested: its pod template became" in output
    assert f"target: deployment/web in {shop.namespace} " in output
    assert "(read from SHOP_URL)" in output


def test_what_was_only_seen_counts_too(place: Place, shop: Shop) -> None:
    """Without a URL in the manifest, what the tests connected to is the target."""
    manifest = place.folder / "kubernetes" / "90-test-job.yaml"
    text = yaml.safe_load(manifest.read_text())
    (container,) = text["spec"]["template"]["spec"]["containers"]
    container["env"] = [each for each in container["env"] if each["name"] != "SHOP_URL"]
    agent = 'exec python -m pytest_k8s_job.pod.agent "$@"'
    container["command"] = ["sh", "-c", f"SHOP_URL=http://web.{shop.namespace}.svc {agent}", "sh"]
    manifest.write_text(yaml.safe_dump(text))
    code, output = run_during(place, rolled(shop, "web", "seen"))
    assert code == 12, output
    assert "deployment/web was rolled out while it was tested" in output
    assert "(seen)" in output


def test_an_unrelated_rollout_has_no_effect(place: Place, shop: Shop) -> None:
    """A neighbour of the same namespace may do what it likes."""
    code, output = run_during(place, rolled(shop, "neighbour", "2"))
    assert code == 0, output


def test_a_part_that_no_test_calls_belongs_to_the_target(place: Place, shop: Shop) -> None:
    """The worker is rolled out: the run is VOID."""
    code, output = run_during(place, rolled(shop, "worker", "2"))
    assert code == 12, output
    assert "deployment/worker was rolled out while it was tested" in output


def test_scaling_has_no_effect(place: Place, shop: Shop) -> None:
    """More pods of the same revision are the same target."""

    def act() -> None:
        shop.kubectl("scale", "deployment/web", "--replicas=2")
        shop.wait("web")

    code, output = run_during(place, act)
    assert code == 0, output


def test_a_restart_voids_a_success(place: Place, shop: Shop) -> None:
    """A container of the target ended in between: that is no success."""

    def act() -> None:
        end = ("python", "-c", "import os; os.kill(1, 15)")  # it may take kubectl's process along
        shop.kubectl("exec", "deployment/worker", "--", *end, check=False)
        wait_until(lambda: "1" in restarts(shop, "worker"), "a restart")

    code, output = run_during(place, act)
    assert code == 12, output
    assert "container web of pod worker-" in output
    assert "restarted while it was tested" in output


def restarts(shop: Shop, name: str) -> str:
    """Return the number of restarts of the pods of a Deployment."""
    path = "jsonpath={.items[*].status.containerStatuses[*].restartCount}"
    return shop.kubectl("get", "pods", "-l", f"app={name}", "-o", path)


def test_a_bare_pod_behind_the_service_voids(place: Place, shop: Shop) -> None:
    """It answers some of the requests: nothing that passed then is the target's."""
    shop.apply(stray("web"))
    shop.kubectl("wait", "pod/stray-web", "--for=condition=Ready", "--timeout=60s")
    try:
        code, output = run_during(place, lambda: None)
    finally:
        shop.kubectl("delete", "pod", "stray-web", "--wait=true")
    assert code == 12, output
    text = "Service web also leads to pod stray-web, which belongs to no workload"
    assert text in output


def test_nothing_is_void_where_nobody_wants_it(place: Place, shop: Shop) -> None:
    """With k8s_target_watch = false a target may change."""
    words = ("-o", "k8s_target_watch=false")
    code, output = run_during(place, rolled(shop, "web", "3"), *words)
    assert code == 0, output
