"""The plugin that takes the files of `--artifact` as they come and tells what came.

Small files are records in the log. Larger ones wait in the pod: the thread that follows its log
reads them when the log has ended, then lets the pod end. Nothing here changes the verdict.
"""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from pytest_k8s_job.cluster.text import clipped
from pytest_k8s_job.replay.origin import shard_of
from pytest_k8s_job.report.run_data import Artifact, NotBrought
from pytest_k8s_job.sync.archive import size_text
from pytest_k8s_job.sync.artifact_options import ArtifactOptions
from pytest_k8s_job.sync.artifact_store import ArtifactError, ArtifactStore, Described, Stored
from pytest_k8s_job.sync.waiting_files import Exec, WaitingFiles
from pytest_k8s_job.wire.records import Kind

__all__ = ["Artifacts"]

AT_ONCE = 4  # pods that are read at the same time: each holds a piece in memory
SHOWN = 10  # lines on what did not come; report.json has all
PROPERTY = "artifact"  # that a test records: the path of a file it wrote
MOST_NOTED = 10_000  # folders and files that tests said they wrote
WAITED = 15.0  # seconds for a last piece of a pod that has ended
_GONE = "it was only to be had while the pod lived"


@dataclass(frozen=True)
class _Pod:
    """One pod: its shard, and its working directory."""

    shard: str
    folder: str


class Artifacts:
    """Takes records and files of all pods of the session."""

    def __init__(self, config: pytest.Config, options: ArtifactOptions) -> None:
        self._config = config
        self._options = options
        self._store = ArtifactStore(options.folder, options.limit)
        self._pods: dict[str, _Pod] = {}
        self._waiting: dict[tuple[str, str], str] = {}  # shard and path: why it has not come
        self._left_out: list[tuple[str, str, str]] = []
        self._writers: dict[str, str] = {}  # path in the pod: the test that wrote there
        self._reading = threading.BoundedSemaphore(AT_ONCE)
        self._readers: list[threading.Event] = []
        self._cleaned = False

    # -- records, in the main thread

    def take(self, kind: Kind, shard: str, *fields: Any) -> None:
        """Take a record of the pod of `shard`; a damaged one is only told."""
        try:
            if kind is Kind.FOLDER:
                self._note_writer(fields[1], fields[0], shard)
            elif kind is Kind.ARTIFACTS:
                self._begin(shard, fields[0])
            else:
                self._take_file(shard, fields[0])
        except (ArtifactError, OSError, LookupError, TypeError, ValueError) as error:
            name = fields[0].get("path", "") if isinstance(fields[0], dict) else ""
            self._leave_out(shard, str(name), str(error))

    def _begin(self, shard: str, about: dict[str, Any]) -> None:
        self._clean()
        self._pods[shard] = _Pod(shard, str(about["folder"]))
        for name, why in about["left_out"]:
            self._leave_out(shard, str(name), str(why))

    def _clean(self) -> None:
        if not self._cleaned:
            self._cleaned = True
            self._store.remove_earlier()

    def _take_file(self, shard: str, record: dict[str, Any]) -> None:
        if "why" in record:
            self._leave_out(shard, record["path"], record["why"])
            return
        what = self._described(shard, record)
        if "data" in record:
            self._store.store_packed(what, base64.b64decode(record["data"], validate=True))
        else:
            self._waiting.setdefault((shard, what.path), _GONE)

    def _described(self, shard: str, record: dict[str, Any]) -> Described:
        path = PurePosixPath(record["path"])
        folder = PurePosixPath(self._pods[shard].folder if shard in self._pods else "/")
        name = path.relative_to(folder) if path.is_relative_to(folder) else path
        text = str(name).removeprefix("/")
        return Described(shard, str(path), text, int(record["size"]), str(record["sha256"]))

    def _leave_out(self, shard: str, name: str, why: str) -> None:
        if (pod := self._pods.get(shard)) is not None:
            name = name.removeprefix(f"{pod.folder}/")
        self._left_out.append((shard, name, why))

    # -- files that wait, in the thread that follows the pod

    def bring(self, shard: str, run: Exec) -> None:
        """Read what waits in a pod, by running commands in it."""
        done = threading.Event()
        self._readers.append(done)
        try:
            with self._reading:
                self._read_all(shard, WaitingFiles(run))
        except Exception as error:  # whatever it is: the pod must be let go
            self._reason(shard, clipped(error))
        finally:
            done.set()

    def _read_all(self, shard: str, waiting: WaitingFiles) -> None:
        for record in waiting.list():
            size = int(record["size"])
            try:
                what = self._described(shard, record)
                incoming = self._store.open(what)
            except ArtifactError as error:
                self._waiting[shard, str(record["path"])] = str(error)
                waiting.skip(size)
                continue
            left = size
            try:
                with incoming:
                    for piece in waiting.read(size):
                        left -= len(piece)
                        incoming.write(piece)
            except (ArtifactError, OSError) as error:
                self._waiting[shard, what.path] = str(error)
                waiting.skip(left)

    def _reason(self, shard: str, why: str) -> None:
        """Note why the rest of what waited in a pod has not come."""
        self._waiting[shard, ""] = why

    # -- who wrote what

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the paths that a test recorded."""
        node = getattr(report, "node", None)
        shard = shard_of(node)
        for name, value in report.user_properties:
            if name == PROPERTY:
                self._note_writer(str(value), report.nodeid, shard)

    def _note_writer(self, path: str, nodeid: str, shard: str) -> None:
        if len(self._writers) < MOST_NOTED:
            self._writers[f"{shard}\n{path}"] = nodeid

    def _writer(self, what: Described) -> str:
        """Return the test that recorded a file, or a folder above it."""
        here = str(self._config.rootpath / what.name)
        places = [what.path, what.name, here, *map(str, PurePosixPath(what.path).parents)]
        found = (self._writers.get(f"{what.shard}\n{place}") for place in places)
        return next((nodeid for nodeid in found if nodeid), "")

    # -- what came

    def conclude(self, shards: Collection[str]) -> None:
        """Wait for the last files; note what did not come from these `shards`."""
        for done in self._readers:
            done.wait(WAITED)
        arrived = {(each.what.shard, each.what.path) for each in self._store.files}
        for (shard, path), why in sorted(self._waiting.items()):
            if path and (shard, path) not in arrived:
                cause = self._waiting.get((shard, ""), why) if why == _GONE else why
                self._leave_out(shard, path, cause)
        for shard in shards if self._options.patterns else ():
            if shard not in self._pods:
                self._leave_out(shard, "all files", "the pod ended before it could look for them")
        if self._options.patterns:
            self._clean()
        self._store.write_index()

    def found(self, start: Path) -> tuple[Artifact, ...]:
        """Return what came, with paths relative to `start`."""
        return tuple(self._artifact(each, start) for each in self._store.files)

    def _artifact(self, stored: Stored, start: Path) -> Artifact:
        what = stored.what
        file = Path(os.path.relpath(self._store.path(stored), start)).as_posix()
        shard = what.shard.removeprefix("shard-")
        return Artifact(file, what.path, what.size, what.sha256, shard, self._writer(what))

    @property
    def not_brought(self) -> tuple[NotBrought, ...]:
        """What did not come, and why."""
        return tuple(
            NotBrought(name, why, shard.removeprefix("shard-"))
            for shard, name, why in self._left_out
        )

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what came and what did not."""
        files = self._store.files
        if not (files or self._left_out or self._pods):
            return
        size = size_text(sum(each.what.size for each in files))
        where = os.path.relpath(self._options.folder, self._config.invocation_params.dir)
        count = f"{len(files)} file{'s' * (len(files) != 1)}, {size}, in {where}"
        terminalreporter.write_line(f"artifacts: {count if files else 'no file matches'}")
        for shard, name, why in self._left_out[:SHOWN]:
            of = f" of {shard.replace('-', ' ')}" if shard else ""
            shown = name if name.isprintable() else repr(name)
            terminalreporter.write_line(f"not brought: {shown}{of} ({why})")
        if more := self._left_out[SHOWN:]:
            terminalreporter.write_line(f"not brought: {len(more)} more")
