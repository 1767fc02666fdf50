"""Find out how much a model reads at once: its server says so, or else its name does."""

import asyncio
import json
import queue
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal, NamedTuple

import httpx

from footnote.rag.llm.background import in_background
from footnote.rag.llm.server import Server, bounded, open_client

Auto = Literal["auto"]

_WAIT_S = 2.0
# Until one that did not say is asked again: it may have been started meanwhile.
_AGAIN_S = 5.0
# OpenRouter's list of its models has about one.
_MAX_BYTES = 8_000_000
# As vLLM and SGLang, OpenRouter and Together, Groq, Mistral, Anthropic and LM Studio call it.
_NAMES = (
    "max_model_len",
    "context_length",
    "context_window",
    "max_context_length",
    "max_input_tokens",
)
# What Ollama and LM Studio load a model with where nobody says otherwise.
_USUALLY_LOADED = 4_096
_UNKNOWN_SMALL, _UNKNOWN_STRONG = 4_096, 8_192
# A few sentences; a whole answer, and what a reasoning model thinks before it.
_WRITTEN_SMALL = 400
_WRITTEN_STRONG, _MOST_WRITTEN_STRONG = 1_500, 4_000
_NUM_CTX = re.compile(r"^num_ctx\s+(\d{1,9})\s*$", re.MULTILINE)


class Told(NamedTuple):
    """What a server says of a model's window."""

    window: int | None
    """Tokens; None where it does not say."""
    is_final: bool = True
    """False where it may say another one later."""


class Limits:
    """How much a model reads and writes: as set, or found out when it is first needed."""

    def __init__(
        self,
        context_window: int | Auto = "auto",
        max_tokens: int | Auto = "auto",
        *,
        strong: bool = False,
        ask: Callable[[], Told] = lambda: Told(None),
    ):
        """Note what is set; nothing is asked yet.

        Args:
            context_window: Tokens that the model reads at once, or `auto`.
            max_tokens: Tokens of an answer at most, or `auto`: 400 of a small model, 1,500 to
                4,000 of a strong one, and never more than its window has room for.
            strong: True where it is to write whole answers.
            ask: Asks for the window, in bounded time; called again a while after it told what is
                not final.
        """
        self._window = None if context_window == "auto" else context_window
        self._max_tokens = None if max_tokens == "auto" else max_tokens
        self._strong = strong
        self._ask = ask
        self._lock = Lock()
        self._told = Told(None, is_final=False)
        self._ask_at = 0.0

    @property
    def context_window(self) -> int:
        """Tokens that the model reads at once."""
        if self._window is not None:
            return self._window
        with self._lock:
            if not self._told.is_final and time.monotonic() >= self._ask_at:
                self._told, self._ask_at = self._ask(), time.monotonic() + _AGAIN_S
            return self._told.window or (_UNKNOWN_STRONG if self._strong else _UNKNOWN_SMALL)

    @property
    def max_tokens(self) -> int:
        """Tokens of an answer at most."""
        if self._max_tokens is not None:
            return self._max_tokens
        window = self.context_window
        if not self._strong:
            return min(_WRITTEN_SMALL, window // 4)
        return min(max(_WRITTEN_STRONG, min(_MOST_WRITTEN_STRONG, window // 4)), window // 2)


def ask_server(server: Server, model: str) -> Told:
    """Ask a server how much a model reads at once; it ends within two seconds, whatever it does."""
    said: queue.Queue[Told | Exception] = queue.Queue()
    stop = in_background(_asked(server, model), said.put)
    try:
        told = said.get(timeout=_WAIT_S)
    except queue.Empty:
        told = None
    finally:
        stop()
    return told if isinstance(told, Told) else Told(None, is_final=False)


def window_of_family(model: str) -> int | None:
    """Return how much the models of a family read at once; None for a name that is not known."""
    name = model.lower()
    fitting = [f for f in _families() if re.search(rf"(?<![a-z0-9]){re.escape(f)}", name)]
    return _families()[max(fitting, key=len)] if fitting else None


@cache
def _families() -> dict[str, int]:
    return json.loads(Path(__file__).with_name("windows.json").read_text(encoding="utf-8"))


async def _asked(server: Server, model: str) -> Told:
    root = server.url.removesuffix("/v1")
    async with open_client(server) as client:
        listed = await _read(client, "GET", f"{server.url}/models")
        if listed is None:
            return Told(None, is_final=False)
        if window := _first(_entry(listed, model), *_NAMES):
            return Told(window)
        told = await asyncio.gather(
            _llama_cpp(client, root), _ollama(client, root, model), _lm_studio(client, root, model)
        )
    return next(filter(None, told), Told(None))


async def _llama_cpp(client: httpx.AsyncClient, root: str) -> Told | None:
    said = await _read(client, "GET", f"{root}/props")
    window = _first(_get(said, "default_generation_settings"), "n_ctx")
    return Told(window) if window else None


async def _ollama(client: httpx.AsyncClient, root: str, model: str) -> Told | None:
    """Ask Ollama, which loads a model with less than it could read."""
    shown = await _read(client, "POST", f"{root}/api/show", {"model": model})
    if not isinstance(_get(shown, "model_info"), dict):
        return None
    running = _entry(_get(await _read(client, "GET", f"{root}/api/ps"), "models"), model)
    if window := _first(running, "context_length"):
        return Told(window)
    # Its settings file may say; else it is known once it is loaded.
    said = _NUM_CTX.search(str(_get(shown, "parameters")))
    return Told(int(said[1])) if said else Told(_USUALLY_LOADED, is_final=False)


async def _lm_studio(client: httpx.AsyncClient, root: str, model: str) -> Told | None:
    entry = _entry(await _read(client, "GET", f"{root}/api/v0/models"), model)
    if window := _first(entry, "loaded_context_length"):
        return Told(window)
    most = _first(entry, "max_context_length")
    return Told(min(most, _USUALLY_LOADED), is_final=False) if most else None


async def _read(client: httpx.AsyncClient, method: str, url: str, body: object = None) -> object:
    """Read an answer in JSON; None for any other, and where nothing answers."""
    data = bytearray()
    try:
        async with client.stream(method, url, json=body) as response:
            if not response.is_success:
                return None
            async for piece in bounded(response, _MAX_BYTES):
                data += piece
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    with suppress(ValueError, RecursionError):
        return json.loads(data)
    return None


def _entry(listed: object, model: str) -> object:
    """Return what a list says of a model, or of the only one in it."""
    found = _get(listed, "data") if isinstance(listed, dict) else listed
    entries: list[Any] = found if isinstance(found, list) else []
    named = (e for e in entries if _is_called(e, model))
    return next(named, entries[0] if len(entries) == 1 else None)


def _is_called(entry: object, model: str) -> bool:
    names = {_get(entry, field) for field in ("id", "name", "model") if _is_text(entry, field)}
    return bool(names & {model, f"{model}:latest"})


def _is_text(entry: object, field: str) -> bool:
    return isinstance(_get(entry, field), str)


def _first(entry: object, *names: str) -> int | None:
    """Return the first of the numbers of so many tokens that a model can read, by their names."""
    return next((n for n in _numbers(entry, names) if n > 0), None)


def _numbers(entry: object, names: tuple[str, ...]) -> Iterator[int]:
    for name in names:
        if isinstance(number := _get(entry, name), int) and not isinstance(number, bool):
            yield number


def _get(said: object, name: str) -> object:
    return said.get(name) if isinstance(said, dict) else None
