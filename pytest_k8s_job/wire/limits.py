"""How long a run, a test and the end of a pod may take."""

from __future__ import annotations

import math

__all__ = ["Limits"]

MARGIN_PART, MARGIN_SECONDS, MARGIN_MOST = 0.1, 2.0, 30.0  # between our end and Kubernetes' own
GRACE_SECONDS = 30.0  # Kubernetes' own default
REACTION_MOST = 10.0  # seconds from SIGTERM to SIGKILL, within the grace period


class Limits:
    """Seconds for the run, one test and the end of the pod; None: no limit."""

    def __init__(
        self, deadline: float | None, test: float | None, grace: float | None = None
    ) -> None:
        self.deadline = deadline
        self.test = test
        self.grace = GRACE_SECONDS if grace is None else grace

    @property
    def run(self) -> float | None:
        """Seconds after which we end the run ourselves, so that its results are not deleted."""
        return None if self.deadline is None else max(self.deadline - self._margin, 0.0)

    @property
    def linger(self) -> float:
        """Seconds after which the agent must have ended, also if somebody still reads."""
        return math.inf if self.deadline is None else max(self.deadline - self._margin / 2, 0.0)

    @property
    def _margin(self) -> float:
        return min((self.deadline or 0.0) * MARGIN_PART + MARGIN_SECONDS, MARGIN_MOST)

    @property
    def reaction(self) -> float:
        """Seconds that pytest has to end after SIGTERM."""
        return min(self.grace / 2, REACTION_MOST)
