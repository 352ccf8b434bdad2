"""Run pytest inside a Kubernetes cluster, with results as if it ran here."""

__all__ = ["__version__"]

__version__ = "0.1.0"
