"""Published schemas of pipelines, from a package that `make recipes` installs beside the others."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from jsonschema.validators import validator_for

from tests.checkout import CHECKOUT

__all__ = ["SCHEMAS", "faults", "read"]

SCHEMAS = CHECKOUT / "build" / "recipes" / "check_jsonschema" / "builtin_schemas" / "vendor"
BOOLEAN = "tag:yaml.org,2002:bool"


class _Loader(yaml.SafeLoader):
    """Reads `on:` as the text that GitHub means, and not as a truth value."""

    yaml_implicit_resolvers = {  # noqa: RUF012 (as in its base class)
        first: [(tag, pattern) for tag, pattern in pairs if tag != BOOLEAN]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read(path: Path) -> Any:
    """Return the content of a pipeline's YAML."""
    return yaml.load(path.read_text(), _Loader)  # noqa: S506 (a safe loader)


def faults(content: Any, schema: str, folder: Path = SCHEMAS) -> Iterator[str]:
    """Yield in what a pipeline does not follow the schema of this name."""
    rules = json.loads((folder / f"{schema}.json").read_text())
    for error in validator_for(rules)(rules).iter_errors(content):
        yield f"{error.json_path}: {error.message}"
