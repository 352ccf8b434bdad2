"""The lists that can drift: commands in the documents, versions in files that repeat them."""

import os
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from deployment import images
from tests.checkout import CHECKOUT

DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/*.md")])
TARGETS = set(re.findall(r"^([a-z0-9-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
# Fenced blocks, indented lines, inline code.
CODE = re.compile(r"^```\w*\n(.*?)^```|^ {4}([^\n]*)$|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
# A command of its own: at the begin of a line, after a prompt, in $() or after another command.
MAKE = re.compile(r"(?:^\s*(?:\$ )?|\$\(|[;&|] *)make((?: +-?[a-z][a-z0-9-]*(?![\w=]))+)")
SUITE_IMPORTS = {"app", "kubernetes", "pytest_k8s_job", "local_cluster", "deployment"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_in_documents_exist(document: Path) -> None:
    """Every `make target` that a document tells the reader to type is a target."""
    unknown = named_targets(document.read_text()) - TARGETS
    assert not unknown, f"the Makefile has no target {', '.join(unknown)}"


def test_make_targets_are_found_in_code_of_any_kind() -> None:
    """Fenced, indented and inline code is read, each target of a line; prose is not."""
    fenced = "```sh\nX=$(make -s one) # make no\n$ make five && make six\n```\n"
    text = f"make this so\n{fenced}\n    make two three A=b\n\nsay `make four`, `to make seven`\n"
    assert named_targets(text) == {"one", "two", "three", "four", "five", "six"}


def named_targets(text: str) -> set[str]:
    """Return the words that follow `make` in the code of a Markdown text."""
    code = CODE.findall(text)
    lines = [line.partition("#")[0] for block in code for line in "".join(block).splitlines()]
    calls = [words for line in lines for words in MAKE.findall(line)]
    return {word for words in calls for word in words.split() if not word.startswith("-")}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_in_documents_lead_somewhere(document: Path) -> None:
    """Every relative link in a document names a file of the repository."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    dead = [link for link in links if not (document.parent / link).exists()]
    assert not dead


def test_every_target_has_help() -> None:
    """`make help` lists every target that a user types: each has its sentence."""
    makefile = (CHECKOUT / "Makefile").read_text()
    phony = set(re.findall(r"^\.PHONY: (\S+)", makefile, re.MULTILINE))
    helped = set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE))
    assert phony - helped == {"chromium", "promtool", "redis-server", "root-needed"}


def test_the_workflow_runs_the_gate() -> None:
    """GitHub's one job checks the repository out and calls `.ci/run`, which can be executed."""
    workflow = yaml.safe_load((CHECKOUT / ".github" / "workflows" / "test.yaml").read_text())
    (job,) = workflow["jobs"].values()
    checkout, gate = job["steps"]
    assert checkout["uses"].startswith("actions/checkout@")
    assert gate["run"].split() == ["sudo", ".ci/run"]
    assert os.access(CHECKOUT / ".ci" / "run", os.X_OK)


def test_one_version_everywhere() -> None:
    """The version of pyproject.toml is the tag in the manifests and of the images."""
    version = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["version"]
    manifests = "".join(path.read_text() for path in (CHECKOUT / "kubernetes").glob("*.yaml"))
    tags = set(re.findall(r"image: weather-[a-z]+:(\S+)", manifests))
    assert tags == {version}
    assert version == images.RELEASE


def test_the_suite_is_a_black_box() -> None:
    """The suite imports neither the service nor a Kubernetes client nor the tool."""
    suite = CHECKOUT / "tests" / "incluster"
    imported = {
        name.split(".")[0]
        for path in suite.rglob("*.py")
        for name in re.findall(r"^(?:from|import) (\S+)", path.read_text(), re.MULTILINE)
    }
    assert "requests" in imported
    assert not imported & SUITE_IMPORTS


def test_locks_carry_hashes_and_no_addresses() -> None:
    """Every locked requirement has a hash; no lock names a package index."""
    for lock in (CHECKOUT / "requirements").glob("*.txt"):
        text = lock.read_text()
        pinned = re.findall(r"^[a-z0-9][^\n]*==[^\n]*\\\n +--hash=sha256:", text, re.MULTILINE)
        assert len(pinned) == len(re.findall(r"^[a-z0-9]\S*==", text, re.MULTILINE)), lock.name
        assert "://" not in text, lock.name
