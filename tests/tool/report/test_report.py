"""`--report DIR`: what stands in its files, here and through the tool, and what CI systems read."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pytest_k8s_job.report import document as module
from pytest_k8s_job.report.annotations import ANNOTATIONS, GITLAB_REPORT, annotate
from pytest_k8s_job.report.document import Document, Failure, Outcome, Result, to_json
from pytest_k8s_job.report.failures import group
from pytest_k8s_job.report.markdown import summarise
from pytest_k8s_job.report.page import render
from pytest_k8s_job.report.run_data import Finding, RunData, Workload
from pytest_k8s_job.report.sentence import first_line
from pytest_k8s_job.report.timeline import lay_out
from pytest_k8s_job.target.model import Target
from tests.browser.documents import failing_run, large_run, small_run
from tests.checkout import CHECKOUT
from tests.tool.conftest import SECONDS, Side

PACKAGE = CHECKOUT / "pytest_k8s_job" / "report"

SCHEMA = json.loads((CHECKOUT / "docs" / "report-schema.json").read_text())
EVIL = "</details>`<b>|*x*\n::error::x"


def check(text: str) -> dict[str, Any]:
    """Return the document that `text` is; it must satisfy the published schema."""
    data: dict[str, Any] = json.loads(text)
    jsonschema.Draft202012Validator(SCHEMA).validate(data)
    return data


def outcomes(data: dict[str, Any]) -> dict[str, str]:
    """Return the outcome of each test of a report by its function's name."""
    return {test["nodeid"].rpartition("::")[2]: test["outcome"] for test in data["tests"]}


def failed(headline: str, name: str = "test_a", cause: str = "") -> Result:
    """Return a failed test with one failure."""
    failure = Failure("call", headline, f"E  {headline}", "test_it.py", 3, cause)
    return Result(f"test_it.py::{name}", Outcome.FAILED, "test_it.py", 1, failures=(failure,))


# -- the files


SUITE = """\
import pytest

def test_passes(): pass
@pytest.mark.skip("no reason")
def test_skips(): pass
@pytest.mark.xfail(reason="known")
def test_xfails(): assert 0
@pytest.mark.xfail(reason="mended")
def test_xpasses(): pass
def test_fails():
    print("said in vain")
    values = [1, 2]
    assert values == [1, 3], "lists differ"
@pytest.fixture
def broken(): raise ValueError("no fixture")
def test_errors(broken): pass
@pytest.fixture
def breaks_later():
    yield
    raise ValueError("too late")
def test_torn(breaks_later): pass
"""
SEEN = {
    "test_passes": "passed",
    "test_skips": "skipped",
    "test_xfails": "xfailed",
    "test_xpasses": "xpassed",
    "test_fails": "failed",
    "test_errors": "error",
    "test_torn": "error",
}


@pytest.mark.parametrize("where", ["local", "remote"])
def test_a_session_is_reported(where: str, request: pytest.FixtureRequest) -> None:
    """Every outcome stands in the JSON document, here as through the tool, beside page and text."""
    side: Side = request.getfixturevalue(where)
    side.environment.setdefault("PYTEST_PLUGINS", "pytest_k8s_job.plugin")
    (side.suite / "test_it.py").write_text(SUITE)
    result = side.run("test_it.py", "--report=out/report")
    folder = side.folder / "out" / "report"
    data = check((folder / "report.json").read_text())
    assert outcomes(data) == SEEN
    assert (result.code, data["exit_code"], data["verdict"]) == (1, 1, "FAILED")
    assert data["counts"] == {
        "failed": 1, "error": 2, "xpassed": 1, "skipped": 1, "xfailed": 1, "passed": 1,
    }  # fmt: skip
    assert f"report: {folder / 'index.html'}" in result.stdout
    assert "lists differ" in (folder / "index.html").read_text()
    assert "lists differ" in (folder / "summary.md").read_text()
    test = next(each for each in data["tests"] if each["outcome"] == "failed")
    (failure,) = test["failures"]
    assert failure["headline"] == "AssertionError: lists differ"
    assert (failure["file"], failure["line"]) == ("test_it.py", 13)
    assert failure["sections"] == [["Captured stdout call", "said in vain\n"]]
    assert len(result.junit) == 7  # at --junitxml, as the user chose


def test_junit_goes_into_the_folder(local: Side) -> None:
    """Who names no other file finds the JUnit XML beside the page."""
    local.environment["PYTEST_PLUGINS"] = "pytest_k8s_job.plugin"
    (local.suite / "test_it.py").write_text(SUITE)
    with local.start("test_it.py", "--report=out") as process:
        process.communicate()
    assert (local.folder / "out" / "junit.xml").read_text().count("<testcase") == 7


def test_reruns_are_told(local: Side) -> None:
    """A test that fails, is run again and passes is passed, with its attempt and its failure."""
    local.environment["PYTEST_PLUGINS"] = "pytest_k8s_job.plugin,again"
    local.environment["PYTHONPATH"] = str(local.folder.parent)
    (local.folder.parent / "again.py").write_text(
        "from _pytest.runner import runtestprotocol\n"
        "def pytest_runtest_protocol(item, nextitem):\n"
        "    for report in runtestprotocol(item, nextitem=item, log=False):\n"
        "        if report.failed: report.outcome = 'rerun'\n"
        "        item.ihook.pytest_runtest_logreport(report=report)\n"
    )
    (local.suite / "test_it.py").write_text(
        "times = []\ndef test_it():\n    times.append(1)\n    assert len(times) == 2\n"
    )
    local.run("test_it.py", "--report=out")
    (test,) = check((local.folder / "out" / "report.json").read_text())["tests"]
    assert (test["outcome"], test["reruns"]) == ("passed", 1)
    assert [each["when"] for each in test["failures"]] == ["attempt 1, call"]


def test_what_cannot_be_collected_is_reported(local: Side) -> None:
    """A module that cannot be imported is an error with its traceback."""
    local.environment["PYTEST_PLUGINS"] = "pytest_k8s_job.plugin"
    (local.suite / "test_it.py").write_text("import nothing_of_this_name\n")
    local.run("test_it.py", "--report=out")
    data = check((local.folder / "out" / "report.json").read_text())
    assert outcomes(data) == {"test_it.py": "error"}
    assert "nothing_of_this_name" in data["first_line"]


@pytest.mark.parametrize("why", ["file", "package"])
def test_a_report_that_cannot_be_is_told_in_one_line(why: str, local: Side) -> None:
    """A file in the folder's place, or a missing Jinja2, is one sentence and exit code 4."""
    local.environment["PYTEST_PLUGINS"] = "pytest_k8s_job.plugin"
    (local.folder / "taken").write_text("")
    if why == "package":
        local.environment["PYTHONPATH"] = str(local.folder.parent)
        (local.folder.parent / "jinja2.py").write_text(
            "raise ModuleNotFoundError('No module', name='jinja2')"
        )
    result = local.run("--report=taken" if why == "file" else "--report=out")
    assert result.code == 4
    said = {"file": "File exists", "package": "pip install 'pytest-k8s-job[report]'"}
    assert re.fullmatch(rf"ERROR: --report .*{re.escape(said[why])}\n+", result.stderr)


def test_the_wheel_has_the_templates(tmp_path: Path) -> None:
    """Who installs the package gets the page's parts with it."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"]
    build = [*pip, "--no-build-isolation", "--wheel-dir", str(tmp_path), str(CHECKOUT)]
    subprocess.run(build, check=True, timeout=SECONDS)
    (wheel,) = tmp_path.glob("*.whl")
    templates = sorted(path.name for path in PACKAGE.joinpath("templates").iterdir())
    with zipfile.ZipFile(wheel) as packed:
        inside = {Path(each).name for each in packed.namelist() if "/templates/" in each}
    assert sorted(inside) == templates == ["page.html", "page.js", "style.css"]


# -- the document


@pytest.mark.parametrize("document", [small_run(), failing_run(), large_run(500)])
def test_documents_satisfy_the_schema(document: Document) -> None:
    """What is written is what docs/report-schema.json describes."""
    assert check(to_json(document))["verdict"] == document.verdict


def test_the_schema_can_say_no() -> None:
    """A missing, an unknown and a wrong value are refused."""
    data = json.loads(to_json(small_run()))
    for wrong in ({"surprise": 1}, {"exit_code": "0"}, {"counts": {"lost": 1}}):
        with pytest.raises(jsonschema.ValidationError):
            check(json.dumps({**data, **wrong}))
    del data["tests"]
    with pytest.raises(jsonschema.ValidationError):
        check(json.dumps(data))


def test_the_schema_knows_every_field() -> None:
    """Schema and dataclasses name the same fields."""
    names = {
        "place": "Place", "cause": "Cause", "finding": "Finding", "mark": "Mark", "event": "Event",
        "workload": "Workload", "shard": "ShardProof", "repeat": "Repeat", "test": "Result",
        "failure": "Failure", "artifact": "Artifact", "not_brought": "NotBrought",
    }  # fmt: skip
    described = {name: SCHEMA["$defs"][key] for key, name in names.items()}
    for name, schema in {**described, "Document": SCHEMA}.items():
        assert {each.name for each in fields(getattr(module, name))} == set(schema["properties"])
    assert set(SCHEMA["$defs"]) == {*names, "tested"}
    assert Target().as_json().keys() == SCHEMA["$defs"]["tested"]["properties"].keys()


def test_failures_are_grouped_by_cause() -> None:
    """The likely cause joins failures; without one, messages that differ in numbers only."""
    tests = [
        failed("assert 503 == 200", "a"),
        failed("took 1.5 s", "b", cause="worker-1 was OOM-killed"),
        failed("assert 504 == 200", "c"),
        failed("job 7 is lost", "d", cause="worker-1 was OOM-killed"),
        failed("assert 1 == 200", "e"),
        failed("KeyError: 'id'", "f"),
    ]
    causes = group(tests)
    assert [(cause.text, len(cause.nodeids)) for cause in causes] == [
        ("assert 503 == 200", 3),
        ("worker-1 was OOM-killed", 2),
        ("KeyError: 'id'", 1),
    ]


def test_the_first_line_names_the_cause() -> None:
    """What the target logged in most failed tests comes first, the diagnosis, then the tests."""
    tests = [failed("assert 1", "a"), failed("assert 1", "b"), failed("KeyError", "c")]
    finding = Finding("oom-killed", "worker-1 was OOM-killed")
    assert first_line("FAILED", tests, group(tests), "") == "3 of 3 tests failed, 2 with: assert 1"
    assert first_line("FAILED", tests[:2], group(tests[:2]), "").endswith(", all with: assert 1")
    said = first_line("FAILED", tests[1:], group(tests[1:]), "")
    assert said == "2 of 2 tests failed; the first, test_it.py::b: assert 1"
    said = first_line("FAILED", tests, group(tests), "", RunData(findings=(finding,)))
    assert said == "3 of 3 tests failed; found in the cluster: worker-1 was OOM-killed"
    shared = "api logged in 3 of 3 failed tests: command not allowed"
    said = first_line(
        "FAILED", tests, group(tests), "", RunData(findings=(finding,), shared_line=shared)
    )
    assert said == f"3 of 3 tests failed; {shared}"
    assert first_line("PASSED", small_run(failed=False).tests, (), "") == "All 5 tests passed."
    assert first_line("NO_TESTS", (), (), "") == "No test ran."


def test_page_and_summary_name_what_was_tested() -> None:
    """The line of the session's header stands near the top, and a workload elsewhere says where."""
    elsewhere = Workload("deployment/db", "stores", "postgres:17")
    document = replace(small_run(), target=(elsewhere,))
    page, summary = render(document), summarise(document)
    assert page.index(document.first_line) < page.index(document.target_line)
    assert page.index(document.target_line) < page.index("<nav")
    assert 'deployment/db <span class="note">in stores</span>' in page
    assert "\ntarget: deployment/api 5d9c8f7b6, 2 pods (read from API\\_URL); " in summary
    assert "| deployment/db in stores | postgres:17 |" in summary


def test_what_began_it_is_told() -> None:
    """Of several failures the first of the last attempt names the cause."""
    whens = ("attempt 1, setup", "attempt 2, subtest i=1", "attempt 2, call")
    several = tuple(Failure(when, when, "") for when in whens)
    test = replace(failed("-"), failures=several, reruns=1)
    assert [cause.text for cause in group([test])] == ["attempt 2, subtest i=1"]
    plain = replace(test, failures=(several[0], Failure("teardown", "x", "")), reruns=0)
    assert plain.main_failure.headline == "attempt 1, setup"


def test_the_time_line_is_light() -> None:
    """5,000 tests are drawn as one path for each shard and outcome, and all within the lane."""
    lanes = lay_out(large_run()).lanes
    assert [lane.name for lane in lanes] == ["shard 0", "shard 1", "shard 2"]
    assert sum(lane.tests for lane in lanes) == 5_000
    assert all(len(lane.paths) == 3 for lane in lanes)
    ends = [float(x) for lane in lanes for _, d in lane.paths for x in re.findall(r"H([\d.]+)V", d)]
    assert 990 < max(ends) <= 1001
    assert sum(len(d) for lane in lanes for _, d in lane.paths) < 50_000


# -- Markdown and CI systems


def test_the_summary_is_bounded_and_plain() -> None:
    """Of many causes ten are shown, and nothing in a message is markup."""
    tests = tuple(failed(f"{EVIL} {chr(65 + i) * 3}", str(i)) for i in range(12))
    document = replace(small_run(), tests=tests, causes=group(tests), first_line=EVIL)
    text = summarise(document)
    assert text.count("<details>") == text.count("</details>\n") == 10
    assert "And 2 more causes." in text
    assert "1 test: &lt;/details&gt;`&lt;b&gt;|*x* ::error::x AAA</summary>" in text
    assert "\n\\</details\\>\\`\\<b\\>\\|\\*x\\* ::error::x\n" in text


def on_github(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a step."""
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(tmp_path),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }


def test_github_gets_annotations_and_a_summary(tmp_path: Path) -> None:
    """Failures become error commands at their lines in the checkout; the summary is appended."""
    (tmp_path / "summary").write_text("before\n")
    tests = (failed("100%, no\n::x", "test_a[1,2]", cause="it broke"),)
    document = replace(small_run(), tests=tests, causes=group(tests), exit_code=1)
    lines = list(annotate(document, tmp_path, tmp_path / "sub", on_github(tmp_path)))
    assert lines == [
        "::error file=sub/test_it.py,line=3,title=test_it.py%3A%3Atest_a[1%2C2]"
        "::100%25, no%0A::x%0ALikely cause: it broke"
    ]
    assert (tmp_path / "summary").read_text() == f"before\n{summarise(document)}\n"


def test_annotations_are_bounded(tmp_path: Path) -> None:
    """Of many failures GitHub gets ten lines: each cause once first, the rest as a number."""
    document = large_run(100, failures=40)
    lines = list(annotate(document, tmp_path, tmp_path, on_github(tmp_path)))
    assert len(lines) == ANNOTATIONS
    assert "title=31 more tests failed" in lines[-1]
    assert "refused the connection" in lines[0]
    assert "OOM-killed" in lines[1]


def test_a_run_without_tests_is_annotated(tmp_path: Path) -> None:
    """A run that never began is one annotation with its sentence; a passed one is none."""
    document = replace(small_run(failed=False), tests=(), causes=(), verdict="NOT_RUN")
    document = replace(document, exit_code=10, first_line="no such image")
    lines = list(annotate(document, tmp_path, tmp_path, on_github(tmp_path)))
    assert lines == ["::error title=NOT_RUN::no such image"]
    assert not list(annotate(small_run(failed=False), tmp_path, tmp_path, on_github(tmp_path)))


def test_gitlab_gets_a_link_and_a_section(tmp_path: Path) -> None:
    """GitLab reads the page's address from a file, and a folded section from the log."""
    environ = {"GITLAB_CI": "true", "CI_PROJECT_DIR": str(tmp_path), "CI_JOB_URL": "https://x/7"}
    folder = tmp_path / "reports"
    folder.mkdir()
    lines = list(annotate(failing_run(), folder, tmp_path, environ))
    assert re.match(r"\x1b\[0Ksection_start:\d+:failures_by_cause\[collapsed=true\]\r", lines[0])
    assert "section_end" in lines[-1]
    assert len(lines) == 6
    (links,) = json.loads((folder / GITLAB_REPORT).read_text()).values()
    assert links[0]["external_link"]["url"] == "https://x/7/artifacts/file/reports/index.html"


def test_elsewhere_nothing_is_told(tmp_path: Path) -> None:
    """Without a CI system there are neither commands nor files."""
    assert not list(annotate(failing_run(), tmp_path, tmp_path, {}))
    assert not list(tmp_path.iterdir())


# -- through the tool


@pytest.mark.parametrize("shards", [1, 2])
def test_the_proof_of_completeness_is_reported(shards: int, remote: Side) -> None:
    """Each shard tells what was planned and came, with digest; each test tells its shard."""
    (remote.suite / "test_it.py").write_text(SUITE)
    remote.run("test_it.py", "--report=out", f"--shards={shards}")
    data = check((remote.folder / "out" / "report.json").read_text())
    proofs = data["shards"]
    names = [str(i) for i in range(shards)] if shards > 1 else [""]
    assert sorted(each["shard"] for each in proofs) == names
    assert {each["shard"] for each in data["tests"]} == set(names)
    assert sum(each["planned"] for each in proofs) == 7
    for each in proofs:
        assert (each["reported"], each["problem"]) == (each["planned"], "")
        assert each["records"] > each["frames"] > 0
        assert re.fullmatch("[0-9a-f]{64}", each["sha256"])


def test_a_stopped_run_is_not_called_whole(remote: Side) -> None:
    """After -x the page says that not all planned tests ran, and claims no loss."""
    (remote.suite / "test_it.py").write_text("def test_a(): assert 0\ndef test_b(): pass\n")
    result = remote.run("test_it.py", "--report=out", "-x")
    (proof,) = check((remote.folder / "out" / "report.json").read_text())["shards"]
    assert (result.code, proof["planned"], proof["reported"], proof["problem"]) == (1, 2, 1, "")
    page = (remote.folder / "out" / "index.html").read_text()
    assert "The run was stopped before all planned tests had run" in page
    assert "Every planned test was reported" not in page


def test_a_lost_run_is_reported(remote: Side) -> None:
    """When pytest dies, the report has the verdict, its sentence, and what the shard lacks."""
    (remote.suite / "test_it.py").write_text("import os\ndef test_it():\n    os._exit(3)\n")
    result = remote.run("test_it.py", "--report=out")
    data = check((remote.folder / "out" / "report.json").read_text())
    assert (result.code, data["exit_code"], data["verdict"]) == (11, 11, "INCOMPLETE")
    assert "exit code 3 in the middle" in data["first_line"]
    assert "exit code 3 in the middle" in data["shards"][0]["problem"]
    assert outcomes(data) == {"test_it": "failed"}
