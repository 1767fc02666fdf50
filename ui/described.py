"""Examples of the calls that programs make, for `/docs` and for who reads `/openapi.json`."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import FastAPI


def add_examples(app: FastAPI) -> None:
    """Give each call that an application describes its example of `assets/calls.json`.

    The description is written with this when it is first read, and kept: FastAPI would leave out
    what is null in examples that it is given.
    """
    describe = app.openapi

    @cache
    def openapi() -> dict[str, Any]:
        described = describe()
        known = json.loads(files("footnote.ui").joinpath("assets/calls.json").read_bytes())
        for path, calls in described["paths"].items():
            for method, call in calls.items():
                _add(call, known[f"{method.upper()} {path}"])
        return described

    app.openapi = openapi


def _add(call: dict[str, Any], example: dict[str, Any]) -> None:
    answer = example["response"]
    given = next(each for status, each in call["responses"].items() if status.startswith("2"))
    content = given.setdefault("content", {})
    kind = next(iter(content), "text/plain") if isinstance(answer, str) else "application/json"
    content.setdefault(kind, {})["example"] = answer
    if "request" in example:
        call["requestBody"]["content"]["application/json"]["example"] = example["request"]
    if values := example.get("parameters"):
        said = "; ".join(f"`{name}`: `{value}`" for name, value in values.items())
        call["description"] = f"{call['description']}\n\nFor example {said}."
