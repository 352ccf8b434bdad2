"""Removes the suite's own settings from pytest here: only the pod knows them.

Conftest files, the options and ini values that they and the pod's plugins add, required plugins,
warning filters that name classes of the suite: the pod knows them and judges them.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pytest

from pytest_k8s_job.options import ini_values
from pytest_k8s_job.replay.pod_output import POD_OUTPUT, PodOutput

__all__ = ["drop_suite_settings", "ignore_requirements", "tolerate_missing_plugins"]

_PODS_INI = ("filterwarnings", "required_plugins")


def drop_suite_settings(config: pytest.Config, parser: pytest.Parser, args: list[str]) -> None:
    """Remove what pytest here cannot know from `args` and from the ini file."""
    known = config.known_args_namespace
    known.noconftest = True
    known.pythonwarnings = []
    _, unknown = parser.parse_known_and_unknown_args(args, copy.copy(config.option))
    args[:] = _known(args, unknown, config.invocation_params.dir)
    aliases: dict[str, str] = getattr(parser, "_ini_aliases", {})  # pytest 8 has none
    for name in set(ini_values(config)) - parser._inidict.keys() - aliases.keys():
        parser.addini(name, "known to the pod")
    ignore_requirements(config)
    config.pluginmanager.register(PodOutput(config), POD_OUTPUT)


def ignore_requirements(config: pytest.Config) -> None:
    """Drop required plugins and warning filters, before pytest checks the plugins."""
    for name in _PODS_INI:
        ini_values(config).pop(name, None)
        config._inicache.pop(name, None)


def tolerate_missing_plugins(manager: pytest.PytestPluginManager, but: Collection[str]) -> None:
    """Skip `-p NAME` if NAME cannot be imported here, except for those in `but`.

    The pod has the plugin, or refuses it itself.
    """
    load = manager.consider_pluginarg

    def load_or_skip(arg: str) -> None:
        try:
            load(arg)
        except Exception:
            if arg.startswith("no:") or arg in but:
                raise

    manager.consider_pluginarg = load_or_skip  # type: ignore[method-assign]


def _known(words: Sequence[str], unknown: Sequence[str], here: Path) -> Iterator[str]:
    """Yield the words without the `unknown` options and their values.

    A word after an unknown option is its value unless it names something that is here.
    """
    rest = list(unknown)
    after_unknown = False
    for word in words:
        if rest and word == rest[0]:
            rest.pop(0)
            after_unknown = "=" not in word
        elif after_unknown and word[:1] != "-" and not (here / word.partition("::")[0]).exists():
            after_unknown = False
        else:
            after_unknown = False
            yield word
