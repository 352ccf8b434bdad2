"""The command `k8s-job`, one module a verb."""
