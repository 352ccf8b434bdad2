"""What `--sync` brings into the pods of one run."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from pytest_k8s_job.cluster.pods import JobRef
from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.sync.archive import Archive, pack, size_text
from pytest_k8s_job.sync.chosen_files import ChosenFiles
from pytest_k8s_job.sync.config_maps import ConfigMaps, Sender
from pytest_k8s_job.sync.installed import find
from pytest_k8s_job.sync.job_volumes import Part, mount
from pytest_k8s_job.sync.needed_plugins import needed_plugins, plugin_words
from pytest_k8s_job.sync.packages import Packages, choose_packages
from pytest_k8s_job.sync.requirements_file import Wanted, read_requirements
from pytest_k8s_job.sync.sync_options import SyncOptions
from pytest_k8s_job.sync.tool_archive import tool_archive
from pytest_k8s_job.wire.sync_layout import NAMED_DIGITS, TOOL_FILE, content_digest, part_name

__all__ = ["SyncedTests", "gather"]

SHARED = "pytest-k8s-job-deps"  # and a digest: the name of a ConfigMap that runs share
OWN = "pytest-k8s-job-files"  # and something random: the name of one that its Job owns


@dataclass(frozen=True)
class SyncedTests:
    """Everything that goes along, packed; `left_out` says which files do not, and why."""

    files: Archive
    whole: frozenset[str]
    left_out: Mapping[str, str]
    packages: Archive | None
    pythons: tuple[str, ...]
    tool: bytes = field(repr=False)
    words: tuple[str, ...]
    """What pytest in the pod must be told besides what was typed."""
    name: str = field(default_factory=lambda: f"{OWN}-{secrets.token_hex(4)}")

    @property
    def digest(self) -> str:
        """Names the files that the pods must run."""
        return self.files.digest

    @property
    def line(self) -> str:
        """What header and report say of the files."""
        count = len(self.files.files)
        files = "1 file" if count == 1 else f"{count} files"
        return f"{files}, {size_text(len(self.files.data))}, sha256 {self.digest[:NAMED_DIGITS]}"

    def mounted(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Return the Job whose pods unpack all of this and run it."""
        order = {
            "files": self.files.order(),
            "packages": self.packages.order() if self.packages else None,
            "pythons": self.pythons,
            "whole": sorted(self.whole),
        }
        return mount(manifest, [*self._shared, *self._own], order, self.digest)

    def create(
        self, cluster: Sender, namespace: str, run_id: str, create_job: Callable[[], JobRef]
    ) -> JobRef:
        """Create the ConfigMaps, and the Job between them."""
        config_maps = ConfigMaps(cluster, namespace)
        config_maps.share(self._shared)
        return config_maps.create_owned(self._own, run_id, create_job)

    @property
    def _shared(self) -> list[Part]:
        """The parts that are the same in other runs, named by their content."""
        files = {TOOL_FILE: self.tool}
        if self.packages is not None:
            pieces = enumerate(self.packages.parts)
            files |= {part_name("packages", number): data for number, data in pieces}
        return [
            Part(f"{SHARED}-{content_digest(data)[:NAMED_DIGITS]}", file, data)
            for file, data in files.items()
        ]

    @property
    def _own(self) -> list[Part]:
        return [
            Part(f"{self.name}-{number}", part_name("files", number), data)
            for number, data in enumerate(self.files.parts)
        ]


def gather(
    config: pytest.Config, options: SyncOptions, default: Sequence[str], *, bare: bool
) -> SyncedTests:
    """Pack what the session needs; `bare`: the image has no pytest, `default`: the Job's words."""
    root = config.rootpath
    roots = [root / each for each in _python_paths(config)]
    chosen = ChosenFiles(root)
    chosen.add_arguments(argument_paths(config, default))
    chosen.add_ini(config.inipath)
    chosen.add_included(options.include)
    chosen.add_plugins(plugin_words(config), roots)
    chosen.add_needed(roots)
    packages = _packages(config, options, bare=bare)
    return SyncedTests(
        pack(chosen.files, options.limit),
        frozenset(chosen.whole),
        chosen.left_out,
        packages.archive() if packages else None,
        packages.pythons if packages else (),
        tool_archive(),
        tuple(folder_words(config, default)),
    )


def argument_paths(config: pytest.Config, default: Sequence[str]) -> list[Path]:
    """Return the files and folders that pytest is to collect from."""
    if config.option.pyargs:
        raise UsageError("--sync cannot bring what --pyargs names: name its files")
    here, root = config.invocation_params.dir, config.rootpath
    if config.option.file_or_dir:
        return [here / word.partition("::")[0] for word in config.option.file_or_dir]
    named = [root / word.partition("::")[0] for word in default if not word.startswith("-")]
    return [path for path in named if path.exists()] or [here / each for each in config.args]


def folder_words(config: pytest.Config, default: Sequence[str]) -> list[str]:
    """Return the folder that pytest was started in, if that decides what is collected."""
    asked = config.option.file_or_dir or any(not word.startswith("-") for word in default)
    source = config.args_source
    if not asked and source is config.ArgsSource.INVOCATION_DIR:
        return [path.relative_to(config.rootpath).as_posix() for path in argument_paths(config, ())]
    return []


def _python_paths(config: pytest.Config) -> list[str]:
    return [str(each) for each in config.getini("pythonpath")]


def _packages(config: pytest.Config, options: SyncOptions, *, bare: bool) -> Packages | None:
    """Return what the image lacks; one's own has all that is not named."""
    if options.requirements is not None:
        wanted = list(read_requirements(options.requirements))
    elif bare or options.installed:
        names = ["requests", *needed_plugins(config)]
        wanted = [Wanted(Requirement(name)) for name in names if find(name)]
    else:
        return None
    if (bare or options.installed) and not any(
        each.requirement.name == "pytest" for each in wanted
    ):
        wanted.insert(0, Wanted(Requirement("pytest")))
    python = options.python or f"{sys.version_info.major}.{sys.version_info.minor}"
    return choose_packages(wanted, python)
