"""Five vendors through LlamaIndex's integrations, against servers that speak their protocols."""

import time
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from typing import Any

import pytest
from pydantic import SecretStr

from footnote.rag.core.errors import ConfigError, GenerationError
from footnote.rag.llm.load import load_model
from footnote.rag.llm.port import End, Message, Model, Said, Usage
from footnote.rag.llm.talk import Reply
from tests.llm.protocols import KEY, N_IN, N_OUT, PIECES, Vendors, vendor_server

pytestmark = [
    pytest.mark.slow,
    # The libraries' own, and threads of a server that are left in the middle of a read.
    pytest.mark.filterwarnings("ignore"),
]
MODULES = {
    "anthropic": "anthropic",
    "gemini": "google_genai",
    "mistral": "mistralai",
    "azure": "azure_openai",
    "bedrock": "bedrock_converse",
}


def is_installed(name: str) -> bool:
    try:
        return find_spec(f"llama_index.llms.{MODULES[name]}") is not None
    except ModuleNotFoundError:  # with none of the five there is no `llama_index.llms`
        return False


VENDORS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            not is_installed(name), reason=f"footnote-papers[{name}] is not installed"
        ),
    )
    for name in MODULES
]
each_vendor = pytest.mark.parametrize("name", VENDORS)
ASKED = [Message("system", "Be brief."), Message("user", "What is Alpha?")]
SECRETS = KEY.split(":")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Vendors]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with vendor_server() as vendors:
        yield vendors


def model(name: str, url: str, **options: Any) -> Model:
    bounds = {"context_window": 32_000, "max_tokens": 77, "temperature": 0.3}
    return load_model(
        name, model="small-1", base_url=url, api_key=SecretStr(KEY), **(bounds | options)
    )


def answer(name: str, url: str, timeout_s: float = 20) -> tuple[str, Reply]:
    reply = Reply(model(name, url), ASKED, timeout_s=timeout_s, max_tokens=77)
    return "".join(reply), reply


@each_vendor
def test_an_answer_streams_and_says_that_it_is_whole_and_what_it_took(server: Vendors, name: str):
    said: list[Said] = []
    asked = model(name, server.url("good"))
    asked.begin(ASKED, said.append, deadline=time.monotonic() + 20)
    for _ in range(200):
        if said and not isinstance(said[-1], str):
            break
        time.sleep(0.1)
    assert said == [*PIECES, End(complete=True, usage=Usage(N_IN, N_OUT))]
    assert asked.name == "small-1"
    assert asked.context_window == 32_000
    assert not any(secret in repr(asked) + repr(vars(asked)) for secret in SECRETS)


@each_vendor
def test_what_is_cut_off_at_max_tokens_is_not_complete(server: Vendors, name: str):
    text, reply = answer(name, server.url("cut"))
    assert text.startswith("Alpha keeps blocks on disk [1].")
    assert not reply.complete


@each_vendor
def test_system_text_limits_and_key_go_where_the_vendor_takes_them(server: Vendors, name: str):
    answer(name, server.url("good"))
    [asked] = server.asked
    assert asked.vendor == name
    body, headers = asked.body, asked.headers
    match name:
        case "anthropic":
            assert asked.path == "v1/messages"
            assert body["model"] == "small-1"
            assert "Be brief." in str(body["system"])
            assert [m["role"] for m in body["messages"]] == ["user"]
            assert (body["max_tokens"], body["temperature"]) == (77, 0.3)
            assert headers["x-api-key"] == KEY
        case "gemini":
            assert asked.path.endswith("models/small-1:streamGenerateContent")
            assert asked.query["alt"] == ["sse"]
            assert "Be brief." in str(body["systemInstruction"])
            assert [c["role"] for c in body["contents"]] == ["user"]
            limits = body["generationConfig"]
            assert (limits["maxOutputTokens"], limits["temperature"]) == (77, 0.3)
            assert headers["x-goog-api-key"] == KEY
        case "mistral":
            assert body["model"] == "small-1"
            assert [m["role"] for m in body["messages"]] == ["system", "user"]
            assert (body["max_tokens"], body["temperature"]) == (77, 0.3)
            assert headers["authorization"] == f"Bearer {KEY}"
        case "azure":
            assert asked.path == "openai/deployments/small-1/chat/completions"
            assert asked.query["api-version"] == ["2024-10-21"]
            assert [m["role"] for m in body["messages"]] == ["system", "user"]
            assert (body["max_tokens"], body["temperature"]) == (77, 0.3)
            assert headers["api-key"] == KEY
        case _:
            assert asked.path == "model/small-1/converse-stream"
            assert body["system"] == [{"text": "Be brief."}]
            assert [m["role"] for m in body["messages"]] == ["user"]
            assert body["inferenceConfig"] == {"maxTokens": 77, "temperature": 0.3}
            assert f"Credential={SECRETS[0]}/" in headers["authorization"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("401", "FOOTNOTE_LLM__API_KEY"),
        ("404", "is not known to"),
        ("429", "is asked too often (429); ask again in 70 seconds"),
        ("503", "is overloaded"),
        ("too-long", "lower `llm.context_window`"),
    ],
)
@each_vendor
def test_a_refusal_says_what_to_do_without_the_key(
    server: Vendors, name: str, fault: str, said: str
):
    with pytest.raises(GenerationError) as caught:
        answer(name, server.url(fault))
    assert said in str(caught.value)
    assert not any(secret in str(caught.value) for secret in SECRETS)
    assert caught.value.__context__ is None
    assert len(server.asked) == (3 if fault == "503" else 1)


@each_vendor
def test_a_limit_that_passes_is_waited_for(server: Vendors, name: str):
    begun = time.monotonic()
    text, _ = answer(name, server.url("429-once"))
    assert text == "".join(PIECES)
    assert time.monotonic() - begun >= 1
    assert len(server.asked) == 2


@each_vendor
def test_a_call_that_hangs_ends_in_time(server: Vendors, name: str):
    begun = time.monotonic()
    with pytest.raises(GenerationError, match="did not answer in time"):
        answer(name, server.url("hang"), timeout_s=1.5)
    assert time.monotonic() - begun < 4


@pytest.mark.parametrize("how", ["endless", "silent"])
@each_vendor
def test_stopping_closes_the_connection(server: Vendors, name: str, how: str):
    reply = Reply(model(name, server.url(how)), ASKED, timeout_s=20, max_tokens=77)
    with closing(iter(reply)) as pieces:
        assert next(piece for piece in pieces if piece) == PIECES[0]
    for _ in range(50):
        if server.left[name]:
            return
        time.sleep(0.1)
    raise AssertionError("the connection is still open")


@each_vendor
def test_a_stream_that_breaks_off_is_said_to_be(server: Vendors, name: str):
    with pytest.raises(GenerationError, match="cut off"):
        answer(name, server.url("dropped"))
    assert len(server.asked) == 1


@each_vendor
def test_nothing_listens(server: Vendors, name: str):
    with pytest.raises(GenerationError, match=r"nothing answers for \w+; check `llm.base_url`"):
        answer(name, "http://127.0.0.1:9/x")


@each_vendor
def test_a_second_question_is_answered_too(server: Vendors, name: str):
    """Connections that a library keeps belong to the event loop of the first question."""
    asked = model(name, server.url("good"))
    for _ in range(2):
        assert "".join(Reply(asked, ASKED, timeout_s=20, max_tokens=77)) == "".join(PIECES)


@pytest.mark.parametrize("name", list(MODULES))
def test_a_missing_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch):
    def missing(path: str) -> None:
        raise ImportError(path)

    monkeypatch.setattr("footnote.rag.llm.vendors.import_module", missing)
    with pytest.raises(ConfigError, match=rf"pip install 'footnote-papers\[{name}\]'"):
        model(name, "http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("anthropic", {"model": ""}, "names no model"),
        ("gemini", {"api_key": None}, "FOOTNOTE_LLM__API_KEY is not set"),
        ("azure", {"base_url": None}, "`llm.base_url` is missing"),
    ],
)
def test_what_is_missing_is_said(name: str, options: dict[str, Any], said: str):
    given = {"model": "small-1", "api_key": SecretStr(KEY), "base_url": "http://a"} | options
    with pytest.raises(ConfigError, match=said):
        load_model(name, **given)
