"""Plugins that the suite's ini file asks for by `-p`, and that only the image has."""

from __future__ import annotations

import pytest

from tests.tool.conftest import Side

INI = "[pytest]\naddopts = {options}\n"
PLUGIN = """\
import pytest


def pytest_addoption(parser):
    parser.addoption("--colour-of-image")


@pytest.fixture
def colour(pytestconfig):
    return pytestconfig.option.colour_of_image
"""
SUITE = "def test_it(colour):\n    assert colour == 'red'\n"


@pytest.fixture
def imaged(remote: Side) -> Side:
    """A suite whose test needs a plugin that cannot be imported here."""
    (remote.suite / "only_in_image.py").write_text(PLUGIN)
    (remote.suite / "test_it.py").write_text(SUITE)
    # Not twice: our plugin comes by its entry point.
    remote.environment["PYTEST_PLUGINS"] = "near_double"
    return remote


def write_ini(side: Side, options: str) -> None:
    """Write the ini file that image and checkout share."""
    for folder in (side.folder, side.suite):
        (folder / "pytest.ini").write_text(INI.format(options=options))


def test_our_plugin_first_in_the_ini_file(imaged: Side) -> None:
    """`addopts = -p k8s_job -p NAME` lets `pytest --in-cluster` work as it is."""
    write_ini(imaged, "-p k8s_job -p only_in_image --colour-of-image red")
    result = imaged.run("test_it.py")
    assert (result.code, result.stderr) == (0, "")
    assert "1 passed" in result.stdout


def test_the_verb_pytest(imaged: Side) -> None:
    """`k8s-job pytest` takes the ini file as it stands, and the options of pytest."""
    write_ini(imaged, "-p only_in_image --colour-of-image red")
    assert "No module named 'only_in_image'" in imaged.run("test_it.py").stderr
    imaged.program = ("pytest_k8s_job", "pytest")
    imaged.extra = tuple(each for each in imaged.extra if each != "--in-cluster")
    result = imaged.run("test_it.py")
    assert (result.code, result.stderr) == (0, "")
    assert "1 passed" in result.stdout


@pytest.mark.parametrize("name", ["pytest_pretty", "no:main"])
def test_what_belongs_here_is_not_skipped(name: str, imaged: Side) -> None:
    """A reporter that is missing here, and a plugin that cannot be blocked, are errors."""
    write_ini(imaged, f"-p k8s_job -p {name}")
    result = imaged.run("test_it.py")
    assert result.code == 4
    assert name.removeprefix("no:") in result.stderr
