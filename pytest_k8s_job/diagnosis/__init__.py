"""Finds the root causes of what does not work in a namespace.

`snapshot_reader` reads the state into a `Snapshot`; `diagnose.diagnose`, which is pure, turns that
into ranked findings. Nothing is imported here: a run that starts as it should needs none of it.
"""
