"""The wait for the target's rollout on the real cluster, and rollouts that cannot end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.tool.conftest import Result
from tests.tool.run.test_on_cluster import INI, Place, job_manifest
from tests.tool.target.shop import Shop, deployment, open_runs, open_shop, service

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
SUITE = """\
import os, urllib.request

def test_version():
    with urllib.request.urlopen(os.environ["SHOP_URL"], timeout=5) as answer:
        assert answer.read().decode() == os.environ.get("WANTED", "1")

def test_nothing():
    pass
"""
SLOW = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1, "initialDelaySeconds": 8}
NEVER = {"tcpSocket": {"port": 1}, "periodSeconds": 1}
# Far below the 300 s of --wait-rollout; a crash gets 15 s to heal, and the machine may be busy.
SECONDS = 60.0


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A namespace for the tests alone."""
    with open_runs(tmp_path_factory.mktemp("suite"), SUITE) as name:
        yield name


@pytest.fixture
def place(runs: str, tmp_path: Path) -> Place:
    """A checkout whose manifest names no target yet."""
    (tmp_path / "kubernetes").mkdir()
    (tmp_path / "pytest.ini").write_text(INI)
    return Place(runs, tmp_path)


def run(place: Place, shop: Shop, *arguments: str, wanted: str = "1") -> Result:
    """Run the suite against the Service `web`."""
    manifest = yaml.safe_load(job_manifest(place.namespace))
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    container["env"] += [
        {"name": "SHOP_URL", "value": f"http://web.{shop.namespace}.svc"},
        {"name": "WANTED", "value": wanted},
    ]
    container["args"] = ["test_shop.py"]
    (place.folder / "kubernetes" / "90-test-job.yaml").write_text(yaml.safe_dump(manifest))
    return place.run(*arguments)


def web(version: str = "1", **more: Any) -> Object:
    """Return a Deployment that takes some seconds until it is ready."""
    return deployment("web", version, readinessProbe=SLOW, **more)


def test_a_run_right_after_a_change_tests_what_is_new(place: Place) -> None:
    """The first run waits for the first pod, the second one for the next revision."""
    with open_shop(service("web"), web()) as shop:
        result = run(place, shop)
        assert result.code == 0, result.stdout
        assert "deployment/web: 0 of 1 new pods ready" in result.stdout
        shop.apply(web("2"))
        result = run(place, shop, wanted="2")
        assert result.code == 0, result.stdout
        assert "deployment/web" in result.stdout.partition("creating")[0]


def test_not_to_wait(place: Place) -> None:
    """With --wait-rollout 0 the tests meet what is there: here nothing."""
    with open_shop(service("web"), web(command=["sleep", "600"])) as shop:
        result = run(place, shop, "--wait-rollout", "0")
        assert result.code == 1, result.stdout
        assert "new pods ready" not in result.stdout
        assert "test_version" in result.stdout


def pull(shop: Shop) -> None:
    """Roll out an image that nobody has."""
    shop.kubectl("set", "image", "deployment/web", "web=registry.invalid/nowhere:1")


def refuse(shop: Shop) -> None:
    """Use the quota up, then roll out."""
    shop.kubectl("create", "quota", "full", "--hard=pods=1")
    shop.kubectl("set", "env", "deployment/web", "VERSION=2")


def crash(shop: Shop) -> None:
    """Roll out what ends at once."""
    shop.apply(deployment("web", command=["python", "-c", "raise SystemExit('no such table')"]))


def stall(shop: Shop) -> None:
    """Roll out what is never ready, with few seconds to get so."""
    never = deployment("web", "2", readinessProbe=NEVER)
    never["spec"]["progressDeadlineSeconds"] = 5
    shop.apply(never)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (pull, "registry.invalid/nowhere:1"),
        (refuse, "ResourceQuota full"),
        (crash, "no such table"),
        (stall, "ready"),
    ],
)
def test_a_rollout_that_cannot_end(place: Place, spoil: Any, sentence: str) -> None:
    """It is NOT_RUN with the root cause as first line, long before the time is over."""
    with open_shop(service("web"), deployment("web")) as shop:
        shop.wait("web")
        spoil(shop)
        began = time.monotonic()
        result = run(place, shop)
        assert result.code == 10, result.stdout
        assert time.monotonic() - began < SECONDS
        _, _, shown = result.stdout.partition("in cluster: NOT_RUN")
        first, _, rest = shown.partition("\n")[2].partition("\n")
        assert sentence in first
        assert "the rollout cannot end: deployment/web: 0 of 1 new pods ready" in rest
        print(f"{spoil.__name__}: {time.monotonic() - began:.1f} s: {first}")  # noqa: T201


def test_scaled_to_zero(place: Place) -> None:
    """A worker without a pod is told at once: waiting does not help."""
    parts = (service("web"), deployment("web"), deployment("worker", replicas=0))
    with open_shop(*parts) as shop:
        shop.wait("web")
        result = run(place, shop)
        assert result.code == 10, result.stdout
        remedy = f"kubectl -n {shop.namespace} scale deployment/worker --replicas=1"
        assert f"deployment worker is scaled to 0: {remedy}" in result.stdout
        result = run(place, shop, "--wait-rollout=0")
        assert result.code == 0, result.stdout


def test_a_paused_deployment_and_a_canary_are_no_wait(place: Place) -> None:
    """Both are named before the first test."""
    canary = deployment("canary")
    canary["spec"]["selector"]["matchLabels"] = {"app": "web", "track": "canary"}
    canary["spec"]["template"]["metadata"]["labels"] = {"app": "web", "track": "canary"}
    with open_shop(service("web"), deployment("web"), canary) as shop:
        for name in ("web", "canary"):
            shop.kubectl("rollout", "status", f"deployment/{name}", "--timeout=60s")
        shop.kubectl("rollout", "pause", "deployment/web")
        shop.kubectl("set", "env", "deployment/web", "VERSION=2")
        result = run(place, shop)
        assert result.code == 0, result.stdout
        (line,) = (each for each in result.stdout.splitlines() if each.startswith("target: "))
        assert f"deployment/canary in {shop.namespace} " in line
        assert "(read from SHOP_URL, paused)" in line.replace(" and ", ", ")


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet"])
def test_sets_are_waited_for(place: Place, kind: str) -> None:
    """Right after a change of theirs, the tests meet the new revision."""

    def made(version: str) -> Object:
        one = deployment("web", version, readinessProbe=SLOW) | {"kind": kind}
        if kind == "DaemonSet":
            del one["spec"]["replicas"]
        else:
            one["spec"]["serviceName"] = "web"
        return one

    with open_shop(service("web"), made("1")) as shop:
        result = run(place, shop)
        assert result.code == 0, result.stdout
        shop.apply(made("2"))
        result = run(place, shop, wanted="2")
        assert result.code == 0, result.stdout
        assert f"{kind.lower()}/web" in result.stdout.partition("creating")[0]
