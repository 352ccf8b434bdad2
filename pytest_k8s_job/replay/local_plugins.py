"""Keeps pytest's own plugins here from doing what they do in the pod.

Pytest's own plugins would select and run tests in the hooks for collection and for a test's
protocol; the pod has done that. Other plugins still get
these hooks: IDEs learn their tests from them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pluggy
import pytest

from pytest_k8s_job.replay.placeholders import PlaceholderItem

__all__ = [
    "ARTIFACTS_PLUGIN",
    "EVIDENCE_PLUGIN",
    "collector_hook",
    "quiet_own_plugins",
    "share_node_ids",
    "stats_without_durations",
]

ARTIFACTS_PLUGIN = "k8s_job_artifacts"  # name of the plugin that takes files from pods
EVIDENCE_PLUGIN = (
    "k8s_job_evidence"  # name of the plugin that sees each record before it is replayed
)

NEVER = 1000  # a level that no log record has


def collector_hook(config: pytest.Config, name: str) -> pluggy.HookCaller:
    """Return the hook `name` without the plugins that would do what the pod does."""
    manager = config.pluginmanager
    keeper = manager.getplugin("nfplugin")  # it notes in the cache which tests there are
    ours = [each for each in manager.get_plugins() if _is_pytests(each) and each is not keeper]
    return manager.subset_hook_caller(name, ours)


def quiet_own_plugins(config: pytest.Config) -> None:
    """Keep pytest's own plugins here from doing what they do in the pod."""
    manager = config.pluginmanager
    for name in ("lfplugin", "nfplugin"):
        if (plugin := manager.getplugin(name)) is not None:
            plugin.active = False  # it selects in the pod, and says so from there
    if (stepwise := manager.getplugin("stepwiseplugin")) is not None:
        manager.unregister(stepwise)
    if (logging := manager.getplugin("logging-plugin")) is not None:
        logging.log_cli_level = NEVER  # what is logged here belongs to no test


def stats_without_durations(config: pytest.Config) -> dict[str, list[Any]]:
    """Return the lists of pytest's reporter; nothing where it will show durations."""
    reporter = config.pluginmanager.getplugin("terminalreporter")
    shown = config.getini("console_output_style") == "times" if reporter else False
    if shown or config.option.durations is not None:
        return {}
    stats: dict[str, list[Any]] = getattr(reporter, "stats", {})
    return stats


def share_node_ids(config: pytest.Config, items: Iterable[PlaceholderItem]) -> None:
    """Drop node ids of the last run that `items` repeats.

    Pytest's plugin for --nf adds them next, as the objects that the items hold. With both, the ids
    of 100,000 tests take 36 MB more.
    """
    keeper = config.pluginmanager.getplugin("nfplugin")
    if keeper is not None:
        keeper.cached_nodeids.difference_update([item.identity for item in items])


def _is_pytests(plugin: object) -> bool:
    module = getattr(plugin, "__name__", None) or type(plugin).__module__
    return str(module).startswith("_pytest.")
