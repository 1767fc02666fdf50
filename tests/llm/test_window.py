"""How much a model reads at once, asked of servers as they answer, and of such as break."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from footnote.rag.llm.load import load_model
from footnote.rag.llm.port import Message
from footnote.rag.llm.server import Server
from footnote.rag.llm.talk import Reply
from footnote.rag.llm.window import Told, ask_server
from tests.llm.servers import GOOD, KEY, Faults, fault_server, free_port

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
OTHER = {"id": "other", "max_model_len": 1, "context_length": 1, "max_context_length": 1}
LISTED = {"data": [{"id": "small", "object": "model"}, {"id": "other"}]}
OLLAMA = {"/v1/models": LISTED, "/api/show": {"model_info": {"qwen3.context_length": 40960}}}
TRAINED = {"data": [{"id": "small.gguf", "meta": {"n_ctx_train": 131072}}]}


@pytest.fixture
def server() -> Iterator[Faults]:
    with fault_server() as faults:
        yield faults


def served(*entries: object) -> dict[str, object]:
    return {"/v1/models": {"data": [OTHER, *entries]}}


@pytest.mark.parametrize(
    ("listed", "told"),
    [
        pytest.param(served({"id": "small", "max_model_len": 32768}), Told(32768), id="vllm"),
        pytest.param(served({"id": "small", "context_length": 200000}), Told(200000), id="openrouter"),
        pytest.param({"/v1/models": [OTHER, {"id": "small", "context_length": 8192}]}, Told(8192), id="together"),
        pytest.param(served({"id": "small", "context_window": 131072}), Told(131072), id="groq"),
        pytest.param(
            {"/v1/models": TRAINED, "/props": {"default_generation_settings": {"n_ctx": 6144}}},
            Told(6144),
            id="llama-server-which-serves-less-than-was-trained",
        ),
        pytest.param(
            OLLAMA | {"/api/ps": {"models": [{"name": "small:latest", "context_length": 16384}]}},
            Told(16384),
            id="ollama-with-it-loaded",
        ),
        pytest.param(OLLAMA | {"/api/ps": {"models": []}}, Told(4096, is_final=False), id="ollama-before-it-is-loaded"),
        pytest.param(
            OLLAMA | {"/api/show": {"model_info": {}, "parameters": "stop x\nnum_ctx      8192"}},
            Told(8192),
            id="ollama-with-a-settings-file",
        ),
        pytest.param(
            {"/v1/models": LISTED, "/api/v0/models": {"data": [{"id": "small", "max_context_length": 131072, "loaded_context_length": 12000}]}},
            Told(12000),
            id="lm-studio-with-it-loaded",
        ),
        pytest.param(
            {"/v1/models": LISTED, "/api/v0/models": {"data": [{"id": "small", "max_context_length": 131072}]}},
            Told(4096, is_final=False),
            id="lm-studio-before-it-is-loaded",
        ),
        pytest.param({"/v1/models": LISTED}, Told(None), id="openai-which-does-not-say"),
        pytest.param(served({"id": "small", "max_model_len": True, "context_length": -1}), Told(None), id="no-number-of-tokens"),
        pytest.param({"/v1/models": "small"}, Told(None), id="no-list"),
        pytest.param({}, Told(None, is_final=False), id="no-such-path"),
    ],
)  # fmt: skip
def test_a_server_says_how_much_a_model_reads_at_once(
    server: Faults, listed: dict[str, object], told: Told
):
    server.listed = listed
    assert ask_server(Server(server.url("good"), SecretStr(KEY)), "small") == told


@pytest.mark.parametrize("fault", ["hang", "drip", "one-line", "html", "gone"])
def test_one_that_breaks_is_asked_for_two_seconds_and_later_again(server: Faults, fault: str):
    url = server.url(fault) if fault != "gone" else f"http://127.0.0.1:{free_port()}/v1"
    begun = time.monotonic()
    assert ask_server(Server(url, None), "small") == Told(None, is_final=False)
    assert time.monotonic() - begun < 5


def model_at(url: str, **options: Any) -> Any:
    return load_model("openai-compatible", base_url=url, **({"model": "small"} | options))


def test_it_is_asked_once_and_when_it_is_needed(server: Faults):
    server.listed = served({"id": "small", "max_model_len": 32768})
    model = model_at(server.url("good"), strong=True)
    assert server.looked_up == []
    assert [model.context_window for _ in range(3)] == [32768] * 3
    assert server.looked_up == ["/good/v1/models"]
    reply = Reply(model, [Message("user", "Hello?")], timeout_s=9, max_tokens=99)
    assert "".join(reply).strip() == GOOD
    assert server.bodies[-1]["max_tokens"] == 4000
    assert server.looked_up == ["/good/v1/models"]


def test_what_is_set_is_not_asked_for(server: Faults):
    model = model_at(server.url("good"), context_window=999, max_tokens=99, strong=True)
    assert (model.context_window, model.max_tokens) == (999, 99)
    assert server.looked_up == []


def test_the_name_of_a_strong_model_tells_where_its_server_does_not(server: Faults):
    server.listed = {"/v1/models": {"data": [{"id": "openai/gpt-4o"}]}}
    named = {"model": "openai/gpt-4o"}
    assert model_at(server.url("good"), strong=True, **named).context_window == 128000
    # A small one goes on with little: who serves it may have set less than it could read.
    assert model_at(server.url("good"), **named).context_window == 4096


def test_a_question_is_answered_when_the_server_of_the_window_hangs(server: Faults):
    model = model_at(server.url("hang"))
    assert (model.context_window, model.max_tokens) == (4096, 400)
