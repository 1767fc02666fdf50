"""Ask any LlamaIndex LLM, through its vendor's library: tried again, stopped, explained."""

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, closing, suppress
from functools import cache
from typing import Any, NamedTuple, Self

from llama_index.core.llms import LLM, ChatMessage, ChatResponse, MessageRole
from pydantic import SecretStr

from footnote.rag.llm.failures import Vendor, explain
from footnote.rag.llm.port import End, Message, Put, Usage
from footnote.rag.llm.window import Limits

_ATTEMPTS = 3
_FIRST_WAIT_S = 0.5
# How Anthropic, Bedrock, Gemini, Mistral and OpenAI say that a model came to its own end.
_OWN_END = frozenset(["end_turn", "stop_sequence", "stop"])
# How LlamaIndex's Gemini says that it did not.
_CUT_OFF = "terminated early: MAX_TOKENS"
# How they say that it had written as much as it may.
_FULL = frozenset(["max_tokens", "length", "model_length", _CUT_OFF.lower()])

Stream = Callable[[list[ChatMessage]], AsyncIterator[ChatResponse]]


class Facts(NamedTuple):
    """What a piece of an answer tells beside its text; None for what it does not tell."""

    reason: str | None = None
    """Why the model stopped, in its vendor's word."""
    tokens_in: int | None = None
    tokens_out: int | None = None


Read = Callable[[ChatResponse], Facts]


class ForeignModel:
    """A model whose vendor's library does the asking."""

    def __init__(
        self,
        name: str,
        stream: Stream,
        read: Read,
        *,
        limits: Limits,
        vendor: Vendor,
        key: SecretStr | None,
    ):
        """Prepare; nothing is asked yet.

        Args:
            name: As a person calls the model.
            stream: Asks it; to leave the iterator ends the call.
            read: Reads what a piece tells beside its text.
            limits: How much it reads and writes.
            vendor: Whom an error names.
            key: Taken out of every error.
        """
        self.name = name
        self._limits = limits
        self._stream = stream
        self._read = read
        self._vendor = vendor
        self._key = key

    @property
    def context_window(self) -> int:
        """Tokens that it reads at once."""
        return self._limits.context_window

    @property
    def max_tokens(self) -> int:
        """Tokens that it writes at most."""
        return self._limits.max_tokens

    def in_form(self, schema: Mapping[str, Any]) -> Self:
        """Return this one: each vendor has another way to ask for a form."""
        del schema
        return self

    def begin(
        self, messages: Sequence[Message], put: Put, *, deadline: float
    ) -> Callable[[], None]:
        """Begin to answer in the background; see `Model`."""

        async def run() -> None:
            try:
                put(await self._answer(messages, put, deadline))
            except Exception as error:  # someone waits for it
                put(error)

        # The loop outlives the call: vendors' libraries keep connections open for the next one.
        future = asyncio.run_coroutine_threadsafe(run(), _loop())

        def stop() -> None:
            future.cancel()

        return stop

    async def _answer(self, messages: Sequence[Message], put: Put, deadline: float) -> End:
        asked = [ChatMessage(role=MessageRole(m.role), content=m.content) for m in messages]
        for attempt in range(_ATTEMPTS):
            answer = _Answer(put, self._read)
            try:
                return await answer.heard(self._stream(asked))
            except Exception as error:  # whatever a vendor raises
                failure = explain(error, self._vendor, self._key, has_said=answer.has_said)
            wait_s = failure.wait_s if failure.wait_s is not None else _FIRST_WAIT_S * 2**attempt
            in_time = time.monotonic() + wait_s < deadline
            if attempt + 1 == _ATTEMPTS or not (failure.retryable and in_time):
                # Outside of the handler: what a vendor raises may hold the key.
                raise failure
            await asyncio.sleep(wait_s)
        raise AssertionError("the last attempt returns or raises")


class _Answer:
    """One answer while it comes."""

    def __init__(self, put: Put, read: Read):
        self._put = put
        self._read = read
        self._told = Facts()
        self.has_said = False

    async def heard(self, stream: AsyncIterator[ChatResponse]) -> End:
        """Pass on the text, and return how it ended."""
        try:
            async for response in stream:
                self._take(response)
        except RuntimeError as error:
            if _CUT_OFF not in str(error):
                raise
            self._told = self._told._replace(reason=_CUT_OFF)
        reason, read, written = self._told
        usage = None if read is None or written is None else Usage(read, written)
        ended = (reason or "").lower()
        return End(ended in _OWN_END, is_full=ended in _FULL, usage=usage)

    def _take(self, response: ChatResponse) -> None:
        if response.delta:
            self.has_said = True
            self._put(response.delta)
        told, before = self._read(response), self._told
        self._told = Facts(
            told.reason or before.reason,
            told.tokens_in or before.tokens_in,
            told.tokens_out or before.tokens_out,
        )


def stream_async(llm: LLM) -> Stream:
    """Return a stream over a library that waits in an event loop, where it can be cancelled."""

    async def stream(asked: list[ChatMessage]) -> AsyncIterator[ChatResponse]:
        pieces: Any = await llm.astream_chat(asked)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    return stream


# What a thread has open, to be shut from another one.
opened: contextvars.ContextVar[list[Any]] = contextvars.ContextVar("opened")


def stream_in_thread(llm: LLM) -> Stream:
    """Return a stream over a library that blocks.

    It ends at the next piece, or at once where what it reads from was put into `opened`.
    """

    async def stream(asked: list[ChatMessage]) -> AsyncIterator[ChatResponse]:
        loop, stopped = asyncio.get_running_loop(), threading.Event()
        said: asyncio.Queue[ChatResponse | Exception | None] = asyncio.Queue()
        lines: list[Any] = []

        def tell(what: ChatResponse | Exception | None) -> None:
            loop.call_soon_threadsafe(said.put_nowait, what)

        def run() -> None:
            opened.set(lines)
            try:
                with closing(llm.stream_chat(asked)) as pieces:
                    for piece in pieces:
                        if stopped.is_set():
                            break
                        tell(piece)
                tell(None)
            except Exception as error:  # whatever a vendor raises
                tell(error)
            finally:
                for line in lines:
                    line.close()

        threading.Thread(target=run, name="model", daemon=True).start()
        try:
            while (piece := await said.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            stopped.set()
            for line in lines:
                with suppress(ValueError, RuntimeError, OSError):  # it has come to its end
                    line.shutdown()

    return stream


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Return the event loop of all such models, which runs as long as the process."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="models", daemon=True).start()
    return loop
