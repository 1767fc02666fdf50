"""Calls of all kinds that the description of the door for programs allows, and some it does not."""

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from footnote.ui.connections import Hurried
from tests.ui.serving import client_of, made_index

pytestmark = pytest.mark.slow
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The description of a server in this process, which may write and asks nobody else."""
    folder = tmp_path_factory.mktemp("fuzzed")
    config = made_index(folder)
    nowhere = {"url": "http://127.0.0.1:9", "interval_s": 0.0}
    sources = config.sources.model_validate(
        config.sources.model_dump() | {"arxiv": nowhere, "huggingface": nowhere, "attempts": 1}
    )
    asked = config.model_copy(update={"sources": sources})
    app = client_of(asked, reports=folder / "reports").app
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, http=Hurried))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    schema = schemathesis.openapi.from_dict(httpx.get(f"{url}/openapi.json").json())
    schema.config.update(base_url=url)
    yield schema
    server.should_exit = True
    thread.join(60)


MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]


@pytest.mark.parametrize("mode", MODES, ids=["allowed", "not allowed"])
def test_no_call_is_answered_with_500_or_otherwise_than_described(api: Any, mode: GenerationMode):
    faults: dict[str, str] = {}
    for found in api.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=15,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            database=None,
            derandomize=True,
        )
        @given(operation.as_strategy(generation_mode=mode))
        def call(case: Any):
            case.call_and_validate(checks=CHECKS, timeout=60)

        try:
            with suppress(Unsatisfiable):  # nothing of it could be wrong
                call()
        except (Exception, BaseExceptionGroup) as error:
            faults[operation.label] = str(error)
    assert not faults, "\n".join(faults.values())
