"""`python -m pytest_k8s_job` is the command `k8s-job`."""

import sys

from pytest_k8s_job.cli import main

if __name__ == "__main__":
    sys.exit(main())
