"""Settings to models: what is missing or wrong is said with the next step, and without the key."""

import time
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.llms import MockLLM
from pydantic import PrivateAttr, SecretStr

from footnote.rag.core.config import load_config
from footnote.rag.core.errors import ConfigError, GenerationError
from footnote.rag.llm.load import load_model
from footnote.rag.llm.port import Message
from footnote.rag.llm.talk import Reply

KEY = "sk-never-shown"


def test_a_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("footnote.rag.llm.local_server.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match=r"pip install 'footnote-papers\[local\]'"):
        load_model("llama.cpp")
    (tmp_path / "small.gguf").write_bytes(b"GGUF")
    with pytest.raises(
        ConfigError, match=r"pip install 'footnote-papers\[local\]', or put llama-server"
    ):
        load_model("llama.cpp", model=str(tmp_path / "small.gguf"))


@pytest.mark.parametrize(
    ("backend", "options", "said"),
    [
        ("gpt", {}, "is none; take none, llama.cpp"),
        ("openai-compatible", {"model": "x"}, "`llm.base_url` is missing"),
        ("openai-compatible", {"base_url": "http://a/v1"}, "`llm.model` names no model"),
        ("openai-compatible", {"model": "x", "base_url": "a.b/v1"}, "is no address"),
        ("ollama", {"model": "x", "base_url": f"http://me:{KEY}@a/v1"}, "holds a password"),
        ("nowhere.to_be:Found", {}, "cannot be imported"),
        ("llama_index.core.llms:Nothing", {}, "has no attribute"),
        ("pathlib:Path", {}, "is not a LlamaIndex LLM"),
        ("json:loads", {}, "is not a LlamaIndex LLM"),
        ("llama_index.core.llms:LLM", {}, "cannot be loaded"),
        ("openai-compatible", {"model": "x", "base_url": f"http://a/v1?key={KEY}"}, "or a query"),
        ("openai-compatible", {"model": "x", "base_url": "http://a:port/v1"}, "is no address"),
        ("openai-compatible", {"model": "x", "base_url": "http://a", "arguments": {"model": "y"}}, "is sent anyway"),
        ("openai-compatible", {"model": "x", "base_url": "http://a", "arguments": {"a": {1}}}, "sent as JSON"),
        ("openai-compatible", {"model": "x", "base_url": "http://a", "api_key": f"{KEY}\u00e9"}, "holds characters"),
        ("openai-compatible", {"model": "x", "base_url": "http://a", "api_key": f"a {KEY}"}, "holds characters"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(backend: str, options: dict[str, Any], said: str):
    key = {"api_key": SecretStr(options.get("api_key", KEY))}
    with pytest.raises(ConfigError, match=said) as caught:
        load_model(backend, **(options | key))
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    "backend", ["subprocess:Popen", "os:system", "tests.rag.llm.test_load:Louder"]
)
def test_what_is_no_llm_is_never_called(backend: str, tmp_path: Path):
    """`llm: {backend: "subprocess:Popen", arguments: …}` in a settings file ran a program."""
    left = tmp_path / "left"
    for arguments in ({"args": ["touch", str(left)]}, {"command": f"touch {left}"}, {"left": left}):
        with pytest.raises(ConfigError):
            load_model(backend, arguments=arguments)
    time.sleep(0.3)
    assert not left.exists()


class Louder:
    """Is no LLM, and shows when it is made."""

    def __init__(self, left: Path):
        left.touch()


def test_a_file_that_is_no_model(tmp_path: Path):
    with pytest.raises(ConfigError, match="there is no file"):
        load_model("llama.cpp", model=str(tmp_path / "none.gguf"))
    (tmp_path / "bad.gguf").write_bytes(b"PK")
    with pytest.raises(ConfigError, match=r"bad\.gguf is no GGUF file"):
        load_model("llama.cpp", model=str(tmp_path / "bad.gguf"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_model("llama.cpp", model=str(tmp_path))


ASKED = [Message("system", "Be brief."), Message("user", "What is Alpha?")]


def test_any_llamaindex_llm_by_its_import_path():
    model = load_model("llama_index.core.llms:MockLLM", arguments={"max_tokens": 3})
    assert model.name == "unknown"
    reply = Reply(model, ASKED, timeout_s=9, max_tokens=9)
    assert "".join(reply) == "text text text"
    assert not reply.complete


class Failing(MockLLM):
    """Fails as vendors' libraries do, with the key in what it says."""

    _key: str = PrivateAttr()

    def __init__(self, api_key: str):
        super().__init__()
        self._key = api_key

    def stream_chat(self, messages: object, **kwargs: object) -> Any:
        error = RuntimeError(f"no: {self._key}\nat all")
        error.status_code = 422  # pyright: ignore[reportAttributeAccessIssue]
        raise error


def test_what_its_vendor_raises_is_said_in_a_line_without_the_key():
    path = f"{Failing.__module__}:Failing"
    model = load_model(path, api_key=SecretStr(KEY))
    with pytest.raises(GenerationError) as caught:
        list(Reply(model, ASKED, timeout_s=9, max_tokens=9))
    assert str(caught.value) == "refused the question (422): no: [key] at all"
    assert caught.value.status == 422
    assert KEY not in repr(model)


def test_the_key_comes_from_the_environment_and_shows_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOOTNOTE_LLM__API_KEY", KEY)
    config = load_config()
    assert config.llm.api_key
    assert config.llm.api_key.get_secret_value() == KEY
    assert KEY not in repr(config) + str(config) + config.model_dump_json()
    file = tmp_path / "with-key.yaml"
    file.write_text(f"llm: {{api_key: {KEY}}}\n")
    with pytest.raises(ConfigError, match="FOOTNOTE_LLM__API_KEY") as caught:
        load_config(file)
    assert KEY not in str(caught.value)
