"""The table of runs, the sparkline, and since when a test fails."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pytest_k8s_job.cli.history import history_lines
from pytest_k8s_job.validation.record import Validation
from pytest_k8s_job.validation.summary import (
    LEVELS,
    WIDTH,
    columns,
    duration_text,
    failing_lines,
    sparkline,
    table,
)
from pytest_k8s_job.verdict.verdict import Verdict
from tests.tool.validation.runs import run

TESTS = ("a", "b", "c")
RUNS = st.lists(
    st.builds(
        lambda verdict, failed, revision, line, note, seconds, periodic: run(
            verdict,
            failed=tuple(sorted(failed)) if verdict == "FAILED" else (),
            revision=revision,
            first_line=line,
            note=note,
            seconds=seconds,
            periodic=periodic,
        ),
        st.sampled_from([str(each) for each in Verdict]),
        st.sets(st.sampled_from(TESTS), min_size=1),
        st.text(max_size=20),
        st.text(max_size=120),
        st.text(max_size=90),
        st.floats(0, 1e9),
        st.booleans(),
    ),
    max_size=12,
)


@given(RUNS)
def test_all_fits_a_terminal(runs: list[Validation]) -> None:
    """Whatever tests print, each line fits 80 columns and moves no cursor; no run is left out."""
    lines = table(runs)
    assert all(columns(line) <= WIDTH for line in lines)
    assert all(line.isprintable() for line in lines)
    heads = [line for line in lines[1:] if not line.startswith(" ")]
    assert [line[13:].split()[0] for line in heads] == [each.verdict for each in runs]


@given(RUNS)
def test_a_test_fails_since_the_first_of_its_row(runs: list[Validation]) -> None:
    """The count is that of the newest runs in a row that decided, and failed this test."""
    decided = [each for each in runs if each.verdict in ("PASSED", "FAILED")]
    found = {line.partition(" fails ")[0]: line for line in failing_lines(runs)}
    assert set(found) == set(decided[0].failed if decided else ())
    for test, line in found.items():
        bad = [test in each.failed for each in decided]
        count = bad.index(False) if False in bad else len(bad)
        assert f"({count} run{'s' if count > 1 else ''})" in line
        assert ("in all kept runs" in line) == (False not in bad)


@given(st.lists(st.floats(0, 1e6), max_size=50))
def test_a_longer_run_is_no_lower_bar(values: list[float]) -> None:
    """One bar a value, in their order, and the longest run has the highest bar."""
    bars = [LEVELS.index(char) for char in sparkline(values)]
    assert len(bars) == len(values)
    by_value = [bar for _, bar in sorted(zip(values, bars, strict=True))]
    assert by_value == sorted(by_value)
    if any(values):
        assert max(bars) == len(LEVELS) - 1


@given(st.floats(0, 1e9))
def test_a_duration_fits_its_column(seconds: float) -> None:
    """Durations of any length take seven columns at most."""
    assert len(duration_text(seconds)) <= 7


def test_durations() -> None:
    """Seconds, minutes, hours, days."""
    assert [duration_text(each) for each in (0.4, 99.4, 130, 5_400, 12_600, 864_000)] == [
        "0 s",
        "99 s",
        "2 min",
        "90 min",
        "3.5 h",
        "10 d",
    ]


def test_runs_without_a_verdict_on_tests_count_neither_way() -> None:
    """A VOID between two failed runs neither ends the row nor lengthens it."""
    failed, void = run("FAILED", revision="a" * 16), run("VOID")
    assert failing_lines([void, failed, void, failed, run()]) == [
        "test_data.py::test_load fails since revision aaaaaaaaaa (2 runs)"
    ]
    assert failing_lines([run(), failed]) == []
    assert failing_lines([void]) == []


def test_many_failed_tests_are_counted() -> None:
    """After ten tests the rest is a number."""
    lines = failing_lines([run("FAILED", failed=tuple(f"t{number}" for number in range(168)))])
    assert len(lines) == 11
    assert lines[-1] == "and 158 more"


def test_the_history_as_it_is_printed() -> None:
    """Newest first: verdicts, what went wrong under them, durations, and since when it fails."""
    not_run = run("NOT_RUN", run_id="", first_line="image api:2 cannot be pulled", counts={})
    runs = [run("FAILED", note="rolled back to 3f2a, PASSED"), not_run, run(seconds=21)]
    lines = history_lines("integration-test in namespace weather", runs)
    assert [" ".join(line.split()[2:]) for line in lines if line[:2].isdigit()] == [
        "FAILED 3f2a9c1e55 0a1b2c3d4e 167/1 42 s",
        "NOT_RUN 3f2a9c1e55 - - -",
        "PASSED 3f2a9c1e55 0a1b2c3d4e 168/0 21 s",
    ]
    assert lines[0] == "integration-test in namespace weather, newest first"
    assert lines[3:5] == [
        " " * 13 + "1 of 168 tests failed: test_data.py::test_load",
        " " * 13 + "rolled back to 3f2a, PASSED",
    ]
    assert lines[-2:] == [
        "durations, oldest first: ▅█ (21 s to 42 s)",
        "test_data.py::test_load fails since revision 3f2a9c1e55 (1 run)",
    ]


def test_no_run_is_said() -> None:
    """An empty history is a sentence."""
    assert history_lines("x in namespace y", []) == ["x in namespace y has no kept run"]
