"""The black-box suite: pytest and requests against a deployed service, nothing else.

A package, so that its modules keep their names apart from those of other test folders.
"""
