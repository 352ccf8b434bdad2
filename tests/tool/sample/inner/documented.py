"""Has examples in docstrings, one of them wrong.

>>> 1 + 1
2
"""


def wrong() -> None:
    """Show a wrong sum.

    >>> 1 + 1
    3
    """


def raises() -> None:
    """Show an example that raises.

    >>> 1 / 0
    0
    """
