"""Where the tool's settings come from: the command line, then the ini file, then a default."""

from __future__ import annotations

import re

import pytest

from pytest_k8s_job.option_table import Keep
from pytest_k8s_job.options import Options, read_options
from pytest_k8s_job.validation.metrics import Metrics
from tests.checkout import CHECKOUT

pytest_plugins = ["pytester"]

INI = """
[tool.pytest.ini_options]
k8s_job_manifest = "ops/tests.yaml"
k8s_job_context = "staging"
k8s_job_namespace = "shop"
k8s_job_image = "shop-tests:3"
k8s_job_start_timeout = "300"
k8s_job_keep = "always"
"""


def options(pytester: pytest.Pytester, ini: str, *words: str) -> Options:
    """Return what the tool makes of an ini file and a command line."""
    pytester.makepyprojecttoml(ini)
    return read_options(pytester.parseconfig(*words))


def test_the_defaults_assume_nothing(pytester: pytest.Pytester) -> None:
    """Without settings: job.yaml beside the ini file, and the kubeconfig's and manifest's word."""
    found = options(pytester, "[tool.pytest.ini_options]\n")
    assert found.manifest == pytester.path / "job.yaml"
    assert (found.context, found.namespace, found.image) == (None, None, None)
    assert (found.start_timeout, found.keep) == (60.0, Keep.FAILED)


def test_a_project_can_set_everything_once(pytester: pytest.Pytester) -> None:
    """Each ini value is taken, the manifest's path from the root."""
    found = options(pytester, INI)
    assert found.manifest == pytester.path / "ops" / "tests.yaml"
    assert (found.context, found.namespace, found.image) == ("staging", "shop", "shop-tests:3")
    assert (found.start_timeout, found.keep) == (300.0, Keep.ALWAYS)


def test_what_is_typed_goes_before_the_ini_file(pytester: pytest.Pytester) -> None:
    """Each option of the command line outdoes its ini value."""
    words = "--k8s-context=c --k8s-namespace=n --k8s-image=i --k8s-start-timeout=5"
    found = options(pytester, INI, *words.split(), "--k8s-keep=never", "--k8s-manifest=m.yaml")
    assert found.manifest == pytester.path / "m.yaml"
    assert (found.context, found.namespace, found.image) == ("c", "n", "i")
    assert (found.start_timeout, found.keep) == (5.0, Keep.NEVER)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('k8s_job_start_timeout = "soon"', "takes seconds, not 'soon'"),
        ('k8s_job_keep = "maybe"', "takes one of failed, always, never: 'maybe'"),
    ],
)
def test_a_wrong_value_is_a_usage_error(line: str, message: str, pytester: pytest.Pytester) -> None:
    """A value that means nothing is refused in one sentence."""
    with pytest.raises(pytest.UsageError, match=message):
        options(pytester, f"[tool.pytest.ini_options]\n{line}\n")


def test_each_ini_value_is_documented(pytestconfig: pytest.Config) -> None:
    """The pages name every ini value, and none that does not exist."""
    pages = "".join(page.read_text("utf-8") for page in (CHECKOUT / "docs").glob("*.md"))
    known = {name for name in pytestconfig._parser._inidict if name.startswith("k8s_")}
    metrics = {each.name for each in Metrics(list).describe()}
    assert set(re.findall(r"`(k8s_\w+)`", pages)) - metrics == known
