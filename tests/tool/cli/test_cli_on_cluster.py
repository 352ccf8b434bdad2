"""Leaving a run on the real cluster and coming back to it with `k8s-job`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import yaml

from tests.tool.conftest import SECONDS, Result, read_junit
from tests.tool.run import test_on_cluster as cluster

pytestmark = pytest.mark.cluster

namespace, place = cluster.namespace, cluster.place
Place = cluster.Place


def k8s_job(place: Place, *words: str) -> Result:
    """Run `k8s-job` in the checkout."""
    junit = place.folder / "collected.xml"
    junit.unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-m", "pytest_k8s_job", *words, f"-n={place.namespace}"],
        cwd=place.folder,
        env=cluster.environment(),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Result(done.returncode, done.stdout, done.stderr, read_junit(junit))


def newest_run(place: Place) -> tuple[str, str]:
    """Return the name and the run id of the newest Job."""
    words = ("get", "jobs", "-l", "pytest-k8s-job/run", "-o", "json")
    jobs = json.loads(cluster.kubectl("-n", place.namespace, *words))["items"]
    newest = max(jobs, key=lambda job: str(job["metadata"]["creationTimestamp"]))
    return newest["metadata"]["name"], newest["metadata"]["labels"]["pytest-k8s-job/run"]


def test_attach_gives_all_results_after_the_collector_was_killed(place: Place) -> None:
    """A run whose collector was killed is shown whole, with its verdict, by its run id."""
    with place.start("test_slow.py", "test_fail.py", "-v") as process:
        cluster.wait_until(lambda: "test_slow[2] PASSED" in cluster._read_on(process), "a test")
        process.kill()
        process.communicate(timeout=SECONDS)
    name, run = newest_run(place)
    result = k8s_job(place, "attach", run, "--junitxml=collected.xml")
    assert result.code == 1, result.stdout + result.stderr
    assert "1 failed, 30 passed" in result.stdout
    assert len(result.junit) == 31
    assert name in place.names("jobs")


def test_collect_gives_the_same_junit_until_the_run_is_cleaned(place: Place) -> None:
    """An ended run is listed, collected like the first time, and removed by clean."""
    first = place.run("test_pass.py", "test_fail.py", "--k8s-keep=always")
    name, _ = newest_run(place)
    again = k8s_job(place, "collect", f"job/{name}", "--junitxml=collected.xml")
    assert again.code == first.code == 1, again.stdout + again.stderr
    assert again.junit == first.junit
    assert "1 failed, 2 passed" in again.stdout
    listed = k8s_job(place, "list").stdout.splitlines()
    assert [line for line in listed if name in line and "exit code 1" in line]
    is_over = ("wait", f"job/{name}", "--for=condition=Failed", f"--timeout={SECONDS}s")
    cluster.kubectl("-n", place.namespace, *is_over)
    assert f"{place.namespace}/{name}" in k8s_job(place, "clean").stdout
    assert name not in place.names("jobs")


def test_applied_job_is_collected(place: Place) -> None:
    """A Job that kubectl applied has a verdict here, and gone with its pod one clear line."""
    job = yaml.safe_load(cluster.job_manifest(place.namespace))
    job["metadata"]["name"] = "applied"
    cluster.kubectl("apply", "-f", "-", text=yaml.safe_dump(job))
    try:
        result = k8s_job(place, "collect", "job/applied", "--junitxml=collected.xml")
        assert result.code == 0, result.stdout + result.stderr
        assert "2 passed" in result.stdout
        assert len(result.junit) == 2
        log = cluster.kubectl("-n", place.namespace, "logs", "job/applied")
        assert "2 passed" in log
        assert sum(line.startswith("::k8sjob1") for line in log.splitlines()) <= 4, log
        complete = ("wait", "job/applied", "--for=condition=Complete", f"--timeout={SECONDS}s")
        cluster.kubectl("-n", place.namespace, *complete)
        pods = ("delete", "pod", "-l", "batch.kubernetes.io/job-name=applied")
        cluster.kubectl("-n", place.namespace, *pods)
        result = k8s_job(place, "collect", "job/applied")
        assert result.code == 10, result.stdout + result.stderr
        assert "is gone, and its log with it" in result.stdout
    finally:
        cluster.kubectl("-n", place.namespace, "delete", "job", "applied")


def test_a_run_is_found_where_the_command_looks(place: Place) -> None:
    """The cluster that an ini file names for new runs is not where an old one is collected."""
    place.run("test_pass.py", "--k8s-keep=always")
    name, _ = newest_run(place)
    (place.folder / "pytest.ini").write_text(cluster.INI + "k8s_job_context = elsewhere\n")
    result = k8s_job(place, "collect", f"job/{name}")
    assert result.code == 0, result.stdout + result.stderr
    assert "elsewhere" in place.run("test_pass.py").stderr


def test_unknown_run_is_one_line(place: Place) -> None:
    """A run that is not there exits 4 with one line."""
    result = k8s_job(place, "attach", "nosuchrun")
    assert result.code == 4
    assert "there is no run nosuchrun" in result.stderr
