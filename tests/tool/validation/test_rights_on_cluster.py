"""Each right of validator, gate and rollback, shown by taking it away on the real cluster.

What is missing is named, and no missing right leads to a PASSED that nobody may believe.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping

import pytest

from pytest_k8s_job.cluster.client import KubernetesCluster, connect
from pytest_k8s_job.errors import ClusterError
from pytest_k8s_job.validation.follow import Place
from pytest_k8s_job.validation.store import KEPT_RUNS, Store
from pytest_k8s_job.validation.watch import Watch
from tests.checkout import CHECKOUT
from tests.tool.diagnosis.place import create_many, kubectl, wait_until
from tests.tool.validation.account import Right, rights_of
from tests.tool.validation.pipeline import FAILED, NOT_RUN, PASSED
from tests.tool.validation.rights_scene import Scene, open_scene, side_by_side

pytestmark = pytest.mark.cluster

WITHOUT_A_VERDICT = (4, NOT_RUN, 11)  # a usage error, NOT_RUN, INCOMPLETE
VALIDATOR = rights_of("validator")
GATE = rights_of("verdict-reader")
ADDS = {  # rights without which a verdict is still right, and what is said of the rest
    ("patch", "jobs"): "no labels on Job",
    ("create", "events"): "no Event on deployment web",
    ("create", "configmaps"): "the verdict could not be kept",
    ("delete", "configmaps"): "the verdict could not be kept",
}
WATCHED = [each for each in VALIDATOR if each[0] == "watch" or each[:2] == ("list", "cronjobs")]
ASKED = [each for each in VALIDATOR if each[1] == "pods/exec"]
VALIDATED = [each for each in VALIDATOR if each not in (*WATCHED, *ASKED)]
POLICY = ("--quiet", "--policy")
DOCUMENT = CHECKOUT / "docs" / "after-each-deploy.md"


def rights_to_roll_back() -> list[Right]:
    """Return those of the command in the document."""
    found = re.search(r"create role \S+ --verb=(\S+) --resource=(\S+)", DOCUMENT.read_text())
    assert found is not None
    resources = [each.partition(".") for each in found[2].split(",")]
    return [(verb, name, group) for name, _, group in resources for verb in found[1].split(",")]


ROLLBACK = rights_to_roll_back()


def without(right: Right) -> str:
    """Return the name of the account that lacks a right of the validator."""
    return re.sub("[^a-z]", "-", f"without-{right[0]}-{right[1]}")


def names(output: str, right: Right) -> bool:
    """Whether an output names a right: in the API server's words, or in ours."""
    verb, resource, group = right
    own = f"{resource}.{group}" if group not in ("", "batch") else resource
    said = (
        f'cannot {verb} resource "{resource}"',
        f"a Role there lacks: {verb} {own}",
        f"may not {verb} {resource} in namespace",
        f"could not be read: {verb} {resource} in",
        f"needs the verbs get and create of {resource}",
    )
    return any(each in output for each in said)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """The shop, an account that has all rights, and one for each right that it lacks."""
    with open_scene(tmp_path_factory.mktemp("rights")) as scene:
        for number in range(KEPT_RUNS):
            fill_history(scene, number)
        side_by_side(lambda right: make(scene, right), [*VALIDATOR])
        scene.account("validator", VALIDATOR)
        yield scene


def fill_history(scene: Scene, number: int) -> None:
    """Keep a run of the template whose account may not delete the oldest one."""
    labels = {"pytest-k8s-job/template": without(("delete", "configmaps", ""))}
    metadata = {"name": f"old-{number}", "labels": labels}
    create_many(scene.shop.namespace, [("configmaps", {"metadata": metadata})])


def make(scene: Scene, right: Right) -> None:
    """Make the account without a right, and its template."""
    missing = "nowhere" if right[:2] == ("list", "events") else ""
    rights = [each for each in VALIDATOR if each != right]
    scene.account(without(right), rights, missing=missing)


@pytest.fixture(scope="module")
def said(scene: Scene) -> Mapping[Right, tuple[int, str]]:
    """What `validate` says without each right."""

    def validate(right: Right) -> tuple[int, str]:
        return scene.say("validate", without(right), without(right), "--quiet")

    return dict(zip(VALIDATED, side_by_side(validate, VALIDATED), strict=True))


@pytest.mark.parametrize("right", VALIDATED, ids=str)
def test_a_right_that_validate_lacks(said: Mapping[Right, tuple[int, str]], right: Right) -> None:
    """It is named; there is no PASSED, but where the right only adds something."""
    code, output = said[right]
    assert names(output, right), output
    if right[:2] in ADDS:
        assert ADDS[right[:2]] in output
        assert code == PASSED, output
    else:
        assert code in WITHOUT_A_VERDICT, output


def test_with_all_rights_nothing_is_missing(scene: Scene) -> None:
    """The manifest's Role is enough for a verdict, its history, its Events and its labels."""
    code, output = scene.say("validate", "validator", "validator", "--quiet")
    assert code == PASSED, output
    assert re.fullmatch(r"(.* pods? .*\n)*Job .*\nPASSED .*\n", output), output


def connected(scene: Scene, right: Right) -> KubernetesCluster:
    """Return the cluster as the account without a right sees it."""
    return connect(str(scene.kubeconfig(without(right))))


@pytest.mark.parametrize("right", WATCHED, ids=str)
def test_a_right_that_watch_lacks(scene: Scene, right: Right) -> None:
    """Without templates a look fails; without watches changes are seen later, and it says so."""
    cluster, lines = connected(scene, right), list[str]()
    place = Place(scene.shop.namespace)
    watch = Watch(cluster, place.namespace, Store(cluster, place), lambda _: begun(), lines.append)
    if right[0] == "list":
        with pytest.raises(ClusterError) as caught:
            watch.look()
        assert names(str(caught.value), right)
        return
    watch.look()
    wait_until(lambda: any(names(each, right) for each in lines), f"the line on {right}")
    watch.stop()
    assert any(each.startswith("changes are seen 30 s later: ") for each in lines)


def begun() -> subprocess.Popen[bytes]:
    """Start nothing in the place of a validation."""
    return subprocess.Popen(["true"])


@pytest.mark.parametrize("right", ASKED, ids=str)
def test_a_right_that_a_rotated_log_needs(scene: Scene, right: Right) -> None:
    """The refusal names it; tests/tool/run/test_follower.py has what a run makes of that."""
    said = scene.command(without(right))
    assert names(said, right), said
    assert scene.command("validator") == ""


@pytest.fixture(scope="module")
def waited(scene: Scene) -> Mapping[Right, tuple[int, str]]:
    """What `gate` says without each right, of a run that passed and is not kept."""
    scene.account("gate", GATE)
    assert scene.say("validate", "gate", "validator", "--quiet")[0] == PASSED
    done = ("wait", "job", "-l", "pytest-k8s-job/template=gate", "--for=condition=complete")
    kubectl("-n", scene.shop.namespace, *done)
    forget = ("delete", "configmaps", "-l", "pytest-k8s-job/template=gate")
    kubectl("-n", scene.shop.namespace, *forget)
    assert scene.say("gate", "gate", "gate", "--timeout", "0s")[0] == PASSED

    def wait(right: Right) -> tuple[int, str]:
        name = f"gate-{without(right)}"
        scene.account(name, [each for each in GATE if each != right])
        template = "" if right[:2] == ("list", "cronjobs") else "gate"
        return scene.say("gate", template, name, "--timeout", "0s")

    return dict(zip(GATE, side_by_side(wait, GATE), strict=True))


@pytest.mark.parametrize("right", GATE, ids=str)
def test_a_right_that_gate_lacks(waited: Mapping[Right, tuple[int, str]], right: Right) -> None:
    """It is named, and the gate stays shut."""
    code, output = waited[right]
    assert names(output, right), output
    assert code in WITHOUT_A_VERDICT, output


def test_a_right_that_a_rollback_lacks(scene: Scene) -> None:
    """It is named, and neither of the two workloads is changed; with all four, both are."""
    scene.account("rollback", [*VALIDATOR, *ROLLBACK], on_failure="rollback")
    code, output = scene.say("validate", "rollback", "rollback", *POLICY)
    assert code == PASSED, output
    scene.deploy("broken")
    for number, right in enumerate(ROLLBACK):
        rights = [*VALIDATOR, *(each for each in ROLLBACK if each != right)]
        scene.account(f"rollback-{number}", rights)
        code, output = scene.say("validate", "rollback", f"rollback-{number}", *POLICY)
        assert code == FAILED, output
        assert "not rolled back: " in output
        assert names(output, right), output
        assert versions(scene) == ["broken", "broken"]
    code, output = scene.say("validate", "rollback", "rollback", *POLICY)
    assert code == FAILED, output
    assert re.search(r"; rolled back to \w+, PASSED$", output.strip()), output
    assert versions(scene) == ["1", "1"]


def versions(scene: Scene) -> list[str]:
    """Return the versions that both workloads shall have."""
    path = "jsonpath={.items[*].spec.template.spec.containers[0].env[0].value}"
    return scene.shop.kubectl("get", "deployment,statefulset", "-o", path).split()
