"""Why nothing works: root causes, read from the state of a namespace.

`taking` reads the state into a `Snapshot`; `rules.diagnose`, which is pure, turns that into ranked
findings. Nothing is imported here: a run that starts as it should needs none of it.
"""
