"""The error of the deployment commands: one line for the user."""


class DeploymentError(Exception):
    """The command cannot go on; the text says what is wrong and what to do."""
