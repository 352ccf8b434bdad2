"""Questions about pytest itself, which the pod's pytest answers: it has the suite's plugins."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from pytest_k8s_job.options import read_options
from pytest_k8s_job.run.collector import Collector

__all__ = ["answer_from_pod", "is_question"]

QUESTIONS = ("help", "markers", "showfixtures", "show_fixtures_per_test")


def is_question(config: pytest.Config) -> bool:
    """True if no test is to run."""
    return any(getattr(config.known_args_namespace, each, False) for each in QUESTIONS)


def answer_from_pod(config: pytest.Config) -> int:
    """Print what pytest in the pod prints; return its exit code."""
    # Pytest stops reading its command line at --help.
    vars(config.option).update(vars(config.known_args_namespace))
    config._do_configure()
    try:
        options = replace(read_options(config), wait_rollout=0.0, watch_target=False)
        collector = Collector(config, options)
        judgement = collector.answer_question(pytest.Session.from_config(config))
    finally:
        config._ensure_unconfigure()
    if judgement.reason:
        print(judgement.reason, file=sys.stderr)  # noqa: T201 (no reporter is there to say it)
    return judgement.exit_code
