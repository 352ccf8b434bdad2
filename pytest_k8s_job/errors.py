"""Every error that this package raises.

K8sJobError
├── UsageError         what the user asked for cannot be done: exit code 4, one line
├── FrameError         a frame of this run holds something that no agent writes
├── RecordError        a record that this version cannot read
├── RefusedError       a rollback that may not be done
└── ClusterError       the API server did not do what was asked
    ├── NotReadyError  not yet: ask again (a container that waits, a pod without a node)
    └── GoneError      the object is not there (any more)
"""

from __future__ import annotations

__all__ = [
    "ClusterError",
    "FrameError",
    "GoneError",
    "K8sJobError",
    "NotReadyError",
    "RecordError",
    "RefusedError",
    "UsageError",
]


SERVER_ERROR = 500  # HTTP status codes from here on may pass


class K8sJobError(Exception):
    """Base of all errors of this package; its text is one sentence for the user."""


class UsageError(K8sJobError):
    """A wrong option, manifest or kubeconfig."""


class FrameError(K8sJobError):
    """A payload that is too large, or that does not unpack."""


class RecordError(K8sJobError):
    """A record of an unknown kind or shape."""


class RefusedError(K8sJobError):
    """Why a target is not rolled back."""


class ClusterError(K8sJobError):
    """A failed request to the API server; `status` is 0 without an answer.

    `about` is kind and name of an object that was refused, if it was no Job.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.about: tuple[str, str] | None = None

    @property
    def is_final(self) -> bool:
        """Whether the server answered no, so that asking again does not help."""
        return 0 < self.status < SERVER_ERROR


class NotReadyError(ClusterError):
    """The object exists but cannot answer yet."""


class GoneError(ClusterError):
    """The object does not exist."""
