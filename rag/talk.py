"""One call of a language model that ends in time, whatever the model or its server does."""

import queue
import socket
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from typing import Any, NamedTuple

from llama_index.core.llms import ChatMessage, ChatResponse
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from rag.errors import GenerationError
from rag.llm import Model

_ATTEMPTS = 3
_FIRST_WAIT_S = 0.5
_TICK_S = 1.0
# A token is hardly longer; servers may send several at once.
_CHARS_A_TOKEN = 16


class Fault(NamedTuple):
    """What went wrong with a call."""

    reason: str
    """Goes on after the name of the model: `did not answer in time`."""
    passing: bool = False
    """Whether the same call may succeed in a moment."""
    retry_after_s: float | None = None
    """How long the server asks to be left alone."""


class _End(NamedTuple):
    complete: bool
    """False when the model was cut off by a bound on its length."""


class Reply:
    """What the model says, piece by piece; iterate once, and close it to stop the model."""

    def __init__(
        self, model: Model, messages: Sequence[ChatMessage], *, timeout_s: float, max_tokens: int
    ):
        self._model = model
        self._messages = list(messages)
        self._begun = time.monotonic()
        self._deadline = self._begun + timeout_s
        self._max_tokens = max_tokens
        self.first_token_s: float | None = None
        self.n_tokens = 0
        self.complete = False
        """Whether the model came to its own end."""
        self._last_s = 0.0

    def __iter__(self) -> Generator[str]:
        """The text as it arrives, and an empty one each second in which none does.

        Raises:
            GenerationError: The model cannot be reached, fails, says nothing, or takes too long.
        """
        worker, item = yield from self._begin()
        try:
            while isinstance(item, str):
                self._last_s = time.monotonic() - self._begun
                self.first_token_s = self.first_token_s or self._last_s
                self.n_tokens += 1
                yield item
                item = yield from self._next(worker)
        finally:
            worker.stop()
        self.complete = item.complete
        if not self.n_tokens:
            raise GenerationError("gave an empty answer")

    @property
    def tokens_per_s(self) -> float | None:
        """Speed after the first token, counting a piece as one; None for less than two."""
        if self.first_token_s is None or self.n_tokens < 2 or self._last_s <= self.first_token_s:
            return None
        return (self.n_tokens - 1) / (self._last_s - self.first_token_s)

    def _begin(self) -> "Generator[str, None, tuple[_Worker, str | _End]]":
        """A worker and what it brought first; only what has not begun is tried again."""
        for attempt in Retrying(
            stop=stop_after_attempt(_ATTEMPTS),
            retry=retry_if_exception(self._worth_another_try),
            wait=_wait,
            reraise=True,
        ):
            with attempt:
                worker = _Worker(self._model, self._messages, self._max_tokens)
                try:
                    item = yield from self._next(worker)
                except BaseException:
                    worker.stop()
                    raise
                return worker, item
        raise AssertionError("tenacity raises what it does not try again")

    def _next(self, worker: "_Worker") -> "Generator[str, None, str | _End]":
        """The next piece; meanwhile whoever listens hears every second that nothing has come."""
        while (left_s := self._deadline - time.monotonic()) > 0:
            item = worker.take(min(left_s, _TICK_S))
            if isinstance(item, Fault):
                raise _FailedError(item)
            if item is not None:
                return item
            yield ""
        raise _FailedError(Fault("did not answer in time"))

    def _worth_another_try(self, error: BaseException) -> bool:
        if not isinstance(error, _FailedError) or not error.fault.passing:
            return False
        return time.monotonic() + (error.fault.retry_after_s or 0) < self._deadline


class _FailedError(GenerationError):
    def __init__(self, fault: Fault):
        super().__init__(fault.reason)
        self.fault = fault


def _wait(state: RetryCallState) -> float:
    error = state.outcome and state.outcome.exception()
    asked = error.fault.retry_after_s if isinstance(error, _FailedError) else None
    return asked if asked is not None else _FIRST_WAIT_S * 2 ** (state.attempt_number - 1)


class _Worker:
    """Reads the model's stream in a thread, for a stream cannot be waited on with a deadline."""

    def __init__(self, model: Model, messages: Sequence[ChatMessage], max_tokens: int):
        self._model = model
        self._messages = messages
        self._max_tokens = max_tokens
        self._items: queue.Queue[str | Fault | _End] = queue.Queue()
        self._stopped = threading.Event()
        # A process that ends waits for llama.cpp, which would crash without it, and for no server.
        self._thread = threading.Thread(target=self._run, name="model", daemon=not model.in_process)
        self._thread.start()

    def take(self, timeout_s: float) -> str | Fault | _End | None:
        """The next piece of text, or how it ended; None when neither comes in time."""
        try:
            return self._items.get(timeout=timeout_s)
        except queue.Empty:
            return None

    def stop(self) -> None:
        """Let the model stop at its next token."""
        self._stopped.set()

    def _run(self) -> None:
        try:
            self._items.put(self._read())
        except Exception as error:  # whatever a vendor raises becomes a reason
            self._items.put(diagnose(error, self._model))

    def _read(self) -> _End:
        """Put the text where it is taken; whatever comes late or without end is left."""
        stream = self._model.llm.stream_chat(self._messages)
        n_tokens, n_chars, reason = 0, 0, None
        try:
            for response in stream:
                if self._stopped.is_set():
                    break
                reason = _finish_reason(response, reason)
                if delta := response.delta:
                    n_tokens, n_chars = n_tokens + 1, n_chars + len(delta)
                    self._items.put(delta)
                if n_tokens >= self._max_tokens or n_chars > self._max_tokens * _CHARS_A_TOKEN:
                    return _End(complete=reason == "stop")
        finally:
            stream.close()
            self._model.hang_up()
        if reason == "cut":
            raise ConnectionResetError
        return _End(complete=reason != "length")


def _finish_reason(response: ChatResponse, before: str | None) -> str | None:
    """Why the model stopped, as OpenAI and Ollama say it; `cut` from those that have yet to say."""
    raw: Any = response.raw
    raw = raw if isinstance(raw, dict) else getattr(raw, "__dict__", {})
    if "done" in raw:
        return (raw.get("done_reason") or "stop") if raw["done"] else "cut"
    if not raw.get("choices"):
        return before
    choice = raw["choices"][0]
    choice = choice if isinstance(choice, dict) else choice.__dict__
    return choice.get("finish_reason") or (before if before not in (None, "cut") else "cut")


def diagnose(error: BaseException, model: Model) -> Fault:
    """Say in a few words what a call died of; the key is in none of them."""
    chain = list(_causes(error))
    status = next((s for e in chain if (s := _status(e)) is not None), None)
    if status is not None:
        return _by_status(status, chain, model)
    names = {base.__name__ for e in chain for base in type(e).__mro__}
    said = " ".join(str(e) for e in chain)
    at = model.place
    if any("Timeout" in name for name in names):
        return Fault("did not answer in time")
    if any(isinstance(e, socket.gaierror) for e in chain) or "name resolution" in said.lower():
        return Fault(f"was not found: the host of {at} is unknown", passing=True)
    if "ConnectError" in names or "ConnectionRefusedError" in names or "refused" in said:
        return Fault(f"could not be reached: nothing answers at {at}", passing=True)
    if "DecodingError" in names or names & {"JSONDecodeError", "UnicodeDecodeError"}:
        return Fault(f"sent what is no answer; is {at} the address of its API?")
    if names & {"APIConnectionError", "NetworkError", "ProtocolError", "ConnectionError"}:
        return Fault("was cut off in the middle of its answer", passing=True)
    if "APIError" in names:
        return Fault("failed in the middle of its answer")
    reason = " ".join(model.redact(f"{type(error).__name__}: {error}").split())
    return Fault(f"failed: {reason[:200]}")


def _by_status(status: int, chain: Sequence[BaseException], model: Model) -> Fault:
    if status in (401, 403):
        return Fault(f"refused the key ({status}); check FOOTNOTE_LLM__API_KEY")
    if status == 404:
        return Fault(f"is not known at {model.place} (404); check `llm.model` and `llm.base_url`")
    if status == 429:
        return Fault("is asked too often (429)", passing=True, retry_after_s=_retry_after(chain))
    if status >= 500:
        return Fault(f"failed ({status})", passing=True, retry_after_s=_retry_after(chain))
    if status in (400, 413, 422):
        said = " ".join(model.redact(str(chain[0])).split())[:200]
        return Fault(f"refused the question ({status}): {said}")
    return Fault(f"answered with status {status}; check `llm.base_url`")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    """The HTTP status, wherever openai, ollama and httpx put it."""
    response = getattr(error, "response", None)
    for value in (getattr(error, "status_code", None), getattr(response, "status_code", None)):
        if isinstance(value, int) and value >= 300:
            return value
    return None


def _retry_after(chain: Sequence[BaseException]) -> float | None:
    """Seconds that the server asks to wait; dates are left, as few servers send them."""
    for error in chain:
        headers = getattr(getattr(error, "response", None), "headers", {})
        try:
            return max(0.0, float(str(headers.get("retry-after"))))
        except ValueError:
            continue
    return None
