"""The one line that follows the Job from its creation to the first test."""

from __future__ import annotations

import pytest

from pytest_k8s_job.cluster.pods import Phase, PodState

__all__ = ["StatusLine", "step_of"]

_STEPS = {
    Phase.CREATED: "created",
    Phase.SCHEDULED: "scheduled",
    Phase.RUNNING: "started",
    Phase.TERMINATED: "ended",
}
_WAITING = {"", "ContainerCreating", "PodInitializing"}  # reasons that say nothing new


def step_of(pod: PodState | None) -> str:
    """Return the step that `pod` has reached, with Kubernetes' reason if it waits for one."""
    if pod is None:
        return _STEPS[Phase.CREATED]
    step = _STEPS[pod.phase]
    if pod.phase in (Phase.RUNNING, Phase.TERMINATED) or pod.reason in _WAITING:
        return step
    return f"{step}, {pod.reason}"


class StatusLine:
    """Shows each step with the seconds since the Job was asked for.

    On a terminal the line is rewritten and its clock runs; elsewhere each step is appended once.
    """

    def __init__(self, reporter: pytest.TerminalReporter | None, title: str) -> None:
        quiet = reporter is None or reporter.config.option.verbose < 0
        self._reporter = None if quiet else reporter
        self._text = f"{title}:"
        self._step = self._past = ""
        self._open = False

    def show(self, step: str, elapsed: float) -> None:
        """Show that `step` was reached, or still lasts, `elapsed` seconds after the beginning."""
        if self._reporter is None:
            return
        new = step != self._step
        words = f" {step} {elapsed:.1f} s"
        if _is_terminal(self._reporter):
            if new and self._step:
                self._text += f"{self._past},"
            self._reporter.rewrite(self._text + words, erase=True)
        elif new:
            self._reporter.write(("," if self._open else self._text) + words, flush=True)
        if new:
            self._past = words
        self._step = step
        self._open = True

    def close(self) -> None:
        """End the line; what follows begins at column 0."""
        if self._open and self._reporter is not None:
            self._reporter.write("\n")
        self._open = False
        self._reporter = None


def _is_terminal(reporter: pytest.TerminalReporter) -> bool:
    known: object = reporter.isatty  # a method since pytest 9.1, an attribute before
    return bool(known() if callable(known) else known)
