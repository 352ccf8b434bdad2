"""Run pytest inside a Kubernetes cluster as a Job and see the results as if they had run here."""

__all__ = ["__version__"]

__version__ = "0.1.0"
