"""Reads the files that wait in a pod, in pieces.

After a cut it goes on where it was.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pytest_k8s_job.cluster.pods import JobFinder
from pytest_k8s_job.errors import ClusterError, GoneError
from pytest_k8s_job.sync.artifact_store import ArtifactError
from pytest_k8s_job.wire.artifacts import read_command

__all__ = ["Exec", "WaitingFiles", "why_no_exec"]

Exec = Callable[[Sequence[str]], bytes]
"""Runs a command in the container and returns its output."""

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
PIECE = 48 << 20  # bytes of one answer: each costs a connection, and is held in memory
LEAST_PIECE = 256 << 10  # on a connection that breaks again and again
TRIES = 6
PAUSE = 0.5  # seconds before the next
LIST_BYTES = 16 << 20  # that the list of the files may have
ENDED = ("container not found", "cannot exec into a container in a completed pod")


def why_no_exec(cluster: JobFinder, namespace: str) -> str:
    """Return why no command may run in the pods of `namespace`; nothing if one may.

    Asked before the run: a pod must not wait for a reader that will be refused.
    """
    for verb in ("get", "create"):  # a websocket needs either, from Kubernetes 1.35 on both
        what = {"verb": verb, "resource": "pods", "subresource": "exec", "namespace": namespace}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": what},
        }
        try:
            answer = cluster.send("POST", REVIEWS, body)
        except ClusterError:
            return ""  # the attempt will tell
        if not answer.get("status", {}).get("allowed", True):
            return f"too large for the log, and the right to {verb} pods/exec is missing"
    return ""


class WaitingFiles:
    """The stream of the files; read them in their order."""

    def __init__(self, run: Exec) -> None:
        self._run = run
        self._offset = 0  # of what comes next from the pod
        self._length = PIECE
        self._held = memoryview(b"")

    def list(self) -> list[dict[str, Any]]:
        """Return what the pod says of the files."""
        head = bytearray()
        while b"\n" not in head:
            head += self._read()
            if b"\n" not in head[:LIST_BYTES] and len(head) > LIST_BYTES:
                raise ArtifactError("the list of the files in the pod is too long")
        end = head.index(b"\n") + 1
        self._held = memoryview(bytes(head[end:]))
        try:
            return list(json.loads(head[:end])["files"])
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(f"the list of the files in the pod is damaged: {error}") from error

    def read(self, size: int) -> Iterator[memoryview]:
        """Yield the next `size` bytes."""
        while size > 0:
            if not self._held:
                self._held = memoryview(self._read())
            piece, self._held = self._held[:size], self._held[size:]
            size -= len(piece)
            yield piece

    def skip(self, size: int) -> None:
        """Pass over the next `size` bytes without asking for them."""
        held = len(self._held[:size])
        self._held = self._held[held:]
        self._offset += size - held

    def _read(self) -> bytes:
        """Return the next piece; raises ClusterError if it is not to be had."""
        for attempt in range(1, TRIES + 1):
            try:
                piece = self._run(read_command(self._offset, self._length))
            except ClusterError as error:
                if isinstance(error, GoneError) or any(each in str(error) for each in ENDED):
                    raise GoneError("it was only to be had while the pod lived") from error
                if attempt == TRIES or error.is_final:
                    raise
                self._length = max(self._length // 4, LEAST_PIECE)
                time.sleep(PAUSE)
                continue
            if not piece:
                raise ClusterError("the pod has less than it said")
            self._offset += len(piece)
            return piece
        raise AssertionError
