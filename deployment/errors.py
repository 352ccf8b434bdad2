"""Errors of the deployment commands: each is one line for the user and an exit code.

DeploymentError
└── NotReadyError
"""

from typing import ClassVar


class DeploymentError(Exception):
    """The command cannot go on; the text says what is wrong and what to do."""

    exit_code: ClassVar[int] = 1


class NotReadyError(DeploymentError):
    """The target is not in a state to be tested: the tests were not run.

    10 is the exit code of NOT_RUN, as in pytest_k8s_job.verdict.
    """

    exit_code: ClassVar[int] = 10
