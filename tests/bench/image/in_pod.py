"""Runs pytest in its variants in one pod, in turn: `python in_pod.py SUITE ROUNDS [VARIANT...]`.

The times go into the termination message, as JSON: one list of seconds a variant. Standard
library only.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

AUTOLOAD_OFF = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
NONCE = {"PYTEST_K8S_JOB_NONCE": "0123456789abcdef", "PYTEST_K8S_JOB_TERMINATION_LOG": "/dev/null"}
PLAIN = [sys.executable, "-m", "pytest"]
VARIANTS = {
    "plain": (PLAIN, AUTOLOAD_OFF),
    "agent": ([sys.executable, "-m", "pytest_k8s_job.pod.agent"], {**AUTOLOAD_OFF, **NONCE}),
    "reportlog": (
        [*PLAIN, "-p", "pytest_reportlog.plugin", "--report-log=/tmp/report.jsonl"],
        {**AUTOLOAD_OFF, "PYTHONPATH": "/opt/peers"},
    ),
}


def main() -> None:
    """Measure, and leave the times."""
    suite, rounds, *names = sys.argv[1:]
    seconds: dict[str, list[float]] = {name: [] for name in names or VARIANTS}
    for _ in range(int(rounds)):
        for name, taken in seconds.items():
            command, environment = VARIANTS[name]
            began = time.perf_counter()
            subprocess.run(command, cwd=suite, env={**os.environ, **environment}, check=True)
            taken.append(round(time.perf_counter() - began, 3))
    Path("/dev/termination-log").write_text(json.dumps(seconds))


if __name__ == "__main__":
    main()
