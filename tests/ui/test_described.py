"""The description of the door for programs: each call has an example, and the example is right."""

from typing import Any

import pytest
from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

from footnote.rag.core.config import Config
from footnote.ui.api import doors, open_doors
from footnote.ui.changes import job_doors
from footnote.ui.openai_api import openai_doors
from footnote.ui.watch_api import watch_doors
from tests.ui.serving import client_of

pytestmark = pytest.mark.slow
CALLS = sorted(
    name
    for router in (open_doors, openai_doors, job_doors, watch_doors, doors)
    for route in router.routes
    if isinstance(route, APIRoute) and route.include_in_schema
    for name in (f"{method} {route.path_format}" for method in sorted(route.methods or ()))
)


@pytest.fixture(scope="module")
def description(few_config: Config) -> dict[str, Any]:
    with client_of(few_config) as client:
        return client.get("/openapi.json").json()


@pytest.mark.parametrize("call", CALLS)
def test_a_call_has_an_example_that_fits_its_description(description: dict[str, Any], call: str):
    method, path = call.split()
    operation = description["paths"][path][method.lower()]
    assert operation["description"]
    given = next(status for status in operation["responses"] if status.startswith("2"))
    content = [operation["responses"][given]]
    if method == "POST":
        content.append(operation["requestBody"])
    for each in content:
        json_first = sorted(each["content"], key=lambda kind: kind != "application/json")
        described = each["content"][json_first[0]]
        schema = {**described.get("schema", {}), "components": description["components"]}
        Draft202012Validator(schema).validate(described["example"])
    if "{" in path:
        assert "For example `" in operation["description"]
