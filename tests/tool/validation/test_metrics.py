"""What Prometheus reads: over HTTP, checked by promtool; the alert rules and the dashboard."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from pytest_k8s_job.validation.metrics import Metrics
from pytest_k8s_job.validation.record import Validation
from tests.checkout import CHECKOUT
from tests.tool.validation.runs import NOW, run

MONITORING = CHECKOUT / "monitoring"
FETCHED = CHECKOUT / "build" / "promtool"
NAMES = re.compile(r"k8s_job_\w+")


def promtool(*words: str | Path, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run promtool."""
    program = shutil.which("promtool") or str(FETCHED)
    assert Path(program).exists(), "needed and not there: promtool; `make promtool` fetches it"
    command = [program, *map(str, words)]
    return subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=60, check=False
    )


def samples(*templates: tuple[str, list[Validation], float]) -> dict[str, float]:
    """Return the metrics by name and labels, as a scrape reads them."""
    text = Metrics(lambda: templates).text().decode()
    return {
        each.name + json.dumps(list(each.labels.values())): each.value
        for family in text_string_to_metric_families(text)
        for each in family.samples
    }


def test_verdicts_are_counted_and_the_newest_is_shown() -> None:
    """The newest run on a rollout has the word; one by a schedule stands apart."""
    by_schedule = run("FAILED", periodic=True, seconds=7)
    found = samples(("t", [by_schedule, run("VOID"), run(), run()], 0))
    assert found['k8s_job_kept_validations["t", "PASSED"]'] == 2
    assert found['k8s_job_kept_validations["t", "FAILED"]'] == 1
    assert found['k8s_job_last_verdict["t", "rollout", "VOID"]'] == 1
    assert found['k8s_job_last_verdict["t", "rollout", "PASSED"]'] == 0
    assert found['k8s_job_last_verdict["t", "schedule", "FAILED"]'] == 1
    assert found['k8s_job_last_verdict_timestamp_seconds["t", "rollout"]'] == NOW + 42
    assert found['k8s_job_last_duration_seconds["t", "schedule"]'] == 7
    assert found['k8s_job_without_verdict_seconds["t"]'] == 0


def test_the_time_without_a_verdict_grows() -> None:
    """It is counted from what is deployed; a clock that is ahead makes it no negative number."""
    found = samples(("t", [], time.time() - 100), ("u", [], time.time() + 100))
    assert 100 <= found['k8s_job_without_verdict_seconds["t"]'] < 160
    assert found['k8s_job_without_verdict_seconds["u"]'] == 0
    assert 'k8s_job_last_verdict["t", "rollout", "PASSED"]' not in found


def test_a_scrape_reads_anew() -> None:
    """Each GET of /metrics asks again, and what cannot be read is a failed scrape."""
    kept: list[Validation] = []

    def read() -> list[tuple[str, list[Validation], float]]:
        if len(kept) > 1:
            raise OSError
        return [("t", kept, 0.0)]

    port, end = Metrics(read).serve(0, "127.0.0.1")
    url = f"http://127.0.0.1:{port}/metrics"
    try:
        first = urllib.request.urlopen(url, timeout=10).read()
        kept.append(run())
        second = urllib.request.urlopen(url, timeout=10).read()
        kept.append(run())
        with pytest.raises(urllib.request.HTTPError, match="500"):
            urllib.request.urlopen(url, timeout=10)
    finally:
        end()
    line = b'k8s_job_kept_validations{template="t",verdict="PASSED"} '
    assert line + b"0.0" in first
    assert line + b"1.0" in second


@pytest.mark.slow
def test_promtool_has_no_complaint_about_the_metrics() -> None:
    """Names, units and help are as Prometheus wants them."""
    text = Metrics(lambda: [('t"\n', [run(), run(periodic=True)], 1.0)]).text().decode()
    assert text.count("# HELP") == 5
    checked = promtool("check", "metrics", text=text)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    wrong = text.replace("duration_seconds", "duration_minutes")
    assert promtool("check", "metrics", text=wrong).returncode != 0


@pytest.mark.slow
def test_the_alert_rules_hold() -> None:
    """promtool accepts the rules, their tests pass, and each alert is tested to fire and not to."""
    checked = promtool("check", "rules", MONITORING / "alerts.yaml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool("test", "rules", MONITORING / "alerts-test.yaml")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    rules = yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]
    tests = yaml.safe_load((MONITORING / "alerts-test.yaml").read_text())["tests"]
    seen = {
        (each["alertname"], bool(each["exp_alerts"]))
        for test in tests
        for each in test.get("alert_rule_test", ())
    }
    assert seen == {(rule["alert"], fires) for rule in rules for fires in (True, False)}


@pytest.mark.slow
@pytest.mark.parametrize("change", [("== 1", "== 2"), ("> 1800", "> 60"), ("absent", "present")])
def test_a_wrong_rule_fails_its_test(change: tuple[str, str], tmp_path: Path) -> None:
    """The rules' tests notice a changed threshold and a function that is none."""
    text = (MONITORING / "alerts.yaml").read_text()
    (tmp_path / "alerts.yaml").write_text(text.replace(*change))
    shutil.copy(MONITORING / "alerts-test.yaml", tmp_path)
    assert promtool("test", "rules", tmp_path / "alerts-test.yaml").returncode != 0


def test_alerts_and_dashboard_ask_for_metrics_that_exist() -> None:
    """No rule and no panel waits for a series that nothing shows."""
    shown = set(NAMES.findall(Metrics(list).text().decode()))
    for file in ("alerts.yaml", "dashboard.json"):
        asked = set(NAMES.findall((MONITORING / file).read_text()))
        assert asked, file
        assert asked <= shown, file


@pytest.mark.slow
def test_the_dashboard_asks_in_valid_promql(tmp_path: Path) -> None:
    """Each panel has a title, a place and queries that Prometheus can parse."""
    board = json.loads((MONITORING / "dashboard.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"]) > 3
    assert all(panel["title"] and panel["gridPos"] for panel in board["panels"])
    rules = [{"record": f"panel:{n}", "expr": expr} for n, expr in enumerate(queries)]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = promtool("check", "rules", file)
    assert checked.returncode == 0, checked.stdout + checked.stderr
