"""The rights that reading the target needs: each one that is missing is named."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from pytest_k8s_job.cluster.client import connect
from pytest_k8s_job.target.discovery import Search, find_target
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.said import parse_said
from pytest_k8s_job.target.state import KINDS
from tests.checkout import CHECKOUT
from tests.tool.run.test_shards_on_cluster import kubeconfig_of
from tests.tool.target.shop import Shop, deployment, open_shop, service

pytestmark = pytest.mark.cluster

ROLE = CHECKOUT / "kubernetes" / "50-test-runner.yaml"


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """A shop of one Deployment behind a Service, and the account of the manifests."""
    with open_shop(deployment("web"), service("web")) as shop:
        apply_role(shop, "")
        shop.wait("web")
        yield shop


def apply_role(shop: Shop, without: str) -> None:
    """Apply the manifests' account and Roles, without the right to read one resource."""
    for each in yaml.safe_load_all(ROLE.read_text()):
        each["metadata"]["namespace"] = shop.namespace
        for subject in each.get("subjects", ()):
            subject["namespace"] = shop.namespace
        for rule in each.get("rules", ()):
            rule["resources"] = [name for name in rule["resources"] if name != without]
        each["rules"] = [rule for rule in each.get("rules", ()) if rule["resources"]]
        if not each["rules"]:
            del each["rules"]
        shop.apply(each)


def target_of(shop: Shop, folder: Path) -> Target:
    """Return the target as the account of the manifests sees it."""
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(kubeconfig_of(shop.namespace, "test-runner")))
    search = Search(shop.namespace, (parse_said("deployment/web"),), (("web", "API_URL"),))
    return find_target(connect(str(kubeconfig)), search)


def test_the_role_of_the_manifests_is_enough(shop: Shop, tmp_path: Path) -> None:
    """With it, nothing of the target is unknown."""
    apply_role(shop, "")
    target = target_of(shop, tmp_path)
    assert target.unknown == ()
    assert [str(each) for each in target.workloads] == ["deployment/web"]


@pytest.mark.parametrize("resource", KINDS)
def test_each_missing_right_is_named(shop: Shop, tmp_path: Path, resource: str) -> None:
    """A rule that the Role lacks is said, and is no reason to fail."""
    apply_role(shop, resource)
    (text,) = target_of(shop, tmp_path).unknown
    assert text.startswith(f"namespace {shop.namespace}: a Role there lacks: list {resource}")
