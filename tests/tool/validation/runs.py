"""Makes verdicts for tests."""

from __future__ import annotations

from typing import Any

from pytest_k8s_job.validation.record import Validation

__all__ = ["NOW", "run"]

NOW = 1_764_300_000.0  # 2025-11-28T03:20:00Z


def run(verdict: str = "PASSED", **more: Any) -> Validation:
    """Return a validation of the template integration-test, as a Job of the namespace weather."""
    failed = verdict == "FAILED"
    values: dict[str, Any] = {
        "name": "integration-test",
        "namespace": "weather",
        "key": "0a1b2c3d4e",
        "number": 1,
        "revision": "3f2a9c1e55aabbcc",
        "job": "integration-test-0a1b2c3d4e",
        "run_id": "0a1b2c3d4e",
        "verdict": verdict,
        "exit_code": {"PASSED": 0, "FAILED": 1, "NOT_RUN": 10, "INCOMPLETE": 11}.get(verdict, 12),
        "first_line": "1 of 168 tests failed: test_data.py::test_load" if failed else "",
        "target_line": "target: deployment/api 6c9f, 2 pods (said)",
        "workloads": (("deployment", "weather", "api"),),
        "counts": {"passed": 167, "failed": 1} if failed else {"passed": 168},
        "failed": ("test_data.py::test_load",) if failed else (),
        "started": NOW,
        "seconds": 42.0,
    }
    return Validation(**{**values, **more})
