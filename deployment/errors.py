"""Errors of the deployment commands: each is one line for the user and an exit code.

DeploymentError
└── NotReadyError
"""

from typing import ClassVar


class DeploymentError(Exception):
    """The command cannot go on; the text says what is wrong and what to do."""

    label: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 1


class NotReadyError(DeploymentError):
    """The target is not in a state to be tested: the tests were not run.

    Label and exit code are those of pytest_k8s_job.verdict.verdict.
    """

    label: ClassVar[str] = "NOT_RUN"
    exit_code: ClassVar[int] = 10
