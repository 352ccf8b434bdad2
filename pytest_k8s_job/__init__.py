"""Run pytest inside a Kubernetes cluster, with results as if it ran here.

PYTEST_DONT_REWRITE: `k8s-job pytest` imports this before pytest could rewrite it, and has no
assert statements in it.
"""

__all__ = ["__version__"]

__version__ = "0.1.0"
