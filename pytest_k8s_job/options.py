"""Options and ini values of the user, as one frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_k8s_job.option_table import DEFAULT_MANIFEST, DEFAULT_START_TIMEOUT, Keep
from pytest_k8s_job.wire.sharding import ShardBy

__all__ = ["Options", "ini_values", "read_options", "runs_nothing"]

RUNNING_NOTHING = ("collectonly", "setuponly", "setupplan")  # options of pytest


@dataclass(frozen=True)
class Options:
    """The options of `pytest --in-cluster`; None: as in kubeconfig or manifest."""

    manifest: Path
    context: str | None
    kubeconfig: str | None
    namespace: str | None
    image: str | None
    environment: Mapping[str, str]
    start_timeout: float
    log: Path | None
    keep: Keep
    attach: str | None
    test_timeout: float | None
    shards: int | None
    """None: as many as the recorded durations ask for."""
    shard_by: ShardBy
    retries: int
    rerun_failed: str | None
    target: tuple[str, ...]
    """What the user named as the target, as typed."""
    target_url: str
    wait_rollout: float
    """Seconds that a rollout of the target may take; 0: it is not waited for."""
    watch_target: bool
    """Whether a run is VOID if the target changes."""


def ini_values(config: pytest.Config) -> dict[str, Any]:
    """Return what the ini file says, by name, to be read and changed in place."""
    name = "_inicfg" if hasattr(config, "_inicfg") else "inicfg"  # pytest 8
    values: dict[str, Any] = getattr(config, name)
    return values


def read_options(config: pytest.Config) -> Options:
    """Return the options of this session; ini paths are relative to the root."""
    option = config.option
    here, root = config.invocation_params.dir, config.rootpath
    typed = option.k8s_manifest
    return Options(
        manifest=here / typed if typed else root / _chosen(config, "manifest", DEFAULT_MANIFEST),
        context=_chosen(config, "context", None),
        kubeconfig=option.k8s_kubeconfig,
        namespace=_chosen(config, "namespace", None),
        image=_chosen(config, "image", None),
        environment=dict(_variable(each) for each in option.k8s_env),
        start_timeout=_seconds(_chosen(config, "start_timeout", DEFAULT_START_TIMEOUT)),
        log=here / option.k8s_log if option.k8s_log else None,
        keep=_keep(_chosen(config, "keep", Keep.FAILED)),
        attach=option.k8s_attach,
        test_timeout=option.k8s_test_timeout,
        shards=1 if runs_nothing(config) else option.shards,
        shard_by=ShardBy(option.shard_by),
        retries=option.retries,
        rerun_failed=option.rerun_failed,
        target=tuple(option.target or config.getini("k8s_target")),
        target_url=config.getini("k8s_target_url"),
        wait_rollout=0.0 if runs_nothing(config) else _rollout_seconds(config),
        watch_target=config.getini("k8s_target_watch") and not runs_nothing(config),
    )


def runs_nothing(config: pytest.Config) -> bool:
    """True if tests are only to be listed, or their fixtures only set up."""
    return any(getattr(config.option, each, False) for each in RUNNING_NOTHING)


def _chosen(config: pytest.Config, name: str, fallback: Any) -> Any:
    """Return what was typed, else what the ini file says, else `fallback`."""
    typed = getattr(config.option, f"k8s_{name}")
    return typed or config.getini(f"k8s_job_{name}") or fallback


def _seconds(text: str | float) -> float:
    try:
        return float(text)
    except ValueError:
        message = f"--k8s-start-timeout (ini k8s_job_start_timeout) takes seconds, not {text!r}"
        raise pytest.UsageError(message) from None


def _rollout_seconds(config: pytest.Config) -> float:
    text = config.option.wait_rollout or config.getini("k8s_wait_rollout")
    try:
        return float(text)
    except ValueError:
        message = f"--wait-rollout (ini k8s_wait_rollout) takes seconds, not {text!r}"
        raise pytest.UsageError(message) from None


def _keep(text: str) -> Keep:
    if text not in list(Keep):
        choices = ", ".join(Keep)
        raise pytest.UsageError(f"--k8s-keep (ini k8s_job_keep) takes one of {choices}: {text!r}")
    return Keep(text)


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise pytest.UsageError(f"--k8s-env takes NAME=VALUE, not {text!r}")
    return name, value
