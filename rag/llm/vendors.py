"""Make a model of a LlamaIndex LLM: of five vendors by their names, of any by its import path."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import httpx
from llama_index.core.llms import LLM, ChatResponse, LLMMetadata
from pydantic import SecretStr

from footnote.rag.core.errors import ConfigError
from footnote.rag.llm.failures import Vendor
from footnote.rag.llm.foreign import (
    Facts,
    ForeignModel,
    Read,
    Stream,
    opened,
    stream_async,
    stream_in_thread,
)
from footnote.rag.llm.port import without_key
from footnote.rag.llm.window import Limits, Told

# The deadline of a call ends it; a library's own is not to come before that.
_LONG_S = 600
_CONNECT_S = 30
_AZURE_VERSION = "2024-10-21"


class Settings(NamedTuple):
    """What is set for a vendor's model."""

    model: str
    base_url: str | None
    key: SecretStr | None
    limits: Limits
    temperature: float

    @property
    def context_window(self) -> int:
        """Tokens that the model reads at once."""
        return self.limits.context_window

    @property
    def max_tokens(self) -> int:
        """Tokens that it writes at most."""
        return self.limits.max_tokens

    @property
    def secret(self) -> str | None:
        """Return the key as it is sent."""
        return self.key.get_secret_value() if self.key else None


class _Integration(NamedTuple):
    """How a vendor's LLM is made and read."""

    path: str
    arguments: Callable[[Settings], dict[str, Any]]
    read: Read
    stream: Callable[[LLM], Stream] = stream_async
    key: str = "FOOTNOTE_LLM__API_KEY"
    needs_address: bool = False


def load_vendor(name: str, settings: Settings, arguments: Mapping[str, Any]) -> ForeignModel:
    """Make the model of a vendor in `VENDORS`; nobody is asked anything yet.

    Raises:
        ConfigError: Its extra is not installed, or something is missing or wrong.
    """
    vendor = VENDORS[name]
    if not settings.model:
        raise ConfigError(f"`llm.model` names no model; {name} needs its name")
    if vendor.needs_address and not settings.base_url:
        raise ConfigError(f"`llm.base_url` is missing; {name} needs the address of your resource")
    if not settings.key and vendor.key == "FOOTNOTE_LLM__API_KEY":
        raise ConfigError(f"FOOTNOTE_LLM__API_KEY is not set; {name} needs a key")
    try:
        found = _llm_class(vendor.path)
    except ConfigError:
        raise ConfigError(
            f"`llm.backend: {name}` is not installed; pip install 'footnote-papers[{name}]'"
        ) from None
    found = _knowing(found, settings)
    llm = _made(found, vendor.arguments(settings) | dict(arguments), settings.model, settings.key)
    return ForeignModel(
        settings.model,
        vendor.stream(llm),
        vendor.read,
        limits=settings.limits,
        vendor=Vendor(name, vendor.key),
        key=settings.key,
    )


def load_by_path(
    path: str,
    model: str,
    *,
    key: SecretStr | None,
    limits: Callable[..., Limits],
    arguments: Mapping[str, Any],
) -> ForeignModel:
    """Make the LLM that `package.module:Class` names.

    Args:
        path: The class.
        model: Which of its models; empty for the one it takes by itself.
        key: Of its vendor.
        limits: Makes the limits of the settings, with `ask` for a window that they leave open.
        arguments: What the class is made with.

    Raises:
        ConfigError: There is no such class, it is no LLM, or it cannot be made.
    """
    given = dict(arguments)
    if key:
        given["api_key"] = key.get_secret_value()
    if model:
        given["model"] = model
    llm = _made(_llm_class(path), given, model or path, key)
    return ForeignModel(
        model or llm.metadata.model_name,
        stream_in_thread(llm),
        lambda _: Facts(),
        limits=limits(ask=lambda: Told(llm.metadata.context_window)),
        vendor=Vendor(path.rpartition(":")[2]),
        key=key,
    )


def _knowing(found: type[LLM], settings: Settings) -> type[LLM]:
    """Return a class that believes the settings; a vendor's own fails at names of newer models."""
    metadata = LLMMetadata(
        context_window=settings.context_window,
        num_output=settings.max_tokens,
        is_chat_model=True,
        model_name=settings.model,
    )
    return type(found.__name__, (found,), {"metadata": property(lambda _: metadata)})


def _made(found: type[LLM], given: dict[str, Any], name: str, key: SecretStr | None) -> LLM:
    try:
        return found(**given)
    except Exception as error:  # whatever a vendor raises
        reason = without_key(str(error) or type(error).__name__, key)
        raised = ConfigError(
            f"model {name!r} cannot be loaded: {reason}; check `llm` in the settings"
        )
    # Outside of the handler: a traceback of the cause may hold the key.
    raise raised


def _llm_class(path: str) -> type[LLM]:
    """Import what a path names, if it is a class of LLMs; anything else would be run."""
    module, _, name = path.partition(":")
    try:
        found: object = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"model backend {path!r} cannot be imported: {error}; check `llm.backend`"
        ) from None
    if isinstance(found, type) and issubclass(found, LLM):
        return found
    raise ConfigError(f"`llm.backend`: {path!r} is not a LlamaIndex LLM; name a class of one")


def _anthropic(settings: Settings) -> dict[str, Any]:
    return _bounds(settings) | {
        "base_url": settings.base_url,
        "api_key": settings.secret,
        "timeout": _LONG_S,
        "max_retries": 0,
    }


def _gemini(settings: Settings) -> dict[str, Any]:
    return _bounds(settings) | {
        "api_key": settings.secret,
        "context_window": settings.context_window,
        "http_options": {
            "base_url": settings.base_url,
            "timeout": _LONG_S * 1000,
            # Else it takes aiohttp, whose errors are its own.
            "httpx_async_client": httpx.AsyncClient(timeout=_LONG_S),
        },
        "max_retries": 0,
        "file_mode": "inline",
    }


def _mistral(settings: Settings) -> dict[str, Any]:
    return _bounds(settings) | {
        "endpoint": settings.base_url,
        "api_key": settings.secret,
        "timeout": _LONG_S,
        "max_retries": 0,
    }


def _azure(settings: Settings) -> dict[str, Any]:
    return _bounds(settings) | {
        # The library looks up what it knows of this name; the deployment is what is asked.
        "model": "gpt-4o",
        "engine": settings.model,
        "azure_endpoint": settings.base_url,
        "api_version": _AZURE_VERSION,
        "api_key": settings.secret,
        "timeout": _LONG_S,
        "max_retries": 0,
        "additional_kwargs": {"stream_options": {"include_usage": True}},
    }


def _bedrock(settings: Settings) -> dict[str, Any]:
    from botocore.config import Config  # pyright: ignore[reportMissingImports]

    # One attempt: the library's own would come on top of ours.
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=_CONNECT_S,
        read_timeout=_LONG_S,
    )
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    keys = dict(zip(names, (settings.secret or "").split(":", 2), strict=False))
    return (
        _bounds(settings)
        | {"endpoint_url": settings.base_url, "botocore_config": config, "max_retries": 1}
        | (keys if settings.key else {})
    )


def _bounds(settings: Settings) -> dict[str, Any]:
    return {
        "model": settings.model,
        "max_tokens": settings.max_tokens,
        "temperature": settings.temperature,
    }


def _read_anthropic(response: ChatResponse) -> Facts:
    more = response.message.additional_kwargs
    usage = more.get("usage") or {}
    return Facts(more.get("stop_reason"), usage.get("input_tokens"), usage.get("output_tokens"))


def _read_gemini(response: ChatResponse) -> Facts:
    raw: Any = response.raw
    usage, reason = raw.get("usage_metadata") or {}, raw.get("finish_reason")
    return Facts(
        reason.value if reason else None,
        usage.get("prompt_token_count"),
        usage.get("candidates_token_count"),
    )


def _read_openai(response: ChatResponse) -> Facts:
    raw: Any = response.raw
    raw = getattr(raw, "data", raw)  # Mistral's lies in an event
    choices, usage = getattr(raw, "choices", None), getattr(raw, "usage", None)
    return Facts(
        choices[0].finish_reason if choices else None,
        getattr(usage, "prompt_tokens", None),
        getattr(usage, "completion_tokens", None),
    )


def _read_bedrock(response: ChatResponse) -> Facts:
    raw: Any = response.raw
    last = raw.get("metadata", {})
    usage = last.get("usage") or {}
    return Facts(last.get("stopReason"), usage.get("inputTokens"), usage.get("outputTokens"))


def _stream_bedrock(llm: LLM) -> Stream:
    client: Any = llm._client  # pyright: ignore[reportAttributeAccessIssue, reportPrivateUsage]

    def keep(http_response: object, parsed: dict[str, Any], **_: object) -> None:
        opened.get([]).append(http_response.raw)  # pyright: ignore[reportAttributeAccessIssue]
        if "stream" in parsed:
            parsed["stream"] = _with_reason(parsed["stream"])

    client.meta.events.register("after-call.bedrock-runtime.ConverseStream", keep)
    return stream_in_thread(llm)


def _with_reason(events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Say why the model stopped in the last event too: LlamaIndex leaves out the one before."""
    reason = None
    for event in events:
        reason = event.get("messageStop", {}).get("stopReason", reason)
        if "metadata" in event:
            event["metadata"]["stopReason"] = reason
        yield event


_AWS_KEY = "FOOTNOTE_LLM__API_KEY or AWS's own credentials"
VENDORS: Mapping[str, _Integration] = {
    "anthropic": _Integration("llama_index.llms.anthropic:Anthropic", _anthropic, _read_anthropic),
    "gemini": _Integration("llama_index.llms.google_genai:GoogleGenAI", _gemini, _read_gemini),
    "mistral": _Integration("llama_index.llms.mistralai:MistralAI", _mistral, _read_openai),
    "azure": _Integration(
        "llama_index.llms.azure_openai:AzureOpenAI", _azure, _read_openai, needs_address=True
    ),
    "bedrock": _Integration(
        "llama_index.llms.bedrock_converse:BedrockConverse",
        _bedrock,
        _read_bedrock,
        stream=_stream_bedrock,
        key=_AWS_KEY,
    ),
}
