"""Which files `--sync` brings, and which it leaves here."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.sync.chosen_files import ChosenFiles


def write(root: Path, *names: str, **texts: str) -> None:
    """Write empty files, and those of `texts`, whose names have __ for / and no suffix."""
    sources = {name.replace("__", "/") + ".py": text for name, text in texts.items()}
    for name, text in {**dict.fromkeys(names, ""), **sources}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def chosen(root: Path, *arguments: str, include: tuple[str, ...] = ()) -> ChosenFiles:
    """Return what goes along for these arguments."""
    files = ChosenFiles(root)
    files.add_arguments(root / each for each in arguments)
    files.add_included(include)
    files.add_needed([])
    return files


def test_a_folder_goes_whole_with_the_conftests_above_it(tmp_path: Path) -> None:
    """Data beside tests goes along, other folders stay."""
    write(tmp_path, "conftest.py", "a/conftest.py", "a/b/test_x.py", "a/b/data.csv", "c/test_y.py")
    found = chosen(tmp_path, "a/b")
    assert set(found.files) == {"conftest.py", "a/conftest.py", "a/b/test_x.py", "a/b/data.csv"}
    assert found.whole == {"a/b"}


def test_of_a_file_only_what_it_needs(tmp_path: Path) -> None:
    """A file brings its conftest and packages, not its neighbours."""
    write(tmp_path, "t/__init__.py", "t/test_x.py", "t/test_y.py", "t/conftest.py")
    assert set(chosen(tmp_path, "t/test_x.py").files) == {
        "t/__init__.py",
        "t/test_x.py",
        "t/conftest.py",
    }


def test_imports_are_followed(tmp_path: Path) -> None:
    """Modules, packages, relative imports and plugins that lie here go along, with their own."""
    write(
        tmp_path,
        "pkg/__init__.py",
        "pkg/deep/__init__.py",
        "pkg/deep/data.json",
        "pkg/unused.py",
        "plugin_here.py",
        "only_named.py",
        t__test_x="import json\nimport helper\nfrom pkg import deep\nfrom . import near\n",
        t__near="from .far import name\n",
        t__far="name = 1\n",
        t__helper="",
        t__conftest="pytest_plugins = ['plugin_here']\n",
    )
    (tmp_path / "t" / "__init__.py").touch()
    write(tmp_path, helper="import requests")
    found = set(chosen(tmp_path, "t/test_x.py").files)
    assert {"helper.py", "pkg/deep/data.json", "t/near.py", "t/far.py", "plugin_here.py"} <= found
    assert not {"pkg/unused.py", "only_named.py", "t/helper.py"} & found


def test_a_source_that_is_no_python_goes_as_it_is(tmp_path: Path) -> None:
    """Pytest in the pod says what is wrong with it."""
    write(tmp_path, test_x="def (\n", test_y="x = 'a\0b'\n")
    assert set(chosen(tmp_path, ".").files) == {"test_x.py", "test_y.py"}


def test_what_gitignore_names_stays_here(tmp_path: Path) -> None:
    """The files of all folders count, up to the top of the repository; `!` takes back."""
    (tmp_path / ".git").mkdir()
    (tmp_path / ".gitignore").write_text("*.log\nout/\n")
    root = tmp_path / "service"
    write(root, "t/test_x.py", "t/a.log", "t/out/b", "t/keep.log", "t/local.txt")
    (root / "t" / ".gitignore").write_text("!keep.log\nlocal.txt\n")
    assert set(chosen(root, "t").files) == {"t/test_x.py", "t/keep.log", "t/.gitignore"}


def test_an_ignored_module_that_tests_import_is_named(tmp_path: Path) -> None:
    """It stays here, a line says so, and the ini value brings it."""
    write(tmp_path, "_version.py", test_x="import _version\n")
    (tmp_path / ".gitignore").write_text("_version.py\n")
    found = chosen(tmp_path, "test_x.py")
    assert set(found.files) == {"test_x.py"}
    assert "k8s_sync_include" in found.left_out["_version.py"]
    included = chosen(tmp_path, "test_x.py", include=("_version.py",))
    assert set(included.files) == {"test_x.py", "_version.py"}
    assert included.left_out == {}


def test_caches_and_virtualenvs_stay_here(tmp_path: Path) -> None:
    """Whatever a virtualenv is called, it has a pyvenv.cfg."""
    write(
        tmp_path,
        "test_x.py",
        "__pycache__/x.pyc",
        ".git/config",
        "myenv/pyvenv.cfg",
        "myenv/lib/x.py",
        ".venv/y.py",
        "node_modules/z.js",
    )
    assert set(chosen(tmp_path, ".").files) == {"test_x.py"}


@pytest.mark.parametrize("name", [".env", ".env.local", "server.pem", "id_rsa", "ID_ED25519"])
def test_a_secret_looking_file_is_left_out_and_said(name: str, tmp_path: Path) -> None:
    """Unless it is included by its name: a pattern does not bring it."""
    write(tmp_path, "test_x.py", f"t/{name}")
    found = chosen(tmp_path, ".")
    assert set(found.files) == {"test_x.py"}
    assert "looks secret" in found.left_out[f"t/{name}"]
    assert f"t/{name}" not in chosen(tmp_path, "test_x.py", include=("t/*",)).files
    named = chosen(tmp_path, ".", include=(f"t/{name}",))
    assert f"t/{name}" in named.files
    assert named.left_out == {}


def test_a_source_is_no_secret(tmp_path: Path) -> None:
    """`id_*` means keys, not modules."""
    write(tmp_path, "id_generator.py")
    assert set(chosen(tmp_path, ".").files) == {"id_generator.py"}


def test_links_are_never_followed_out_of_the_tree(tmp_path: Path) -> None:
    """Files and folders outside are left out and said; links within are files like others."""
    write(tmp_path, "outside/secret.txt", "root/t/test_x.py", "root/data/real.txt")
    root = tmp_path / "root"
    (root / "t" / "file").symlink_to(tmp_path / "outside" / "secret.txt")
    (root / "t" / "folder").symlink_to(tmp_path / "outside")
    (root / "t" / "relative").symlink_to("../../outside")
    (root / "t" / "nothing").symlink_to("absent")
    (root / "t" / "inner").symlink_to("../data/real.txt")
    (root / "t" / "loop").symlink_to("..")
    found = chosen(root, "t")
    assert {"t/test_x.py", "t/inner", "t/loop/data/real.txt"} <= set(found.files)
    assert not any("secret" in name for name in found.files)
    assert set(found.left_out) >= {"t/file", "t/folder", "t/relative", "t/nothing"}


def test_an_argument_that_leads_out_is_refused(tmp_path: Path) -> None:
    """Named as a link, through a linked folder, or by dots: the file is not taken."""
    write(tmp_path, "outside/test_x.py", "root/test_y.py")
    root = tmp_path / "root"
    (root / "linked").symlink_to(tmp_path / "outside")
    with pytest.raises(UsageError, match="outside of pytest's root directory"):
        chosen(root, "../outside/test_x.py")
    with pytest.raises(UsageError, match="a link out of the tree"):
        chosen(root, "linked/test_x.py")
    with pytest.raises(UsageError, match=r"there is no .*absent"):
        chosen(root, "absent.py")


def test_what_is_no_file_is_left_out(tmp_path: Path) -> None:
    """A pipe would never end."""
    write(tmp_path, "t/test_x.py")
    os.mkfifo(tmp_path / "t" / "pipe")
    found = chosen(tmp_path, "t")
    assert found.left_out == {"t/pipe": "neither file nor folder"}
    with pytest.raises(UsageError, match="neither file nor folder"):
        chosen(tmp_path, "t/pipe")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("/etc/*", "below the root"), ("../x", "below the root"), ("no*thing", "matches nothing")],
)
def test_a_wrong_include_is_refused(pattern: str, message: str, tmp_path: Path) -> None:
    """Each is named with what is wrong."""
    with pytest.raises(UsageError, match=message):
        chosen(tmp_path, include=(pattern,))


Nobody = Callable[[], AbstractContextManager[None]]


def test_an_unreadable_folder_is_named(tmp_path: Path, nobody: Nobody) -> None:
    """Half of the tests would run otherwise."""
    write(tmp_path, "t/test_x.py", "t/closed/test_y.py")
    (tmp_path / "t" / "closed").chmod(0)
    message = r"cannot read the folder .*/t/closed: Permission denied"
    with nobody(), pytest.raises(UsageError, match=message):
        chosen(tmp_path, "t")
    (tmp_path / "t" / "closed").chmod(0o755)
