"""Validation: each rollout of a target that settles gets exactly one verdict."""
