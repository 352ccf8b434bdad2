"""Which installed plugins of pytest the ini file and the command line need."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from pytest_k8s_job.options import ini_values

__all__ = ["needed_plugins", "plugin_words"]

IMPLIED = {"--retries": "pytest-rerunfailures"}  # our options that need a plugin in the pod


def needed_plugins(config: pytest.Config) -> list[str]:
    """Return the names of the installed plugins whose ini values or options are used."""
    words = _words(config)
    used = {word.partition("=")[0] for word in words} | set(ini_values(config))
    names = {
        package.metadata["Name"]
        for plugin, package in config.pluginmanager.list_plugin_distinfo()
        if used & declared_by(plugin, config)
    }
    names |= {IMPLIED[word] for word in used & IMPLIED.keys()}
    return sorted(names)


def plugin_words(config: pytest.Config) -> Iterator[str]:
    """Yield the names after `-p` on the command line and in the ini file's `addopts`."""
    rest = iter(_words(config))
    for word in rest:
        if word.startswith("-p") and not word.startswith("--"):
            name = (word[2:] or next(rest, "")).strip()
            if not name.startswith("no:"):
                yield name


def declared_by(plugin: object, config: pytest.Config) -> set[str]:
    """Return the options and ini values that a plugin declares."""
    hook = getattr(plugin, "pytest_addoption", None)
    if hook is None or plugin is sys.modules.get("pytest_k8s_job.plugin"):
        return set()
    parser = pytest.Parser(_ispytest=True)
    known = {"parser": parser, "pluginmanager": config.pluginmanager}
    names = inspect.signature(hook).parameters
    with suppress(
        Exception
    ):  # of a plugin that cannot be asked twice: the pod says what is missing
        hook(**{name: known[name] for name in names if name in known})
    groups = [*parser._groups, parser._anonymous]
    options = {name for group in groups for option in group.options for name in option.names()}
    return options | set(parser._inidict)


def _words(config: pytest.Config) -> list[str]:
    addopts = config.getini("addopts")
    return [*map(str, addopts), *map(str, config.invocation_params.args)]
