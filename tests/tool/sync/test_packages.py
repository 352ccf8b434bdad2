"""Which packages `--sync` brings, from where, and for which Python."""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pytest_k8s_job.errors import UsageError
from pytest_k8s_job.sync.packages import Packages, choose_packages
from pytest_k8s_job.sync.requirements_file import Wanted, read_requirements

HERE = "{}.{}".format(*sys.version_info)
pytestmark = pytest.mark.slow  # pip is a process


def write_wheel(
    folder: Path, name: str, version: str = "1.0", *needs: str, python: str = ""
) -> Path:
    """Write a wheel of pure Python with one module."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    about = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {each}" for each in needs),
        *([f"Requires-Python: {python}"] if python else []),
        "",
    ]
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"version = {version!r}\n")
        archive.writestr(f"{info}/METADATA", "\n".join(about))
        wheel = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{info}/WHEEL", wheel)
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which pip finds wheels, and no others; a cache of our own."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


def choose(*lines: str, python: str = HERE) -> Packages:
    """Return what goes along for these requirements."""
    return choose_packages([Wanted(Requirement(each)) for each in lines], python)


def versions(packages: Packages) -> Mapping[str, str]:
    """Return the versions by name."""
    return {each.name: each.version for each in packages.packages}


def test_pytest_comes_from_what_is_installed_here(index: Path) -> None:
    """Just this version, with all that it needs, for every Python that this tool runs on."""
    found = choose("pytest")
    assert versions(found)["pytest"] == pytest.__version__
    assert set(versions(found)) == {"pytest", "iniconfig", "packaging", "pluggy", "pygments"}
    assert found.pythons == ("3.11", "3.12", "3.13", "3.14")


def test_the_packed_packages_can_be_imported_alone(index: Path, tmp_path: Path) -> None:
    """Sources and metadata, no byte code and no programs; packed once, then kept."""
    archive = choose("pytest").archive()
    with tarfile.open(fileobj=io.BytesIO(archive.data)) as tar:
        names = tar.getnames()
    assert "_pytest/main.py" in names
    assert f"pytest-{pytest.__version__}.dist-info/entry_points.txt" in names
    assert not [each for each in names if each.endswith((".pyc", "direct_url.json", "RECORD"))]
    assert choose("pytest").archive().data == archive.data
    assert list((tmp_path / "cache" / "pytest-k8s-job").glob("packages-*.tar.gz"))


def test_what_is_not_installed_is_downloaded_with_what_it_needs(index: Path) -> None:
    """Pip is asked once: without its wheels a second time finds them again."""
    write_wheel(index, "shopclient", "2.0", "shopwire>=1")
    write_wheel(index, "shopwire", "1.5")
    assert versions(choose("shopclient")) == {"shopclient": "2.0", "shopwire": "1.5"}
    for wheel in index.iterdir():
        wheel.unlink()
    assert versions(choose("shopclient")) == {"shopclient": "2.0", "shopwire": "1.5"}


def test_a_compiled_package_is_replaced_by_its_pure_wheel(index: Path) -> None:
    """The version that is installed here, from pip, if there is such a wheel."""
    from importlib.metadata import version  # noqa: PLC0415

    write_wheel(index, "markupsafe", version("markupsafe"))
    assert versions(choose("MarkupSafe")) == {"markupsafe": version("markupsafe")}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("numpy", r"numpy [\d.]+ has compiled code and no pure wheel"),
        ("no-such-package-anywhere", "there is no pure wheel of no-such-package-anywhere"),
    ],
)
def test_without_a_pure_wheel_the_error_names_the_package(
    name: str, words: str, index: Path
) -> None:
    """And says what to do in its place."""
    with pytest.raises(UsageError, match=words) as error:
        choose(name)
    assert "make an image with it, then --sync on top" in str(error.value)


def test_markers_are_judged_by_the_pods_python(index: Path) -> None:
    """What only another Python needs goes along for that one alone."""
    write_wheel(index, "shop", "1.0", "oldies; python_version < '3.13'", python=">=3.12")
    write_wheel(index, "oldies", "1.0")
    new = choose("shop", python="3.13")
    assert set(versions(new)) == {"shop"}
    assert new.pythons == ("3.13", "3.14")
    old = choose("shop", python="3.12")
    assert set(versions(old)) == {"shop", "oldies"}
    assert old.pythons == ("3.12", "3.13", "3.14")


def test_what_only_other_systems_need_stays_here(index: Path) -> None:
    """Pods run Linux, whatever this machine runs."""
    write_wheel(index, "shop", "1.0", "colors; sys_platform == 'win32'")
    assert set(versions(choose("shop"))) == {"shop"}


def test_extras_bring_what_they_name(index: Path) -> None:
    """Only those that are asked for."""
    write_wheel(index, "shop", "1.0", "fast; extra == 'speed'", "slow; extra == 'other'")
    write_wheel(index, "fast")
    assert set(versions(choose("shop[speed]"))) == {"shop", "fast"}
    assert set(versions(choose("shop"))) == {"shop"}


def test_two_needs_that_cannot_both_be_met_are_named(index: Path) -> None:
    """Better here than an import error in the pod."""
    write_wheel(index, "shop", "1.0", "wire>=2")
    write_wheel(index, "wire", "1.0")
    with pytest.raises(UsageError, match=r"wire>=2 is asked for, and 1\.0 was chosen"):
        choose("wire==1.0", "shop")


def test_this_tool_itself_is_no_package(index: Path) -> None:
    """Its half of the pod goes along in any case."""
    assert versions(choose("pytest-k8s-job")) == {}


def test_a_file_with_hashes_is_checked_by_pip(index: Path, tmp_path: Path) -> None:
    """A wheel with another digest is refused, and so is a need without one."""
    import hashlib  # noqa: PLC0415

    digest = hashlib.sha256(write_wheel(index, "shop").read_bytes()).hexdigest()
    file = tmp_path / "r.txt"
    file.write_text(f"shop==1.0 \\\n    --hash=sha256:{digest}\n")
    assert versions(choose_packages(read_requirements(file), HERE)) == {"shop": "1.0"}
    file.write_text(f"shop==1.0 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(UsageError, match="shop"):
        choose_packages(read_requirements(file), HERE)
    digest = hashlib.sha256(write_wheel(index, "club", "1.0", "shop").read_bytes()).hexdigest()
    file.write_text(f"club==1.0 --hash=sha256:{digest}\n")
    with pytest.raises(UsageError, match="the file has hashes, but none of shop"):
        choose_packages(read_requirements(file), HERE)


def test_requirements_files_are_read_as_pip_reads_them(tmp_path: Path) -> None:
    """Comments, continued lines, markers, files that name files, options of pip."""
    (tmp_path / "more.txt").write_text("b>=1 ; python_version > '3'  # why\n")
    file = tmp_path / "r.txt"
    file.write_text("# head\n--index-url https://example.org\n-r more.txt\na[x]==1.0\n\n")
    found = [str(each.requirement) for each in read_requirements(file)]
    assert found == ['b>=1; python_version > "3"', "a[x]==1.0"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-e .\n", "cannot go along: '-e .'"),
        ("a @ https://example.org/a.whl\n", "named by a URL"),
        ("==1\n", "cannot go along"),
        ("-r r.txt\n", "names itself"),
        (None, "cannot read .*r.txt: No such file"),
    ],
)
def test_a_line_that_cannot_go_along_is_named(
    text: str | None, message: str, tmp_path: Path
) -> None:
    """Each with its file."""
    if text is not None:
        (tmp_path / "r.txt").write_text(text)
    with pytest.raises(UsageError, match=message):
        list(read_requirements(tmp_path / "r.txt"))
