"""Make a model of any LlamaIndex LLM, named by its import path."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from importlib import import_module
from typing import Any

from llama_index.core.llms import LLM, ChatMessage, MessageRole
from pydantic import SecretStr

from footnote.rag.core.errors import ConfigError, GenerationError
from footnote.rag.llm.port import End, Message, Put, without_key
from footnote.rag.llm.window import Limits, Told


class ForeignModel:
    """A model whose vendor's library does the asking, and tries again as it sees fit."""

    def __init__(self, llm: LLM, name: str, *, limits: Limits, key: SecretStr | None):
        self.name = name
        self.context_window = min(limits.context_window, llm.metadata.context_window)
        self.max_tokens = limits.max_tokens
        self._llm = llm
        self._key = key

    def begin(
        self, messages: Sequence[Message], put: Put, *, deadline: float
    ) -> Callable[[], None]:
        """Begin to answer in the background; see `Model`. It stops at the next piece of text."""
        del deadline
        stopped = threading.Event()

        def run() -> None:
            try:
                self._say(messages, put, stopped)
                put(End(complete=False))  # each vendor says in its own way why a model stopped
            except Exception as error:  # whatever a vendor raises
                put(self._failure(error))

        threading.Thread(target=run, name="model", daemon=True).start()
        return stopped.set

    def _say(self, messages: Sequence[Message], put: Put, stopped: threading.Event) -> None:
        asked = [ChatMessage(role=MessageRole(m.role), content=m.content) for m in messages]
        with closing(self._llm.stream_chat(asked)) as stream:
            for response in stream:
                if stopped.is_set():
                    return
                if response.delta:
                    put(response.delta)

    def _failure(self, error: Exception) -> GenerationError:
        status = getattr(error, "status_code", None)
        reason = without_key(f"{type(error).__name__}: {error}", self._key)
        return GenerationError(
            f"failed: {reason}", status=status if isinstance(status, int) else None
        )


def load_foreign(
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
    found = _llm_class(path)
    given = dict(arguments)
    if key:
        given["api_key"] = key.get_secret_value()
    if model:
        given["model"] = model
    try:
        llm = found(**given)
        found_limits = limits(ask=lambda: Told(llm.metadata.context_window))
        return ForeignModel(llm, model or llm.metadata.model_name, limits=found_limits, key=key)
    except Exception as error:  # whatever a vendor raises
        reason = without_key(str(error) or type(error).__name__, key)
        raised = ConfigError(
            f"model {model or path!r} cannot be loaded: {reason}; check `llm` in the settings"
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
