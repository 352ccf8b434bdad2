"""What a session's arguments and settings mean for `--sync`."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.sync.needed_plugins import needed_plugins, plugin_words
from pytest_k8s_job.sync.sync_options import SyncOptions, read_sync_options
from pytest_k8s_job.sync.synced_tests import argument_paths, folder_words, gather

pytest_plugins = ["pytester"]


def configured(pytester: pytest.Pytester, *words: str, ini: str = "") -> pytest.Config:
    """Return the session's config in a root with tests in two folders."""
    pytester.makeini(f"[pytest]\n{ini}\n")
    for folder in ("a", "b"):
        (pytester.path / folder).mkdir(exist_ok=True)
        (pytester.path / folder / f"test_{folder}.py").write_text("def test_it(): pass\n")
    return pytester.parseconfig(*words)


def names(paths: list[Path], root: Path) -> list[str]:
    """Return the paths from the root."""
    return [path.relative_to(root).as_posix() for path in paths]


def test_what_is_typed_comes_first(pytester: pytest.Pytester) -> None:
    """Node ids mean their files; the Job's words and testpaths do not count then."""
    config = configured(pytester, "a/test_a.py::test_it", "-k", "b", ini="testpaths = b")
    assert names(argument_paths(config, ["b"]), pytester.path) == ["a/test_a.py"]
    assert folder_words(config, []) == []


def test_then_the_jobs_words_then_testpaths(pytester: pytest.Pytester) -> None:
    """As the pod will choose."""
    config = configured(pytester, ini="testpaths = b")
    assert names(argument_paths(config, ["-v", "a"]), pytester.path) == ["a"]
    assert names(argument_paths(config, ["-v"]), pytester.path) == ["b"]
    assert folder_words(config, []) == []


def test_else_the_folder_that_pytest_was_started_in(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pod is told of it: there, pytest starts in the root."""
    configured(pytester)
    monkeypatch.chdir(pytester.path / "a")
    config = pytester.parseconfig()
    assert config.rootpath == pytester.path
    assert names(argument_paths(config, []), pytester.path) == ["a"]
    assert folder_words(config, []) == ["a"]


def test_pyargs_are_refused(pytester: pytest.Pytester) -> None:
    """What they name is installed, not here."""
    with pytest.raises(UsageError, match="--pyargs"):
        argument_paths(configured(pytester, "--pyargs", "json"), [])


def test_everything_comes_together(pytester: pytest.Pytester) -> None:
    """Files of the arguments, the ini file, plugins beside them, what is included."""
    ini = "addopts = -p nearby\npythonpath = src\nk8s_sync_include = data/*.csv"
    (pytester.path / "nearby.py").write_text("")
    pytester.syspathinsert()
    (pytester.path / "src").mkdir()
    (pytester.path / "src" / "client.py").write_text("")
    (pytester.path / "data").mkdir()
    (pytester.path / "data" / "x.csv").write_text("")
    config = configured(pytester, "a", "--sync", ini=ini)
    (pytester.path / "a" / "test_a.py").write_text("import client\n")
    options = read_sync_options(config)
    assert options is not None
    synced = gather(config, options, [], bare=False)
    assert set(synced.files.files) == {
        "a/test_a.py",
        "tox.ini",
        "nearby.py",
        "src/client.py",
        "data/x.csv",
    }
    assert synced.packages is None
    assert list(plugin_words(config)) == ["nearby"]


def test_an_ini_file_elsewhere_is_refused(pytester: pytest.Pytester) -> None:
    """The pod could not find it under the same path."""
    (pytester.path / "root").mkdir()
    config = configured(pytester, "--rootdir=root", "-c", "tox.ini", "--sync")
    options = read_sync_options(config)
    assert options is not None
    with pytest.raises(UsageError, match=r"the ini file .* lies outside"):
        gather(config, options, [str(pytester.path / "root")], bare=False)


@pytest.mark.parametrize(
    ("words", "ini", "plugin"),
    [
        ((), "timeout = 5", "pytest-timeout"),
        (("--timeout=5",), "", "pytest-timeout"),
        ((), "addopts = --reruns 2", "pytest-rerunfailures"),
        (("--retries", "2"), "", "pytest-rerunfailures"),
    ],
)
def test_plugins_whose_settings_are_used_are_needed(
    words: tuple[str, ...], ini: str, plugin: str, pytester: pytest.Pytester
) -> None:
    """In the ini file or on the command line; others stay here."""
    assert needed_plugins(configured(pytester, *words, ini=ini)) == [plugin]


def test_without_their_settings_no_plugins_are_needed(pytester: pytest.Pytester) -> None:
    """Nor those that are merely installed, nor this tool."""
    assert needed_plugins(configured(pytester, "-v", "--sync", ini="k8s_sync = true")) == []


def options(pytester: pytest.Pytester, *words: str, ini: str = "") -> SyncOptions | None:
    """Return the options of a session."""
    return read_sync_options(configured(pytester, *words, ini=ini))


def test_nothing_is_brought_unless_asked_for(pytester: pytest.Pytester) -> None:
    """By the option or by the ini value."""
    assert options(pytester) is None
    assert options(pytester, "--sync") == SyncOptions((), None, False, "", 8 << 20)
    assert options(pytester, ini="k8s_sync = true") is not None


def test_options_go_before_ini_values(pytester: pytest.Pytester) -> None:
    """A typed file is found from here, one of the ini file from the root."""
    ini = "k8s_sync = true\nk8s_sync_requirements = r.txt\nk8s_sync_python = 3.12"
    found = options(pytester, ini=ini)
    assert found is not None
    assert (found.requirements, found.python) == (pytester.path / "r.txt", "3.12")
    typed = options(pytester, "--sync-requirements=installed", "--sync-python=3.14", ini=ini)
    assert typed is not None
    assert (typed.requirements, typed.installed, typed.python) == (None, True, "3.14")


@pytest.mark.parametrize(
    ("words", "ini", "message"),
    [
        (("--sync-python=three",), "", "takes a version like 3.13, not 'three'"),
        ((), "k8s_sync_limit = much", "takes a number of MiB, not 'much'"),
        ((), "k8s_sync_limit = -1", "takes a number of MiB, not '-1'"),
    ],
)
def test_a_wrong_value_is_a_usage_error(
    words: tuple[str, ...], ini: str, message: str, pytester: pytest.Pytester
) -> None:
    """One sentence with the value."""
    with pytest.raises(pytest.UsageError, match=message):
        options(pytester, "--sync", *words, ini=ini)


def test_sync_alone_is_a_usage_error(pytester: pytest.Pytester) -> None:
    """Tests that run here need no bringing; as an ini value it is a default for others."""
    configured(pytester)
    result = pytester.runpytest_subprocess("--sync")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*add --in-cluster*"])
    configured(pytester, ini="k8s_sync = true")
    assert pytester.runpytest_subprocess().ret == 0
