"""What a rollout still waits for, in each of its states."""

from __future__ import annotations

import pytest

from pytest_k8s_job.target.pods import pod_of
from pytest_k8s_job.target.progress import is_stalled, note_of, progress_of, wanted_of
from tests.tool.target.objects import Object, daemon, deployment, made, pod, replicaset, stateful

UNSEEN = "its controller has not seen the newest change"


def counts(present: int, updated: int, ready: int, available: int | None = None) -> dict[str, int]:
    """Return the numbers of a status."""
    return {
        "replicas": present,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready if available is None else available,
    }


@pytest.mark.parametrize(
    ("status", "progress"),
    [
        (counts(3, 3, 3), ""),
        (counts(3, 3, 3) | {"observedGeneration": 0}, UNSEEN),
        (counts(4, 1, 3), "0 of 3 new pods ready"),
        (counts(4, 1, 4), "1 of 3 new pods ready"),
        (counts(4, 2, 3), "1 of 3 new pods ready"),
        (counts(3, 3, 1), "1 of 3 new pods ready"),
        (counts(3, 3, 3, 2), "2 of 3 new pods ready"),
        (counts(3, 3, 2, 3), "2 of 3 new pods ready"),
        (counts(4, 3, 3), "1 old pod still goes"),
        (counts(5, 3, 4), "2 old pods still go"),
        (counts(4, 3, 2), "1 of 3 new pods ready"),
        (counts(2, 0, 0), "0 of 3 new pods ready"),
        (counts(2, 2, 2), "2 of 3 new pods ready"),
        (counts(3, 0, 3), "0 of 3 new pods ready"),
    ],
)
def test_a_deployment_of_three(status: Object, progress: str) -> None:
    """Right after an apply the status is the old one's; then updated, ready, and the old ones."""
    assert progress_of(deployment(replicas=3, status=status), "deployment", ()) == progress


def test_a_deployment_without_a_status() -> None:
    """It was created in this moment."""
    new = deployment(replicas=2)
    new["status"] = {}
    assert progress_of(new, "deployment", ()) == UNSEEN
    new["status"] = None
    assert progress_of(new, "deployment", ()) == UNSEEN
    new["status"] = {"observedGeneration": 1}
    assert progress_of(new, "deployment", ()) == "0 of 2 new pods ready"


def test_an_autoscaler_moves_what_is_wanted() -> None:
    """Fewer are wanted: the rest goes; more are wanted: they come."""
    fewer = deployment(replicas=1, status=counts(3, 3, 3))
    assert progress_of(fewer, "deployment", ()) == "2 old pods still go"
    more = deployment(replicas=5, status=counts(5, 5, 3))
    assert progress_of(more, "deployment", ()) == "3 of 5 new pods ready"
    none = deployment(replicas=0, status=counts(0, 0, 0))
    assert progress_of(none, "deployment", ()) == ""
    assert wanted_of(none, "deployment") == 0


def test_a_paused_deployment_is_no_rollout() -> None:
    """Nothing will be updated before somebody resumes it; as many as wanted must be ready."""
    paused = deployment(replicas=3, spec={"paused": True}, status=counts(4, 1, 3))
    assert note_of(paused) == "paused"
    assert progress_of(paused, "deployment", ()) == ""
    paused["status"] |= counts(4, 1, 2)
    assert progress_of(paused, "deployment", ()) == "2 of 3 pods ready"
    paused["status"] |= {"observedGeneration": 0}
    assert progress_of(paused, "deployment", ()) == UNSEEN


@pytest.mark.parametrize(
    ("partition", "updated", "progress", "note"),
    [
        (0, 3, "", ""),
        (0, 1, "1 of 3 new pods ready", ""),
        (2, 1, "", "partition 2"),
        (2, 3, "", "partition 2"),
        (2, 0, "2 of 3 new pods ready", "partition 2"),
        (5, 0, "", "partition 5"),
    ],
)
def test_a_statefulset_with_a_partition(
    partition: int, updated: int, progress: str, note: str
) -> None:
    """Pods below the partition stay as they are."""
    one = stateful(partition=partition, updatedReplicas=updated)
    assert progress_of(one, "statefulset", ()) == progress
    assert note_of(one) == note


def test_a_statefulset_of_which_pods_are_missing() -> None:
    """Those below the partition need no update, and must be there."""
    one = stateful(partition=2)
    one["status"] |= {"replicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    one["status"] |= {"updatedReplicas": 0}
    assert progress_of(one, "statefulset", ()) == "1 of 3 new pods ready"


def test_on_delete_nothing_is_updated_by_itself() -> None:
    """Old pods stay until somebody deletes them; all must be ready."""
    update = {"updateStrategy": {"type": "OnDelete"}}
    one = stateful(updatedReplicas=0, spec=update)
    assert progress_of(one, "statefulset", ()) == ""
    assert note_of(one) == "updates on delete"
    one["status"]["readyReplicas"] = 2
    assert progress_of(one, "statefulset", ()) == "2 of 3 new pods ready"
    agent = daemon(updatedNumberScheduled=0)
    agent["spec"] |= update
    assert progress_of(agent, "daemonset", ()) == ""
    assert note_of(agent) == "updates on delete"


def test_a_daemonset() -> None:
    """Its nodes are what is wanted."""
    assert progress_of(daemon(), "daemonset", ()) == ""
    assert progress_of(daemon(updatedNumberScheduled=1), "daemonset", ()) == "1 of 2 new pods ready"
    assert progress_of(daemon(numberAvailable=1), "daemonset", ()) == "1 of 2 new pods ready"
    assert progress_of(daemon(observedGeneration=0), "daemonset", ()) == UNSEEN
    assert wanted_of(daemon(nodes=4), "daemonset") == 4
    assert wanted_of(made("DaemonSet", "agent"), "daemonset") == 0
    assert note_of(daemon()) == ""
    new = daemon()
    new["status"] = {"desiredNumberScheduled": 2, "observedGeneration": 1}
    assert progress_of(new, "daemonset", ()) == "0 of 2 new pods ready"
    assert progress_of(daemon(nodes=0), "daemonset", ()) == ""


def test_a_replicaset() -> None:
    """It has no rollout, and must have its pods."""
    one = replicaset("web-a1", replicas=2)
    assert progress_of(one, "replicaset", ()) == ""
    one["status"]["availableReplicas"] = 1
    assert progress_of(one, "replicaset", ()) == "1 of 2 new pods ready"


def test_a_bare_pod() -> None:
    """It must be ready."""
    assert progress_of(pod("p"), "pod", ()) == ""
    assert progress_of(pod("p", ready=False), "pod", ()) == "it is not ready"
    assert note_of(pod("p")) == ""
    assert wanted_of(pod("p"), "pod") == 1


def test_what_may_not_be_read() -> None:
    """Its pods must be ready, and nobody knows how many it wants."""
    ready, coming = pod_of(pod("p")), pod_of(pod("q", ready=False))
    assert progress_of(None, "deployment", [ready]) == ""
    assert progress_of(None, "deployment", []) == ""
    assert progress_of(None, "deployment", [ready, coming]) == "its pods are not ready"
    assert wanted_of(None, "deployment") is None
    assert note_of(None) == ""


def test_one_is_wanted_where_nothing_is_said() -> None:
    """That is Kubernetes' own default."""
    one = deployment()
    del one["spec"]["replicas"]
    assert wanted_of(one, "deployment") == 1


def test_new_pods_are_counted_where_their_revision_is_known() -> None:
    """One old pod is ready and one new pod is not: the counts alone do not tell which."""
    status = {"replicas": 2, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    rolling = deployment(status=status)
    pods = [
        pod_of(pod("web-a1-0", version="a1")),
        pod_of(pod("web-b2-0", version="b2", ready=False)),
    ]
    assert progress_of(rolling, "deployment", pods, "b2") == "0 of 1 new pods ready"
    assert progress_of(rolling, "deployment", pods, "a1") == "1 old pod still goes"
    assert progress_of(rolling, "deployment", (), "b2") == "1 old pod still goes"


def test_a_rollout_that_takes_too_long() -> None:
    """Its controller says so, if it means the newest change."""
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    one = deployment(status={"conditions": [late]})
    assert is_stalled(one)
    one["metadata"]["generation"] = 2
    assert not is_stalled(one)
    assert not is_stalled(deployment())
    assert not is_stalled(None)
