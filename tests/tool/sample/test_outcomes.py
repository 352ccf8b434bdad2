"""Every outcome that pytest knows."""
# ruff: noqa: PT009, RUF001

import unittest
import warnings

import pytest


def test_passes() -> None:
    """Pass."""


def test_fails() -> None:
    """Fail with a difference to explain."""
    left = {"x": 1, "y": [1, 2, 3]}
    assert left == {"x": 1, "y": [1, 2, 4]}


def test_chain() -> None:
    """Fail with a chain of causes."""
    try:
        raise KeyError("first")
    except KeyError as error:
        raise ValueError("second") from error


def test_group() -> None:
    """Fail with a group of exceptions."""
    raise ExceptionGroup("several", [ValueError(1), TypeError("two")])


def test_setup_error(broken_setup: None) -> None:
    """Do not get this far."""


def test_teardown_error(broken_teardown: None) -> None:
    """Pass, then fail to clean up."""


def test_fails_twice(broken_teardown: None) -> None:
    """Fail, then fail to clean up."""
    pytest.fail("explicitly", pytrace=False)


def test_no_such_fixture(missing: None) -> None:
    """Ask for what is not there."""


@pytest.mark.skip(reason="by mark")
def test_skip_mark() -> None:
    """Be skipped by a mark."""


def test_skip_inside() -> None:
    """Be skipped from inside."""
    pytest.skip("from inside")


@pytest.mark.xfail(reason="known bug")
def test_xfail() -> None:
    """Fail as expected."""
    raise AssertionError


@pytest.mark.xfail(reason="fixed bug")
def test_xpass() -> None:
    """Pass unexpectedly."""


@pytest.mark.xfail(strict=True, reason="surely broken")
def test_xpass_strict() -> None:
    """Pass where that is an error."""


@pytest.mark.parametrize(
    "text", ["α-β", "a\nb", "tab\t", "sl/ash", "a::b", "x[y]", "日本語", "\ud800", "", "z" * 300]
)
def test_odd_ids(text: str) -> None:
    """Have an id that is hard to carry."""
    assert text != "日本語"


@pytest.mark.slow
def test_marked() -> None:
    """Be chosen by a mark."""


def test_warns() -> None:
    """Warn twice, once of an own kind."""
    warnings.warn("plain", stacklevel=1)
    warnings.warn("old", DeprecationWarning, stacklevel=1)


def test_long_difference() -> None:
    """Fail with more text than a summary line takes."""
    assert "a" * 400 == "b" * 400


def test_subtests(subtests: "pytest.Subtests") -> None:
    """Fail in parts."""
    for number in range(3):
        with subtests.test("part", number=number):
            assert number != 1


class TestClass:
    """Tests in a class."""

    def test_method(self) -> None:
        """Pass as a method."""

    class TestNested:
        """Tests in a class in a class."""

        def test_deep(self) -> None:
            """Fail deep inside."""
            raise AssertionError("deep")


class TestOldStyle(unittest.TestCase):
    """Tests in the style of the standard library."""

    def test_equal(self) -> None:
        """Fail with unittest's own message."""
        self.assertEqual(1, 2)

    @unittest.skip("by unittest")
    def test_skipped(self) -> None:
        """Be skipped by unittest."""

    @unittest.expectedFailure
    def test_expected(self) -> None:
        """Fail as unittest expects."""
        raise AssertionError
