"""The weather service: a job API, a worker and a queue between them, tested inside the cluster."""

__version__ = "0.1.0"
