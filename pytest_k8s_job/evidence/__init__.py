"""Evidence for a failed test: what the target logged and what happened to it meanwhile."""
