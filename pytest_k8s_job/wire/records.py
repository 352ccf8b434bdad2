"""Records that the pod sends to the collector, one JSON array a line.

Shapes, in the order in which they come (`item` is an index into the plan, or a node id with its
location when the plan does not know it):

    hello       {run, tool}                                 by the agent, before pytest starts
    root        path                                        pytest's root directory
    session     {python, pytest, platform, plugins, traces}
    warning     {text, category, filename, lineno, line, when, nodeid, location}
    collect     serialized CollectReport                    only those that did not pass
    nodes       [[parent, type, name, node id]...]          collectors of the plan
    items       [[collector, name, lineno, extra?]...]      tests: first the selected, then the rest
    header      [text...], [text...]                        of plugins, before and after pytest's
    lines       [text...]                                   what plugins say after collection
    plan        {count, deselected, selected, sha256, files, sync?, mine?}
                                                            selected: plugins have had their say;
                                                            files: digests of the tests' files;
                                                            sync: {sha256, others} of sent files;
                                                            mine: indices of this shard's tests
    start       item
    plain       item, [[when, start, duration]...], done    passed phases without anything to show
    report      serialized TestReport
    connections node id, [[name, port, address]...]         of one phase; address "": in vain
    finish      item
    printed     descriptor (1, 2), text                     by the agent: written past capturing
    text        module, [method, args, kwargs], newline     written to the terminal by a plugin
    summary     "begin" or "end"                            of what plugins add to the summary
    cache       key, value                                  kept by a plugin or a test
    property    name, value                                 of the suite, for JUnit
    attribute   node id, name, value                        of a test case, for JUnit
    interrupt   {kind, message, returncode, calls?, crash?}
    internal    text
    debug       state, detail                           ready, Python's path: a debugger can be used
                                                        stop: it waits for its user
                                                        go, "quit" or "": the code runs again
                                                        shown: the failure, before it waits
    done        {exit, shouldfail, shouldstop, counts}      pytest's session is over
    folder      node id, path                               with --artifact: a test's tmp_path
    artifacts   {folder, left_out: [[name, why]...]}        by the agent, with --artifact;
                                                            folder: the working directory
    artifact    {path, size, sha256, data?} or {path, why}  without data: it waits in the pod
    end         {exit, signal, records, sha256, tail, linger, waiting, stopped?}
                                                            by the agent, after pytest ended;
                                                            stopped: {why, seconds, stacks}

This module and the two that write records import nothing but the standard library and pytest.
"""

from __future__ import annotations

import hashlib
import json
import signal
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Any

from pytest_k8s_job.errors import RecordError

__all__ = [
    "ARTIFACTS_WANTED",
    "CAPTURED",
    "EVIDENCE",
    "EXCHANGES_TITLE",
    "JUNIT",
    "LITERAL",
    "MASK",
    "RECORD_FD",
    "REPR",
    "SECTIONS",
    "STACKS_FD",
    "STACKS_SIGNAL",
    "STATUS",
    "TEXT_FD",
    "Kind",
    "Record",
    "decode",
    "encode",
    "map_texts",
    "plan_digest",
    "trace_id",
]

Record = list[Any]

# Keys that we add to a serialized report.
REPR = "k8s_job_repr"  # calls of a terminal writer that show a failure which is no traceback
STATUS = "k8s_job_status"  # what plugins of the pod say of it for `pytest_report_teststatus`
CAPTURED = "k8s_job_captured"  # its progress letter went into the test's captured output
EXCHANGES_TITLE = "HTTP exchanges"  # title of the section with the requests of a failed test
MASK = "[masked]"  # stands where a secret stood
LITERAL = "literal"  # says that the value of a property is Python's literal of it

# Environment that the agent gives to pytest.
RECORD_FD = "PYTEST_K8S_JOB_FD"  # the descriptor that takes its records
TEXT_FD = "PYTEST_K8S_JOB_TEXT_FD"  # the one that takes what its reporter shows
STACKS_FD = "PYTEST_K8S_JOB_STACKS"  # the one that takes the stacks of its threads
SECTIONS = "PYTEST_K8S_JOB_SECTIONS"  # characters of captured output that may travel whole
EVIDENCE = "PYTEST_K8S_JOB_EVIDENCE"  # "no": the exchanges of tests are not noted
ARTIFACTS_WANTED = "PYTEST_K8S_JOB_ARTIFACTS_WANTED"  # set if tests' folders are to be noted
JUNIT = "PYTEST_K8S_JOB_JUNIT"  # set if the collector writes a JUnit file

STACKS_SIGNAL = signal.SIGVTALRM  # asks for the stacks; others use the better known signals


class Kind(StrEnum):
    """The first element of each record."""

    HELLO = "hello"
    ROOT = "root"
    SESSION = "session"
    WARNING = "warning"
    COLLECT = "collect"
    NODES = "nodes"
    ITEMS = "items"
    HEADER = "header"
    LINES = "lines"
    PLAN = "plan"
    START = "start"
    PLAIN = "plain"
    REPORT = "report"
    CONNECTIONS = "connections"
    FINISH = "finish"
    PRINTED = "printed"
    TEXT = "text"
    SUMMARY = "summary"
    CACHE = "cache"
    PROPERTY = "property"
    ATTRIBUTE = "attribute"
    INTERRUPT = "interrupt"
    INTERNAL = "internal"
    DEBUG = "debug"
    DONE = "done"
    FOLDER = "folder"
    ARTIFACTS = "artifacts"
    ARTIFACT = "artifact"
    END = "end"


_encoder = json.JSONEncoder(separators=(",", ":"), default=repr)
_KINDS = frozenset(Kind)


def encode(kind: Kind, *fields: object) -> bytes:
    """Return a record as one ASCII line; what JSON cannot hold becomes its repr."""
    return _encoder.encode([kind.value, *fields]).encode("ascii") + b"\n"


def decode(payload: bytes) -> Iterator[Record]:
    """Yield the records of a payload of whole lines."""
    for line in payload.splitlines():
        try:
            record = json.loads(line)
        except ValueError as error:
            raise RecordError(f"a record is not JSON: {line[:80]!r}") from error
        if not isinstance(record, list) or not record or record[0] not in _KINDS:
            raise RecordError(f"a record of an unknown kind: {line[:80]!r}")
        yield record


def map_texts(value: Any, change: Callable[[str], str]) -> Any:
    """Return a JSON value with `change` applied to every text in it; keys stay."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [map_texts(each, change) for each in value]
    if isinstance(value, dict):
        return {key: map_texts(each, change) for key, each in value.items()}
    return value


def plan_digest(nodeids: Iterable[str]) -> str:
    """Return the sha256 over the sorted node ids."""
    return hashlib.sha256("\n".join(sorted(nodeids)).encode("utf-8", "surrogatepass")).hexdigest()


def trace_id(seed: str, nodeid: str) -> str:
    """Return the 32 hex digits that mark the requests of one test of one run.

    Derived rather than drawn, so that both sides know it and no report has to carry it.
    """
    text = f"{seed}\n{nodeid}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(text, digest_size=16).hexdigest()
