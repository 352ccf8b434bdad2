"""Reporters of others in the collector, and plugins that change results in the pod."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest

from tests.tool.conftest import Result, Side
from tests.tool.fidelity.comparison import Case, differences
from tests.tool.side_packages import beside


def use(side: Side, *plugins: str) -> None:
    """Load reporters; the pod must do without them."""
    paths = [str(beside("reporters")), side.environment.get("PYTHONPATH", "")]
    side.environment["PYTHONPATH"] = os.pathsep.join(paths)
    side.extra = (*side.extra, *(f"-p{each}" for each in plugins))


def use_in_pod(local: Side, remote: Side, plugin: str) -> None:
    """Load a plugin where the tests run; the collector must do without it."""
    use(local, plugin)
    use(remote)
    remote.extra = (*remote.extra, f"--k8s-env=PYTEST_PLUGINS={plugin}")


@pytest.mark.parametrize(
    ("plugin", "command"),
    [
        ("pytest_sugar", ""),
        ("pytest_sugar", "-v"),
        ("pytest_sugar", "broken"),
        ("pytest_pretty", "-k not(fixture)"),
        ("pytest_reportlog.plugin", "--report-log=log.jsonl"),
        ("pytest_html.plugin,pytest_metadata.plugin", "--html=report.html -k not(fixture)"),
    ],
)
def test_a_reporter_writes_the_same(plugin: str, command: str, local: Side, remote: Side) -> None:
    """What a reporter shows on the terminal is what it shows of tests that run here."""
    for side in (local, remote):
        use(side, *plugin.split(","))
    assert not "\n".join(differences(Case((command,)), local, remote))


def test_html_report(local: Side, remote: Side) -> None:
    """pytest-html gets the same tests, outcomes, logs and links."""
    for side in (local, remote):
        use(side, "pytest_html.plugin", "pytest_metadata.plugin")
        side.run("--html=report.html", "--self-contained-html", "-k", "not fixture")
    assert html_tests(remote) == html_tests(local)
    assert len(html_tests(local)) > 30


def html_tests(side: Side) -> dict[str, Any]:
    """Return the tests in a report, without times and the pod's addresses."""
    text = (side.folder / "report.html").read_text("utf-8")
    blob = re.search(r'data-jsonblob="([^"]*)"', text)
    assert blob
    data = json.loads(blob[1].replace("&#34;", '"').replace("&#39;", "'").replace("&amp;", "&"))
    tests = plain(data["tests"])
    for rows in tests.values():
        for row in rows:
            row.pop("duration", None)
            row.pop("resultsTableRow", None)
    return dict(tests)


def plain(value: Any) -> Any:
    """Return `value` without what differs from run to run."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items() if key not in VARYING}
    if isinstance(value, list):
        return [plain(each) for each in value]
    if isinstance(value, str):
        return re.sub(r"0x[0-9a-f]+", "0xN", re.sub(r"/(here|near)/", "/NEAR/", value))
    return value


# Times; a trace id, which only the tool has; keywords, of which passed phases lack the marks.
VARYING = {"duration", "created", "start", "stop", "root", "trace_id", "environment", "keywords"}
# What pytest-json-report takes from the running test: for that it must be in the pod.
PHASES = ("setup", "call", "teardown")
TAKEN_THERE = {"stdout", "stderr", "log"}


def test_report_log(local: Side, remote: Side) -> None:
    """pytest-reportlog gets the same reports of tests, in the same order."""
    found = []
    for side in (local, remote):
        use(side, "pytest_reportlog.plugin")
        side.run("--report-log=log.jsonl")
        lines = (side.folder / "log.jsonl").read_text("utf-8").splitlines()
        reports = [plain(json.loads(line)) for line in lines]
        found.append([each for each in reports if "when" in each and "filename" not in each])
    assert found[1] == found[0]
    assert len(found[0]) > 100


def test_json_report(local: Side, remote: Side) -> None:
    """pytest-json-report gets the same tests with outcomes, crash places and tracebacks."""
    found = []
    for side in (local, remote):
        use(side, "pytest_jsonreport.plugin", "pytest_metadata.plugin")
        side.run("--json-report", "--json-report-file=report.json", "-k", "not fixture")
        report = json.loads((side.folder / "report.json").read_text("utf-8"))
        tests = plain(report["tests"])
        for phase in (test[when] for test in tests for when in PHASES if when in test):
            for key in TAKEN_THERE:
                phase.pop(key, None)
        found.append((report["summary"], report["exitcode"], tests))
    assert found[1] == found[0]


@pytest.mark.parametrize(
    "command",
    ["--reruns 2 -k sections -v -rR", "--reruns 1 test_outcomes.py -rA", "--reruns=1 -q stops"],
)
def test_reruns_in_the_pod(command: str, local: Side, remote: Side) -> None:
    """Reruns are shown, counted and left out of JUnit as pytest-rerunfailures does here.

    What the tool adds to that, who was flaky, is left out of the comparison.
    """
    use_in_pod(local, remote, "pytest_rerunfailures")
    remote.extra = (*remote.extra, "-pno:k8s_job_flaky")
    assert not "\n".join(differences(Case((command,)), local, remote))


def test_a_rerun_that_passes(remote: Side, local: Side) -> None:
    """A test that passes when it runs again makes the run pass, and shows that it ran twice."""
    use_in_pod(local, remote, "pytest_rerunfailures")
    body = "SEEN = []\n\n\ndef test_it():\n    SEEN.append(1)\n    assert len(SEEN) > 1\n"
    (remote.suite / "test_it.py").write_text(body)
    result = remote.run("--reruns=2", "test_it.py")
    assert result.code == 0, result.stdout
    assert re.search(r"1 passed, .*1 rerun", result.stdout)


SUBTESTS = """\
import unittest

import pytest

tries = []


def test_recovers(subtests):
    tries.append(1)
    for part in range(3):
        with subtests.test(part=part):
            assert part != 1 or len(tries) > 1


def test_recovers_and_skips(subtests):
    tries.append(2)
    for part in range(3):
        with subtests.test(part=part):
            if part == 2:
                pytest.skip("not here")
            assert part != 1 or tries.count(2) > 1


def test_never_passes(subtests):
    for part in range(3):
        with subtests.test(part=part):
            assert part != 1


class TestUnittest(unittest.TestCase):
    def test_is_not_repeated(self):
        tries.append(3)
        for part in range(3):
            with self.subTest(part=part):
                assert part != 1 or tries.count(3) > 1
"""


@pytest.mark.parametrize("chosen", ["recovers", "never", "unittest", "test"])
def test_reruns_with_subtests(chosen: str, local: Side, remote: Side) -> None:
    """Subtests of a try that is repeated count as little as they do here."""
    use_in_pod(local, remote, "pytest_rerunfailures")
    remote.extra = (*remote.extra, "-pno:k8s_job_flaky")
    for side in (local, remote):
        (side.suite / "test_it.py").write_text(SUBTESTS)
    command = f"--reruns=1 -v -rA test_it.py -k {chosen}"
    assert not "\n".join(differences(Case((command,)), local, remote))


def test_subtests_that_recover_are_flaky(remote: Side, local: Side) -> None:
    """The summary names what failed before; what failed in each try is not called flaky."""
    use_in_pod(local, remote, "pytest_rerunfailures")
    (remote.suite / "test_it.py").write_text(SUBTESTS)
    passed = remote.run("-v", "--retries=1", "test_it.py::test_recovers")
    assert passed.code == 0, passed.stdout
    assert re.search("1 passed, .*3 subtests passed, 1 rerun", passed.stdout)
    assert re.findall("^FLAKY.*", passed.stdout, re.MULTILINE) == [
        "FLAKY test_it.py::test_recovers - passed on try 2; "
        "before: test_recovers (part=1): assert (1 != 1 or 1 > 1)"
    ]
    assert "FLAKY" not in remote.run("--retries=1", "test_it.py::test_never_passes").stdout


def test_timeout_in_the_pod(local: Side, remote: Side) -> None:
    """A test that pytest-timeout ends in the pod fails as it does here."""
    use_in_pod(local, remote, "pytest_timeout")
    body = "import time\n\n\ndef test_it():\n    time.sleep(60)\n"
    for side in (local, remote):
        (side.suite / "test_it.py").write_text(body)
    command = "--timeout=1 --timeout-method=signal test_it.py"
    assert not "\n".join(differences(Case((command,)), local, remote))


def test_teamcity_messages(local: Side, remote: Side) -> None:
    """PyCharm's plugin tells of the same tests, starts, failures and ends in the same order."""
    found = []
    for side in (local, remote):
        use(side, "teamcity.pytest_plugin")
        found.append(messages(side.run("--teamcity", "test_outcomes.py", "-k", "not subtests")))
    assert found[1] == found[0]
    assert ("testFailed", "test_outcomes.test_fails") in found[0]


def messages(result: Result) -> list[tuple[str, str]]:
    """Return kind and test of each message; values to compare are taken from the running test."""
    return re.findall(r"##teamcity\[(\w+) .*?\bname='((?:[^'|]|\|.)*)'", result.text)
