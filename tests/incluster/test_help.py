"""`GET /help`: the service tells what it can do, and it can do what it tells."""

import re

from .client import Api, describe, expect, json_of

OF_A_DATA_SET = {
    ("POST", "/data"),
    ("GET", "/data"),
    ("DELETE", "/data"),
    ("POST", "/jobs"),
    ("GET", "/jobs"),
    ("DELETE", "/jobs"),
    ("GET", "/jobs/<>"),
    ("DELETE", "/jobs/<>"),
    ("GET", "/results/<>"),
    ("GET", "/download/<>"),
}

ROUTES = {
    *OF_A_DATA_SET,
    *((method, f"/datasets/<>{path}") for method, path in OF_A_DATA_SET),
    ("GET", "/datasets"),
    ("GET", "/datasets/<>"),
    ("PUT", "/datasets/<>"),
    ("DELETE", "/datasets/<>"),
    ("GET", "/"),
    ("GET", "/help"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
}


def told_routes(service: Api) -> set[tuple[str, str]]:
    """Method and path of every route in the help, with <> for a variable part."""
    routes = json_of(service.get("/help"))["routes"]
    return {(route["method"], re.sub(r"[<{][^>}]*[>}]", "<>", route["path"])) for route in routes}


def test_help_tells_every_route(service: Api) -> None:
    """Every route of the service stands in the help."""
    missing = ROUTES - told_routes(service)
    assert not missing, f"GET /help does not tell {sorted(missing)}"


def test_help_has_a_line_for_each_route(service: Api) -> None:
    """Every route in the help has a summary of one line, and stands there once."""
    answer = service.get("/help")
    routes = json_of(answer)["routes"]
    for route in routes:
        assert set(route) == {"method", "path", "summary"}, f"{route} in {describe(answer)}"
        assert route["summary"].strip(), f"{route} in {describe(answer)}"
        assert "\n" not in route["summary"], f"{route} in {describe(answer)}"
    names = [(route["method"], route["path"]) for route in routes]
    assert len(names) == len(set(names)), f"told twice: {sorted(names)}"


def test_what_help_tells_is_there(service: Api) -> None:
    """Every route in the help that only reads and names no job answers 200.

    But for the default data set, which may be empty.
    """
    readable = {
        path for method, path in told_routes(service) if method == "GET" and "<" not in path
    }
    assert readable, "the help tells no route that can be read"
    for path in sorted(readable - {"/data"}):
        expect(service.get(path), 200)


def test_api_description_has_every_route(service: Api) -> None:
    """openapi.json is OpenAPI 3 and describes every route but the page itself."""
    answer = service.get("/openapi.json")
    document = json_of(answer)
    assert document.get("openapi", "").startswith("3."), describe(answer)
    described = {
        (method.upper(), re.sub(r"{[^}]*}", "<>", path))
        for path, methods in document["paths"].items()
        for method in methods
    }
    missing = ROUTES - described - {("GET", "/"), ("GET", "/openapi.json")}
    assert not missing, f"GET /openapi.json does not describe {sorted(missing)}"
