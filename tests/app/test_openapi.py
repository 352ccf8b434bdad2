"""The description of the API agrees with the API."""

import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from app.api import create_app, describe_routes
from app.settings import Settings
from tests.checkout import CHECKOUT

WEB = CHECKOUT / "app" / "web"


@pytest.fixture
def document(api: FlaskClient) -> dict[str, Any]:
    """What /openapi.json answers."""
    response = api.get("/openapi.json")
    assert response.content_type == "application/json"
    described: dict[str, Any] = response.get_json()
    return described


def check(document: dict[str, Any], schema: str, instance: object) -> None:
    """Hold an answer to the schema of that name."""
    reference = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    OAS31Validator(reference, format_checker=OAS31Validator.FORMAT_CHECKER).validate(instance)


def test_it_is_valid(document: dict[str, Any]) -> None:
    """The description is OpenAPI 3.1."""
    validate(document)
    assert document["openapi"] == "3.1.0"


def test_it_has_every_route_and_no_other(document: dict[str, Any]) -> None:
    """Methods and paths are those of the URL map."""
    described = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    }
    routes = describe_routes(create_app(Settings()))
    assert described == {
        (route["method"], re.sub("<(.*?)>", r"{\1}", route["path"])) for route in routes
    }


def test_a_named_data_set_has_the_routes_of_the_default_one(document: dict[str, Any]) -> None:
    """Below /datasets/{name} each route is described as at the root, but for the name."""
    name = {"$ref": "#/components/parameters/DataSetName"}
    for path in ("/data", "/jobs", "/jobs/{id}", "/results/{id}", "/download/{id}"):
        item, twin = document["paths"][path], document["paths"][f"/datasets/{{name}}{path}"]
        assert twin.pop("parameters") == [name, *item.pop("parameters", [])]
        assert twin.keys() == item.keys()
        for method, operation in twin.items():
            assert operation.pop("operationId") == f"{item[method].pop('operationId')}OfDataSet"
            assert operation["responses"].pop("404")["$ref"].endswith("/NotFound")
            item[method]["responses"].pop("404", None)
            for each in (operation, item[method]):
                each["responses"].get("202", {}).pop("links", None)
        assert twin == item


def test_every_refusal_is_a_problem(document: dict[str, Any]) -> None:
    """Each operation describes its refusals, all in the one shape."""
    for item in document["paths"].values():
        for method, operation in item.items():
            if method == "parameters":
                continue
            for code, response in operation["responses"].items():
                if code < "4":
                    continue
                name = response["$ref"].rpartition("/")[2]
                content = document["components"]["responses"][name]["content"]
                assert list(content) == ["application/problem+json"]
            assert "default" in operation["responses"]


def test_answers_have_the_described_shape(document: dict[str, Any], loaded: FlaskClient) -> None:
    """What the API answers passes the schemas, down to the last member."""
    submitted = loaded.post("/jobs", json={"start": "2012-01-01", "end": "2012-01-02"})
    check(document, "Submitted", submitted.get_json())
    check(document, "Job", loaded.get(submitted.headers["Location"]).get_json())
    check(document, "Jobs", loaded.get("/jobs").get_json())
    check(document, "Help", loaded.get("/help").get_json())
    check(document, "DataSet", loaded.get("/data").get_json())
    check(document, "Health", loaded.get("/readyz").get_json())
    check(document, "Loaded", loaded.post("/data").get_json())
    check(document, "Deleted", loaded.delete("/jobs").get_json())
    refused = loaded.post("/jobs", json={"start": 1, "end": "2012-01-02"})
    check(document, "Problem", refused.get_json())
    check(document, "DataSetSummary", loaded.put("/datasets/a?ttl=9").get_json())
    check(document, "DataSetSummary", loaded.put("/datasets/a").get_json())
    check(document, "DataSets", loaded.get("/datasets").get_json())
    malformed = loaded.post("/data", data="date", content_type="text/csv")
    check(document, "Problem", malformed.get_json())


def test_the_page_loads_nothing_foreign(api: FlaskClient) -> None:
    """Page, script and style come from the service itself and name no other host."""
    page = api.get("/", buffered=True)
    assert page.content_type == "text/html; charset=utf-8"
    for path in re.findall(r'(?:src|href)="(/web/[^"]+)"', page.text):
        assert api.get(path, buffered=True).status_code == 200, path
    for file in WEB.iterdir():
        found = re.findall(r"https?://[^\s\"']+", file.read_text())
        assert set(found) <= {"http://www.w3.org/2000/svg"}, file.name


def test_the_page_needs_no_inline_code(api: FlaskClient) -> None:
    """The content policy forbids inline script and style, so the page has none."""
    page = api.get("/", buffered=True).text
    assert not re.search(r"<style|style=|\son\w+=|<script(?![^>]*src=)", page)


def test_the_description_is_kept_in_one_form() -> None:
    """The file is indented JSON, so that changes read well."""
    text = (WEB.parent / "openapi.json").read_text()
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
