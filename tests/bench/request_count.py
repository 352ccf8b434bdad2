"""A pytest plugin that leaves, at the end of the process, which requests the API server got.

The file that BENCH_REQUESTS names takes the counts as JSON, by verb and resource. A request is
counted where urllib3 sends it, below the Kubernetes client.
"""

import atexit
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import urllib3

__all__ = ["kind_of"]

PATH = re.compile(
    r"/(?:api/v1|apis/[^/]+/[^/]+)(?:/namespaces/[^/]+)?"
    r"/(?P<resource>[^/]+)(?:/(?P<name>[^/]+))?(?P<part>/[^/]+)?"
)
VERBS = {"POST": "create", "PUT": "update"}

_send = urllib3.HTTPConnectionPool.urlopen
_seen: list[str] = []  # appended to by several threads


def kind_of(method: str, url: str) -> str:
    """Return verb and resource of a request, in Kubernetes' words: `list pods`."""
    address = urlsplit(url)
    match = PATH.fullmatch(address.path)
    if match is None:
        return f"{method.lower()} {address.path}"
    resource = match["resource"] + (match["part"] or "")
    if method != "GET":
        return f"{VERBS.get(method, method.lower())} {resource}"
    if match["name"]:
        return f"get {resource}"
    watched = parse_qs(address.query).get("watch", ["false"])[0] in ("1", "true")
    return f"{'watch' if watched else 'list'} {resource}"


def _counted(
    pool: urllib3.HTTPConnectionPool, method: str, url: str, *args: Any, **more: Any
) -> Any:
    _seen.append(kind_of(method, url))
    return _send(pool, method, url, *args, **more)


def _leave(place: Path) -> None:
    place.write_text(json.dumps(Counter(_seen)))


if place := os.environ.pop("BENCH_REQUESTS", ""):  # removed, so that no child overwrites the file
    urllib3.HTTPConnectionPool.urlopen = _counted  # type: ignore[assignment,method-assign]
    atexit.register(_leave, Path(place))
