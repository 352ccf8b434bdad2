"""Decides that tests will never start, and says why in Kubernetes' own words."""

from __future__ import annotations

from pytest_k8s_job.pods import Phase, PodState

__all__ = ["StartWatch"]

# Seconds that a state must last before it is taken as final. The kubelet repeats every one of
# these on its own, so a cause that was only late (a Secret created a moment after) may heal.
PATIENCE = {
    "ErrImageNeverPull": 1.0,
    "InvalidImageName": 1.0,
    "ErrImagePull": 6.0,
    "ImagePullBackOff": 6.0,
    "ImageInspectError": 6.0,
    "RegistryUnavailable": 6.0,
    "CreateContainerConfigError": 5.0,
    "CreateContainerError": 5.0,
}
PATIENCE_WITHOUT_POD = 3.0  # the Job controller retries after 1, 3 and 7 s


class StartWatch:
    """Follows the states of one Job until its tests start; times are monotonic seconds."""

    def __init__(self, now: float, limit: float) -> None:
        self._began = now
        self._limit = limit
        self._bad_since: float | None = None

    def given_up(self, now: float, pod: PodState | None, trouble: str | None) -> str | None:
        """Return why the tests cannot start, or None while they may."""
        patience, cause = _judge(pod, trouble)
        if cause is None:
            self._bad_since = None
        elif self._bad_since is None:
            self._bad_since = now
        if cause and self._bad_since is not None and now - self._bad_since >= patience:
            return cause
        if now - self._began >= self._limit:
            return f"nothing started within {self._limit:g} s: {_stuck(pod, trouble)}"
        return None


def _judge(pod: PodState | None, trouble: str | None) -> tuple[float, str | None]:
    if pod is None:
        return PATIENCE_WITHOUT_POD, trouble and f"the Job could not create its pod: {trouble}"
    if pod.reason in PATIENCE and pod.phase is not Phase.TERMINATED:
        return PATIENCE[pod.reason], f"{pod.reason}: {pod.message or trouble or pod.name}"
    return 0.0, None


def _stuck(pod: PodState | None, trouble: str | None) -> str:
    if pod is None:
        return trouble or "the Job has no pod"
    said = ": ".join(filter(None, [pod.reason, pod.message])) or pod.phase.name.lower()
    return f"{said} ({trouble})" if trouble and trouble not in said else said
