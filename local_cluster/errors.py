"""The one error that this package raises: a sentence for the user, never a traceback."""


class ClusterError(Exception):
    """Something that the user can act on; its text is one line that says what and where."""
