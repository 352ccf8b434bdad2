"""Evidence for a failed test: what the target logged and what happened to it meanwhile."""

__all__ = ["EVIDENCE_PLUGIN"]

EVIDENCE_PLUGIN = "k8s_job_evidence"  # its name among the plugins of the near side
