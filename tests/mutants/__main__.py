"""Changes the tool's sources a little, one change at a time, and runs the tests that must notice.

    python -m tests.mutants                    every module of the table below
    python -m tests.mutants --file PATH        this one, in the table or not; may be repeated

A change that no test notices is printed, and the exit code is 1. Those that change nothing stand
in equivalent.toml with the reason; one that is gone from the source, or that a test notices after
all, is an error too. Each change is tried in a forked process, in which the changed source is
imported in place of the file; nothing on the disk changes.
"""
# ruff: noqa: T201 (the list is the output)

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib.abc
import importlib.machinery
import io
import os
import signal
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType

import hypothesis
import pytest

from tests.mutants.changes import Change, apply, changes_of

ROOT = Path(__file__).parents[2]
LISTED = Path(__file__).with_name("equivalent.toml")
ROOMS = {
    "verdict": ("ledger", "merging", "verdict"),
    "wire": ("frames",),
    "target": (
        *("behind", "change", "configs", "discovery", "hosts", "model", "pods", "progress"),
        *("said", "settled", "state", "workloads"),
    ),
}
"""The modules that are tried without --file; the tests of each have its name."""
MORE_TESTS = {
    "change": ("test_change_without_before.py",),
    "discovery": ("test_discovery_by_host.py", "test_discovery_by_name.py"),
    "workloads": ("test_workloads_by_pods.py",),
}
"""Further files with tests of a module."""
SECONDS = 120  # for the tests of one change; one that takes longer has noticed it
# Rewritten asserts would import the file itself, other plugins and the ini file only cost time.
OPTIONS = (
    *("-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "_hypothesis_pytestplugin"),
    *("-c", os.devnull, "--rootdir", str(ROOT), "--hypothesis-profile=mutants", "--noconftest"),
    *("-p", "no:unraisableexception", "-p", "no:threadexception"),
)
Name = tuple[str, str, str]


@dataclass
class ChangedModule(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports `code` as the module `name`."""

    name: str
    code: CodeType
    path: str

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of the one module that is changed."""
        if name != self.name:
            return None
        return importlib.machinery.ModuleSpec(name, self, origin=self.path)

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        exec(self.code, module.__dict__)  # noqa: S102 (a source of this repository)


class FirstFailure:
    """A plugin that ends the process at the first failure, without a word about it."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Called before the tests run: those of generated data take longer, and come last."""
        items.sort(key=lambda item: hasattr(getattr(item, "obj", None), "hypothesis"))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Called when a file was imported."""
        if report.failed:
            os._exit(1)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Called when a part of a test is over."""
        if report.failed:
            os._exit(1)


def main(arguments: Sequence[str] | None = None) -> int:
    """Try every change of the named files; return 1 if one was not noticed and is not listed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--file", action="append", metavar="PATH")
    every = [f"pytest_k8s_job/{room}/{name}.py" for room, names in ROOMS.items() for name in names]
    files = parser.parse_args(arguments).file or every
    hypothesis.settings.register_profile(  # finds the same each time, and does not make it smaller
        "mutants", derandomize=True, database=None, deadline=None, phases=["explicit", "generate"]
    )
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main([*OPTIONS, "--version"])  # imports its plugins, for all processes to come
    begin = time.monotonic()
    problems, tried, listed = [], 0, 0
    for file in files:
        known = read_listed(file)
        changes = changes_of((ROOT / file).read_text())
        unnoticed = {each.name: each for each in survivors(file, changes)}
        problems += [
            f"{file}:{each.number}: in {each.function}: {each.line}\n    {each.what}"
            for name, each in unnoticed.items()
            if name not in known
        ]
        problems += [
            f"{LISTED.name}: {file}: noticed by a test, or gone: {name}"
            for name in sorted(known.keys() - unnoticed.keys())
        ]
        print(f"{file}: {len(changes)} changes, {len(changes) - len(unnoticed)} noticed")
        tried, listed = tried + len(changes), listed + len(unnoticed.keys() & known.keys())
    print(*problems, sep="\n")
    seconds = time.monotonic() - begin
    times = os.times()
    cpu = times.user + times.system + times.children_user + times.children_system
    print(
        f"{tried} changes, {listed} listed, {len(problems)} problems, "
        f"{seconds:.0f} s ({cpu:.0f} s of CPU time)"
    )
    return 1 if problems else 0


def tests_of(file: str) -> list[str]:
    """Return the files with the tests of `file`, by the names of room and module."""
    room, name = Path(file).with_suffix("").parts[-2:]
    return [f"tests/tool/{room}/{each}" for each in (f"test_{name}.py", *MORE_TESTS.get(name, ()))]


def read_listed(file: str) -> dict[Name, str]:
    """Return the changes of `file` that change nothing, with the reason."""
    entries = tomllib.loads(LISTED.read_text()).get("change", ())
    return {
        (each["function"], each["line"], each["what"]): each["reason"]
        for each in entries
        if each["file"] == file
    }


def survivors(file: str, changes: Sequence[Change]) -> Iterator[Change]:
    """Yield the changes that the tests of `file` do not notice."""
    if waited(start(file, None))[1] != 0:
        sys.exit(f"the tests of the unchanged {file} do not pass: {tests_of(file)}")
    running: dict[int, Change] = {}
    for change in changes:
        if len(running) >= (os.cpu_count() or 1):
            yield from _unnoticed(running)
        running[start(file, change)] = change
    while running:
        yield from _unnoticed(running)


def _unnoticed(running: dict[int, Change]) -> Iterator[Change]:
    pid, status = waited(-1)
    change = running.pop(pid)
    if status == 0:
        yield change


def waited(pid: int) -> tuple[int, int]:
    """Wait for a process; return its number and how it ended."""
    pid, status = os.waitpid(pid, 0)
    return pid, os.waitstatus_to_exitcode(status)


def start(file: str, change: Change | None) -> int:
    """Start a process that runs the tests of `file` with `change`; return its number."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    signal.alarm(SECONDS)
    with contextlib.suppress(BaseException):
        os._exit(run_tests(file, change))
    os._exit(1)


def run_tests(file: str, change: Change | None) -> int:
    """Return the exit code of the tests of `file` with `change`."""
    os.chdir(ROOT)
    if change:
        with Path(os.devnull).open("wb") as nothing:
            for descriptor in (1, 2):
                os.dup2(nothing.fileno(), descriptor)
    source = Path(file).read_text()
    tree = apply(source, change.index) if change else source
    name = file.removesuffix(".py").replace("/", ".")
    changed = ChangedModule(name, compile(tree, file, "exec"), file)
    sys.meta_path.insert(0, changed)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    gc.disable()  # the process is a short one
    code = int(pytest.main([*OPTIONS, *tests_of(file)], [FirstFailure()] if change else []))
    assert sys.modules[name].__loader__ is changed  # else this shows nothing
    return code


if __name__ == "__main__":
    sys.exit(main())
