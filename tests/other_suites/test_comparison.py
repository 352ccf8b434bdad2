"""The comparison of foreign suites says no when it should; their runs need a cluster."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.other_suites.comparison import Difference, Seen, differences, explanation, read
from tests.other_suites.source import LOCKS, pinned
from tests.other_suites.table import Row, page

TERMINAL = """\
tests/test_a.py .Fs                                                      [100%]
=================================== FAILURES ===================================
E       assert 1 == 2
/suite/tests/test_a.py:6: AssertionError
------------------ generated xml file: /tmp/junit.xml ------------------
=========================== short test summary info ============================
SKIPPED [1] /suite/tests/test_a.py:9: not here
FAILED tests/test_a.py::test_two - assert 1 == 2
=================== 1 failed, 1 passed, 1 skipped in 0.12s ====================
"""
JUNIT = """\
<testsuites><testsuite>
<testcase classname="tests.test_a" name="test_one" file="tests/test_a.py" line="1" time="0.1">
<system-out>printed at 0x7f00aa11bb22</system-out></testcase>
<testcase classname="tests.test_a" name="test_two" file="tests/test_a.py" line="5" time="0.2">
<properties><property name="key" value="value" /></properties>
<failure message="assert 1 == 2">/suite/tests/test_a.py:6: AssertionError</failure></testcase>
<testcase classname="tests.test_a" name="test_three" file="tests/test_a.py" line="9" time="0.3">
<skipped message="not here" type="pytest.skip">/suite/tests/test_a.py:9: not here</skipped>
</testcase></testsuite></testsuites>
"""
NO_FAILURE = (
    '<failure message="assert 1 == 2">/suite/tests/test_a.py:6: AssertionError</failure>',
    "",
)
NO_SECTION = ("<system-out>printed at 0x7f00aa11bb22</system-out>", "")
TWICE = (
    "<testsuites><testsuite>",
    '<testsuites><testsuite><testcase classname="tests.test_a" name="test_one"'
    ' file="tests/test_a.py" line="1" time="0.1"><system-out>printed at 0x7f00aa11bb22'
    "</system-out></testcase>",
)


def seen(code: int = 1, terminal: str = TERMINAL, junit: str = JUNIT) -> Seen:
    """Return a run whose suite lay in /suite."""
    return read(code, terminal, junit, "/suite")


def what_differs(other: Seen) -> list[str]:
    """Compare `other` with the undoctored run."""
    return [each.what for each in differences(seen(), other)]


def test_the_same_run_elsewhere_and_at_another_time_is_no_difference() -> None:
    """Times, addresses, the order of the tests and the place of the suite do not count."""
    head, first, second, third = JUNIT.split("<testcase")
    last = "</testsuite></testsuites>\n"
    junit = f"{head}<testcase{third.replace(last, '')}<testcase{second}<testcase{first}{last}"
    junit = junit.replace("/suite", "/home/me/x").replace("0x7f00aa11bb22", "0x7f00cc33dd44")
    terminal = (
        TERMINAL.replace("/suite", "/home/me/x")
        .replace("generated xml file: /", "generated xml file: C:/")
        .replace("0.12s", "61.20s (0:01:01)")
    )
    other = read(1, terminal, junit, "/home/me/x")
    assert list(differences(seen(), other)) == []
    assert other.tally == "1 failed, 1 passed, 1 skipped"
    assert other.tests == 3


@pytest.mark.parametrize(
    ("doctored", "what"),
    [
        (NO_FAILURE, "outcome"),
        (NO_SECTION, "section"),
        (TWICE, "number of reports"),
        (("printed at", "written at"), "section"),
        (('message="assert 1 == 2"', 'message="assert 1 == 3"'), "message"),
        (("test_a.py:6: AssertionError", "test_a.py:7: AssertionError"), "message"),
        (('value="value"', 'value="another"'), "message"),
        (("skipped", "error"), "outcome"),
        (('line="9"', 'line="8"'), "number of reports"),
        (('name="test_one"', 'name="test_other"'), "number of reports"),
    ],
)
def test_a_doctored_report_differs(doctored: tuple[str, str], what: str) -> None:
    """Each thing that can go wrong with a test's report is seen, and named."""
    changed = JUNIT.replace(*doctored)
    assert changed != JUNIT
    assert set(what_differs(seen(junit=changed))) == {what}


@pytest.mark.parametrize(
    ("doctored", "what"),
    [
        (("assert 1 == 2\n", "assert 1 == 3\n"), {"closing line"}),
        (("E       assert 1 == 2\n", ""), {"closing line"}),
        (("FAILED tests/test_a.py::test_two - assert 1 == 2\n", ""), {"closing line"}),
        (("1 passed", "2 passed"), {"tally"}),
        (("=================== 1 failed", "no last line: 1 failed"), {"tally", "closing line"}),
    ],
)
def test_a_doctored_terminal_differs(doctored: tuple[str, str], what: set[str]) -> None:
    """A line after the tests that is missing or other, and another last line, are seen."""
    changed = TERMINAL.replace(*doctored)
    assert changed != TERMINAL
    assert set(what_differs(seen(terminal=changed))) == what


def test_another_exit_code_differs() -> None:
    """An exit code that is not plain pytest's is a difference even if all tests agree."""
    assert what_differs(seen(code=0)) == ["exit code"]


@pytest.mark.parametrize(
    ("explained", "why"),
    [
        ({"tests/test_a.py::*": "a clock"}, "a clock"),
        ({"tests/test_b.py::*": "a clock"}, ""),
        ({}, ""),
    ],
)
def test_only_named_tests_are_explained(explained: Mapping[str, str], why: str) -> None:
    """A reason counts for the tests that its pattern names, for no others."""
    difference = Difference("tests/test_a.py::tests.test_a::test_one", "message", "", "")
    assert explanation(difference, explained) == why


@pytest.mark.parametrize("lock", sorted(LOCKS.glob("*.txt")), ids=lambda path: str(path.stem))
def test_each_suite_is_pinned_by_version_and_hash(lock: object) -> None:
    """What is downloaded is the one version that the lock names, with one of its hashes."""
    name = getattr(lock, "stem", "")
    lines = pinned(name).splitlines()
    assert lines[0].startswith(f"{name}==")
    assert all("--hash=sha256:" in line for line in lines[1:])
    assert len(lines) > 1


def test_the_table_keeps_rows_and_shows_what_did_not_run() -> None:
    """A suite that ran with other numbers of shards has a dash where it has no figure."""
    one = Row("click", "8.5.1", 3, "3 passed", 1.0, {"1": 0}, {"1": 2.0})
    two = Row("attrs", "26.1", 4, "4 passed", 1.0, {"1": 0, "4": 2}, {"1": 2.0, "4": 3.4})
    lines = list(page([one, two]))
    assert "| click | 8.5.1 | 3 | 3 passed | 0 | - | 1 | 2 | - |" in lines
    assert "| attrs | 26.1 | 4 | 4 passed | 0 | 2 | 1 | 2 | 3 |" in lines
