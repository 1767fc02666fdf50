"""Load a language model by its settings: a server, llama.cpp, a vendor, any LlamaIndex LLM."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import httpx
from pydantic import SecretStr

from footnote.rag.core.errors import ConfigError
from footnote.rag.llm.client import ServedModel
from footnote.rag.llm.local_server import LocalServer
from footnote.rag.llm.port import Model
from footnote.rag.llm.server import Server
from footnote.rag.llm.window import Auto, Limits, Told, ask_server, window_of_family

_OLLAMA = "http://127.0.0.1:11434/v1"
_VENDORS = ("anthropic", "gemini", "mistral", "azure", "bedrock")
# What each question says already.
_OURS = frozenset(["model", "messages", "stream"])


def load_model(
    backend: str,
    *,
    model: str = "",
    base_url: str | None = None,
    api_key: SecretStr | None = None,
    context_window: int | Auto = "auto",
    max_tokens: int | Auto = "auto",
    temperature: float = 0.0,
    strong: bool = False,
    arguments: Mapping[str, Any] | None = None,
) -> Model:
    """Load the model that a setting names; no server is asked anything yet.

    Args:
        backend: `llama.cpp`, `openai-compatible`, `ollama`, a vendor's name, or
            `package.module:Class`.
        model: A GGUF file for llama.cpp (empty for the bundled one), else the model's name.
        base_url: Where the server is.
        api_key: Sent to the server, and to nothing else.
        context_window: Tokens that the model reads at once; `auto` has its server asked for them
            when they are first needed.
        max_tokens: Tokens of an answer at most; `auto` for what suits the window.
        temperature: 0 for the same answer each time.
        strong: True where the model is to write whole answers, which sets what `auto` means.
        arguments: Options of llama.cpp's server, fields of each question to another one, or what
            a class is made with.

    Raises:
        ConfigError: Something is missing or wrong; the message says what to install or to set.
    """
    more = dict(arguments or {})
    key = _checked_key(api_key)
    limits = partial(Limits, context_window, max_tokens, strong=strong)
    if backend == "llama.cpp":
        return _load_local(model, more, limits, temperature)
    if backend in ("openai-compatible", "ollama"):
        server = Server(_checked_url(base_url or (_OLLAMA if backend == "ollama" else "")), key)
        name, fields = _named(model, backend), _checked_fields(more)
        found = limits(ask=partial(_window, server, name, by_name=strong and backend != "ollama"))
        return _load_served(name, server, fields, found, temperature)
    if ":" in backend or backend in _VENDORS:
        # LlamaIndex takes a while to import, and nothing else here needs it.
        from footnote.rag.llm.vendors import Settings, load_by_path, load_vendor

        if backend in _VENDORS:
            url = _checked_url(base_url) if base_url else None
            found = limits(ask=lambda: Told(window_of_family(model)))
            return load_vendor(backend, Settings(model, url, key, found, temperature), more)
        return load_by_path(backend, model, key=key, limits=limits, arguments=more)
    raise ConfigError(
        f"`llm.backend`: {backend!r} is none; take none, llama.cpp, openai-compatible, ollama, "
        f"{', '.join(_VENDORS)} or package.module:Class"
    )


def _load_local(
    model: str, options: Mapping[str, Any], limits: Callable[..., Limits], temperature: float
) -> ServedModel:
    # As llama-server and llama_cpp.server call it.
    given = options.get("ctx_size") or options.get("n_ctx")
    found = limits(ask=lambda: Told(given if isinstance(given, int) else None))
    child = LocalServer(model, context_window=found.context_window, options=options)
    child.begin()
    # Else llama_cpp.server presses a small model to vary its words, and it invents some.
    plain = {"repeat_penalty": 1.0}
    return ServedModel(
        child.name, child.ready, limits=found, temperature=temperature, arguments=plain
    )


def _load_served(
    name: str, server: Server, fields: Mapping[str, Any], limits: Limits, temperature: float
) -> ServedModel:
    async def known() -> Server:
        return server

    return ServedModel(name, known, limits=limits, temperature=temperature, arguments=fields)


def _window(server: Server, model: str, *, by_name: bool) -> Told:
    """Ask a server for a model's window; by its name where it does not say."""
    told = ask_server(server, model)
    # A small model is sent little, and its server may be set to less than the model could read.
    known = window_of_family(model) if by_name and not told.window else None
    return told._replace(window=known) if known else told


def _named(model: str, backend: str) -> str:
    if model:
        return model
    raise ConfigError(f"`llm.model` names no model; {backend} needs its name")


def _checked_fields(fields: dict[str, Any]) -> dict[str, Any]:
    if ours := sorted(_OURS & set(fields)):
        raise ConfigError(f"`llm.arguments.{ours[0]}` is sent anyway; leave it out")
    try:
        json.dumps(fields, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"`llm.arguments` cannot be sent as JSON: {error}") from error
    return fields


def _checked_url(url: str) -> str:
    if not url:
        raise ConfigError(
            "`llm.base_url` is missing; openai-compatible needs it, such as "
            "http://127.0.0.1:8000/v1"
        )
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ConfigError(f"`llm.base_url` is no address: {error}") from None
    if parts.userinfo or parts.query or parts.fragment:
        raise ConfigError(
            "`llm.base_url` holds a password or a query; give a key as FOOTNOTE_LLM__API_KEY"
        )
    if parts.scheme not in ("http", "https") or not parts.host:
        raise ConfigError(
            f"`llm.base_url`: {url!r} is no address; it begins with http:// or https://"
        )
    return url.rstrip("/")


def _checked_key(key: SecretStr | None) -> SecretStr | None:
    """Return the key without space around it; an error would show what no header can carry."""
    bare = key.get_secret_value().strip() if key else ""
    if not all("!" <= character <= "~" for character in bare):
        raise ConfigError("FOOTNOTE_LLM__API_KEY holds characters that no key has; set it again")
    return SecretStr(bare) if bare else None
