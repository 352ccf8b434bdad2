"""The wait for the rollout of the target: how it ends, and after how long."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pytest_k8s_job.diagnosis.causes import Cause
from pytest_k8s_job.diagnosis.finding import Finding, Outlook, Ref
from pytest_k8s_job.run.rollout import Clock, Rollout, RolloutResult
from pytest_k8s_job.target.discovery import Search
from pytest_k8s_job.target.model import Target
from pytest_k8s_job.target.said import parse_said
from pytest_k8s_job.target.state import CONFIGS, KINDS
from tests.tool.target.objects import NAMESPACE, Object, Server, deployment, endpoints, service, web

ROLLING = deployment(replicas=3, status={"updatedReplicas": 1, "replicas": 4, "readyReplicas": 4})
ROLLING["status"]["availableReplicas"] = 4
LEFT = "deployment/web: 1 of 3 new pods ready"
TODAY = 1_800_000_000.0
REQUESTS = len(KINDS | CONFIGS)
Diagnose = Callable[[float], Sequence[Finding]]


def finding(outlook: Outlook, cause: Cause = Cause.IMAGE_NOT_FOUND) -> Finding:
    """Return a finding about the Deployment."""
    return Finding(cause, "no such image", (Ref("Deployment", "web"),), outlook=outlook)


class Wait(Server):
    """A wait for a target that is in one state after the other; its time passes by sleeping.

    Attributes:
        states: (seconds from which on it holds, objects).
        diagnose: what is found at a time.
        refused_until: until when the resources in `refused` may not be read.
    """

    def __init__(
        self,
        *states: tuple[float, Sequence[Object]],
        diagnose: Diagnose = lambda _: (),
        refused: dict[str, int] | None = None,
        refused_until: float = 0.0,
        said: str = "deployment/web",
        more: str = "",
    ) -> None:
        super().__init__(())
        self.states = states
        self.diagnose = diagnose
        self.refusing = refused or {}
        self.refused_until = refused_until
        self.said = [parse_said(each) for each in (said, more) if each]
        self.passed = 0.0
        self.shown: list[tuple[str, float]] = []
        self.diagnosed: list[float] = []

    def read(self, path: str, accept: str) -> tuple[bytes, float]:
        """Answer by the state of this time."""
        self.objects = [list(each) for since, each in self.states if since <= self.passed][-1]
        self.refused = self.refusing if self.passed < self.refused_until else {}
        return super().read(path, accept)

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.passed += seconds

    def found(self, target: Target) -> Sequence[Finding]:
        """Return what is found at this time."""
        assert target.failed or target.workload((NAMESPACE, "deployment", "web")) is not None
        self.diagnosed.append(self.passed)
        return self.diagnose(self.passed)

    def show(self, text: str, passed: float) -> None:
        """Note a progress line."""
        self.shown.append((text, passed))

    def wait(self, seconds: float = 300) -> RolloutResult:
        """Wait for the target."""
        search = Search(NAMESPACE, tuple(self.said))
        clock = Clock(lambda: 1000 + self.passed, lambda: TODAY + self.passed, self.sleep)
        return Rollout(self, search, self.show, self.found, clock).wait(seconds)


def test_a_settled_target_is_read_once() -> None:
    """Nothing is shown, and no time passes."""
    wait = Wait((0, web()))
    result = wait.wait()
    assert (result.reason, result.findings) == ("", ())
    assert [str(each) for each in result.target.workloads] == ["deployment/web"]
    assert (wait.passed, wait.shown, wait.diagnosed) == (0, [], [])
    assert len(wait.paths) == REQUESTS


@pytest.mark.parametrize(
    ("ago", "waited"), [(0, 1.5), (1, 0.5), (2, 0), (3600, 0), (-1, 2.5), (-60, 0)]
)
def test_the_nodes_hear_of_new_endpoints_first(ago: float, waited: float) -> None:
    """A node sends requests to pods that are gone until it knows; a clock may be wrong."""
    routed = [service("web"), endpoints("web", "web-a1-0", at=TODAY - ago)]
    wait = Wait((0, web() + routed))
    assert wait.wait().reason == ""
    assert wait.passed == waited


def test_no_wait_for_routes_where_nobody_waits() -> None:
    """`--wait-rollout 0` means at once."""
    wait = Wait((0, [*web(), service("web"), endpoints("web", "web-a1-0", at=TODAY)]))
    wait.wait(0)
    assert wait.passed == 0


def test_no_target_is_no_wait() -> None:
    """Nothing was said and nothing is known: there is nothing to wait for."""
    result = Wait((0, web()), said="").wait()
    assert result == RolloutResult(Target())


def test_it_waits_until_the_rollout_is_over() -> None:
    """Each reading shows what is left, and for how long."""
    wait = Wait((0, [ROLLING]), (1.2, web(pods=3)))
    result = wait.wait()
    assert result.reason == ""
    assert len(result.target.workloads[0].pods) == 3
    assert wait.shown == [(LEFT, 0), (LEFT, 0.5), (LEFT, 1.0)]
    assert wait.passed == 1.5


def test_it_ends_after_its_seconds() -> None:
    """What is left is told, with what is wrong."""
    wait = Wait((0, [ROLLING]), diagnose=lambda _: [finding(Outlook.HELPED)])
    result = wait.wait(10)
    assert result.reason == f"the rollout is not over after 10 s: {LEFT}"
    assert result.findings == (finding(Outlook.HELPED),)
    assert wait.passed == 10.5
    assert result.target.workloads[0].progress == "1 of 3 new pods ready"


def test_not_to_wait() -> None:
    """0 seconds: the target is taken as it is, scaled to 0 or in mid-rollout."""
    for objects in ([ROLLING], [deployment(replicas=0)]):
        wait = Wait((0, objects))
        result = wait.wait(0)
        assert result.reason == ""
        assert len(result.target.workloads) == 1
        assert (wait.passed, wait.shown, len(wait.paths)) == (0, [], REQUESTS)


@pytest.mark.parametrize("seconds", [0, 300])
def test_what_was_said_and_is_not_there(seconds: float) -> None:
    """It is told at once: a slip is no rollout."""
    wait = Wait((0, web()), said="deployment/wbe")
    result = wait.wait(seconds)
    assert result.reason == ("--target deployment/wbe: nothing of that name is in namespace shop")
    assert wait.passed == 0
    wait = Wait((0, web()), said="db/sts/db")
    assert wait.wait().reason == "--target db/sts/db: nothing of that name is in namespace db"


def test_what_may_not_be_read_is_not_missing() -> None:
    """The target is unknown, which is no reason to fail."""
    wait = Wait((0, web()), refused=dict.fromkeys(KINDS, 403), refused_until=300)
    result = wait.wait()
    assert result.reason == ""
    assert len(result.target.unknown) == 1
    assert wait.passed == 0
    refused = {f"db/{each}": 403 for each in KINDS}
    wait = Wait((0, web()), refused=refused, refused_until=300, said="db/sts/db", more="sts/slip")
    assert wait.wait().reason == "--target sts/slip: nothing of that name is in namespace shop"


def test_a_read_that_fails_is_tried_again() -> None:
    """Tests do not begin on a target of which nobody knows anything."""
    wait = Wait((0, web()), refused=dict.fromkeys(("deployments", "pods"), 500), refused_until=1)
    result = wait.wait()
    assert result.reason == ""
    assert len(result.target.workloads) == 1
    assert wait.passed == 1
    text = "namespace shop: {} could not be read (HTTP 500)"
    assert wait.shown[0] == (f"{text.format('pods')}, {text.format('deployments')}", 0)


def test_scaled_to_zero() -> None:
    """Waiting does not help: it is told at once, with both remedies."""
    worker = deployment("worker", replicas=0)
    wait = Wait((0, [*web(), worker]))
    assert wait.wait().reason == (
        "deployment worker is scaled to 0: kubectl -n shop scale deployment/worker --replicas=1, "
        "or --wait-rollout 0 to test without it"
    )
    assert wait.passed == 0


@pytest.mark.parametrize(
    ("outlook", "seconds"), [(Outlook.FINAL, 2.5), (Outlook.STUCK, 5.0), (Outlook.MAY_HEAL, 17.5)]
)
def test_a_rollout_that_cannot_end(outlook: Outlook, seconds: float) -> None:
    """It is given up as soon as its cause has lasted; who deploys a Secret late must not fail."""
    wait = Wait((0, [ROLLING]), diagnose=lambda _: [finding(outlook)])
    result = wait.wait()
    assert result.reason == f"the rollout cannot end: {LEFT}"
    assert result.findings == (finding(outlook),)
    assert wait.passed == seconds


def test_what_the_cluster_mends_is_waited_for() -> None:
    """An autoscaler adds a node."""
    wait = Wait((0, [ROLLING]), (200, web(pods=3)), diagnose=lambda _: [finding(Outlook.HELPED)])
    assert wait.wait().reason == ""
    assert wait.diagnosed[:2] == [2.5, 5.0]


def test_a_cause_that_passes_is_none() -> None:
    """Its patience begins anew when it comes back, or when another one follows."""

    def now_and_then(passed: float) -> list[Finding]:
        return [] if passed % 5 else [finding(Outlook.STUCK)]

    def one_after_the_other(passed: float) -> list[Finding]:
        cause = Cause.QUOTA if passed % 5 else Cause.IMAGE_NOT_FOUND
        return [finding(Outlook.STUCK, cause)]

    for diagnose in (now_and_then, one_after_the_other):
        assert Wait((0, [ROLLING]), (60, web(pods=3)), diagnose=diagnose).wait().reason == ""


def test_the_root_cause_is_the_first_that_tells_an_outlook() -> None:
    """What the cluster mends is no reason by itself; what stands behind it is."""
    both = [finding(Outlook.HELPED), finding(Outlook.FINAL)]
    wait = Wait((0, [ROLLING]), diagnose=lambda _: both)
    assert wait.wait().findings == tuple(both)
    assert wait.passed == 2.5


def test_what_cannot_end_does_not_wait_for_another() -> None:
    """An image that is not there comes with no database; some of what is left is told."""
    others = [deployment(name, status={"readyReplicas": 0}) for name in ("db", "mail")]
    wait = Wait((0, [ROLLING, *others]), diagnose=lambda _: [finding(Outlook.FINAL)])
    result = wait.wait()
    assert wait.passed == 2.5
    assert wait.shown[0][0] == f"{LEFT}, deployment/db: 0 of 1 new pods ready and 1 more"
    assert result.reason.endswith("deployment/mail: 0 of 1 new pods ready")


def test_what_waits_for_another_workload_is_waited_for() -> None:
    """An API crashes until its database is there, which is on its way."""
    database = deployment("db", replicas=3, status={"readyReplicas": 0})
    wait = Wait(
        (0, [ROLLING, database]), (90, web(pods=3)), diagnose=lambda _: [finding(Outlook.MAY_HEAL)]
    )
    assert wait.wait().reason == ""
    assert wait.shown[0][0] == f"{LEFT}, deployment/db: 0 of 3 new pods ready"
    assert wait.passed == 90


def test_without_a_cluster_there_is_no_wait() -> None:
    """Nobody waits for an API server that is not there when the run begins."""
    gone = finding(Outlook.MAY_HEAL, Cause.API_UNREACHABLE)
    refused = dict.fromkeys(KINDS, 503)
    wait = Wait((0, web()), diagnose=lambda _: [gone], refused=refused, refused_until=300, said="")
    result = wait.wait()
    assert result.findings == (gone,)
    assert "namespace shop: pods could not be read (HTTP 503)" in result.reason
    assert wait.passed == 0


def test_a_cluster_that_goes_away_in_mid_wait_may_come_back() -> None:
    """What could not be read is no other workload to wait for."""
    gone = finding(Outlook.MAY_HEAL, Cause.API_UNREACHABLE)
    refused = {"services": 503, "daemonsets": 503}
    states = ((0, [ROLLING]), (20, [ROLLING]))
    wait = Wait(
        *states,
        diagnose=lambda passed: [gone] if passed else [],
        refused=refused,
        refused_until=300,
    )
    result = wait.wait()
    assert result.findings == (gone,)
    assert 15 < wait.passed < 20


def test_a_rollout_that_takes_too_long_for_its_controller() -> None:
    """It is given up at once, whatever the outlook."""
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    stalled = deployment(replicas=3, status={"updatedReplicas": 1, "conditions": [late]})
    wait = Wait((0, [stalled]), diagnose=lambda _: [finding(Outlook.MAY_HEAL)])
    result = wait.wait()
    assert result.reason.startswith("the rollout cannot end: deployment/web: ")
    assert result.findings == (finding(Outlook.MAY_HEAL),)
    assert wait.passed == 2.5
    unexplained = Wait((0, [stalled]))
    assert unexplained.wait().reason == result.reason
