"""The command `k8s-job loop`: runs the tests in the cluster again at each edit."""

# ruff: noqa: T201 (the command's output)

from __future__ import annotations

import argparse
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pytest_k8s_job.errors import UsageError

__all__ = ["Edits", "add_loop"]

INI_FILES = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
INTERRUPTED = 2  # pytest's exit code
FIRST_FAILED = "--failed-first"


def add_loop(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Declare the command."""
    about = "run the tests of this folder in the cluster, and again at each edit, failed ones first"
    parser = commands.add_parser("loop", parents=[shared], help=about, allow_abbrev=False)
    parser.set_defaults(run_command=run_loop, takes_pytest_options=True, needs_cluster=False)


def run_loop(_cluster: object, options: argparse.Namespace) -> int:
    """Run at each edit until Ctrl-C; return the exit code of the last run."""
    chosen = {name: getattr(options, name) for name in ("namespace", "context", "kubeconfig")}
    words = [f"--k8s-{name}={value}" for name, value in chosen.items() if value]
    words += ["--sync", FIRST_FAILED, *options.pytest_options]
    code = INTERRUPTED
    try:
        with Edits(Path.cwd()) as edits:
            while True:
                code = INTERRUPTED  # for a Ctrl-C from here on
                code = _run(words, edits)
                print(f"\nwaiting for an edit in {Path.cwd()}; Ctrl-C ends this", flush=True)
                print(f"edited: {', '.join(edits.wait())}\n", flush=True)
    except KeyboardInterrupt:
        print()
        return code


def _run(words: list[str], edits: Edits) -> int:
    """Run the tests to their end; Ctrl-C ends them, and they leave no Job."""
    command = [sys.executable, "-m", "pytest_k8s_job", "pytest", *words]
    with subprocess.Popen(command) as process, edits.during_a_run():
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal has sent it to pytest too
            process.wait()
            raise


class Edits:
    """Collects the files of a folder that change, from `with` on.

    While a run goes on only Python and ini files count: others may be what the run itself writes.
    """

    def __init__(self, folder: Path) -> None:
        from pytest_k8s_job.sync.ignored import Ignored  # noqa: PLC0415 (needs pathspec)

        self._folder = folder
        self._ignored = Ignored(folder)
        self._changed: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._runs = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=[_watcher()], daemon=True)

    def __enter__(self) -> Edits:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    @contextmanager
    def during_a_run(self) -> Iterator[None]:
        """Count less meanwhile."""
        self._runs = True
        try:
            yield
        finally:
            self._runs = False

    @property
    def pending(self) -> bool:
        """Whether `wait` would return at once."""
        return not self._changed.empty()

    def wait(self) -> list[str]:
        """Return the files that were edited since the last call, at least one."""
        found = {self._changed.get()}
        with suppress(queue.Empty):
            while True:
                found.add(self._changed.get_nowait())
        return sorted(found)

    def _watch(self, watch: Callable[..., Iterable[set[tuple[Any, str]]]]) -> None:
        for changes in watch(
            self._folder, watch_filter=self._counts, stop_event=self._stop, raise_interrupt=False
        ):
            for _, name in sorted(changes, key=lambda change: change[1]):
                self._changed.put(Path(name).relative_to(self._folder).as_posix())

    def _counts(self, _change: object, name: str) -> bool:
        path = Path(name)
        if self._runs and path.suffix != ".py" and path.name not in INI_FILES:
            return False
        return not self._ignored.within(path, self._folder)


def _watcher() -> Callable[..., Iterable[set[tuple[Any, str]]]]:
    try:
        from watchfiles import watch  # noqa: PLC0415 (needs the extra)
    except ModuleNotFoundError as error:
        remedy = "pip install 'pytest-k8s-job[loop]'"
        raise UsageError(f"k8s-job loop needs {error.name}: {remedy}") from error
    return watch
