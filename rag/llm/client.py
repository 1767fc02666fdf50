"""Ask whatever speaks OpenAI's chat protocol: services, vLLM, Ollama, llama.cpp."""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import suppress
from copy import copy
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple, Self

import httpx
from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from footnote.rag.core.errors import GenerationError
from footnote.rag.llm.background import in_background
from footnote.rag.llm.port import End, Message, Put, Usage, without_key
from footnote.rag.llm.server import Server, bounded, open_client
from footnote.rag.llm.window import Limits

_ATTEMPTS = 3
_FIRST_WAIT_S = 0.5
_RETRYABLE = frozenset([408, 425, 429])
# Longer than any answer; a line that never ends would fill the memory.
_MAX_ANSWER_BYTES = 8_000_000
# An explanation is shorter; it is shown in part anyway.
_MAX_ERROR_BYTES = 64_000
# As OpenAI, llama_cpp.server and llama-server call it.
_TOO_LONG = frozenset(["context_length_exceeded", "exceed_context_size_error"])
_NO_CREDIT = "insufficient_quota"
# Else a stream does not say what it took.
_USUAL: dict[str, Any] = {"stream_options": {"include_usage": True}}
_FORM = "response_format"
_DISPENSABLE = frozenset(["max_tokens", "temperature", "stream_options", _FORM])


class ServedModel:
    """A model behind an address, asked over HTTP."""

    def __init__(
        self,
        name: str,
        server: Callable[[], Awaitable[Server]],
        *,
        limits: Limits,
        temperature: float,
        arguments: Mapping[str, Any],
    ):
        """Prepare; nothing is asked yet.

        Args:
            name: What the server calls the model.
            server: Finds the server, or raises GenerationError; awaited for each call.
            limits: How much the model reads and writes; what is asked for when first needed.
            temperature: 0 for the same answer each time.
            arguments: Sent along with each question; null takes a field out.
        """
        self.name = name
        self._limits = limits
        self._server = server
        self._fields = _USUAL | {"temperature": temperature} | dict(arguments)
        self._refused: set[str] = set()
        """Fields that the server does not know by these names, whichever copy it told."""
        self._form: dict[str, Any] = {}

    @property
    def context_window(self) -> int:
        """Tokens that the model reads at once."""
        return self._limits.context_window

    @property
    def max_tokens(self) -> int:
        """Tokens of an answer at most."""
        return self._limits.max_tokens

    def in_form(self, schema: Mapping[str, Any]) -> Self:
        """Return one whose server is asked for JSON of this schema; see `Model`."""
        other = copy(self)
        form = {"name": "reply", "schema": dict(schema)}
        other._form = {_FORM: {"type": "json_schema", "json_schema": form}}
        return other

    def begin(
        self, messages: Sequence[Message], put: Put, *, deadline: float
    ) -> Callable[[], None]:
        """Begin to answer in the background; see `Model`."""
        return in_background(self._answer(messages, put, deadline), put)

    async def _answer(self, messages: Sequence[Message], put: Put, deadline: float) -> End:
        server = await self._server()
        async with open_client(server) as client:
            attempt = 0
            while True:
                exchange, body = _Exchange(server, put), self._body(messages)
                try:
                    return await exchange.run(client, body)
                except GenerationError as error:
                    if self._adapt(exchange.refused, body):
                        continue
                    wait_s, attempt = _wait_s(error, attempt), attempt + 1
                    if attempt == _ATTEMPTS or not error.retryable:
                        raise
                    if time.monotonic() + wait_s >= deadline:
                        raise
                await asyncio.sleep(wait_s)

    def _body(self, messages: Sequence[Message]) -> dict[str, Any]:
        said = [message._asdict() for message in messages]
        fields = {"max_tokens": self.max_tokens} | self._form | self._fields
        # OpenAI's reasoning models know the one by another name, and the temperature not at all.
        if "max_tokens" in self._refused:
            fields["max_completion_tokens"] = fields["max_tokens"]
        kept = {k: v for k, v in fields.items() if v is not None and k not in self._refused}
        return {"model": self.name, "messages": said, "stream": True} | kept

    def _adapt(self, refused: str | None, body: Mapping[str, Any]) -> bool:
        """Do without a field that the server refuses by its name; return True if that can help."""
        if refused not in _DISPENSABLE or refused not in body:
            return False
        self._refused.add(refused)
        return True


class _Exchange:
    """One request and its answer."""

    def __init__(self, server: Server, put: Put):
        self._server = server
        self._put = put
        self._has_said = False
        self.refused: str | None = None
        """The field of the request that the server does not take."""

    async def run(self, client: httpx.AsyncClient, body: Mapping[str, Any]) -> End:
        """Ask, and pass on the text as it comes.

        Raises:
            GenerationError: There is no answer, or not a whole one.
        """
        try:
            async with client.stream("POST", "chat/completions", json=body) as response:
                if not response.is_success:
                    raise await self._explained(response)
                return await self._read(response)
        except httpx.HTTPError as error:
            failure = self._unreached(error)
        except httpx.InvalidURL:
            failure = self._no_answer()
        # Outside of the handlers: what httpx raises holds the request, and with it the key.
        raise failure

    async def _read(self, response: httpx.Response) -> End:
        """Pass on the text of a stream."""
        ending, usage, n_events = None, None, 0
        async for data in _events(response, _MAX_ANSWER_BYTES):
            n_events += 1
            if data == b"[DONE]":
                break
            event = self._parsed(data)
            if event.error is not None:
                status = _Refusal.of(event.error).status
                raise GenerationError(
                    "failed in the middle of its answer",
                    status=status,
                    retryable=not self._has_said and (status or 0) >= 500,
                )
            usage = event.usage or usage
            for choice in event.choices[:1]:
                if text := choice.delta.content:
                    self._has_said = True
                    self._put(text)
                ending = choice.finish_reason or ending
        if not n_events:
            # llama_cpp.server ends a stream at once when the question is too long for it.
            if response.headers.get("content-type", "").startswith("text/event-stream"):
                raise GenerationError("gave an empty answer")
            raise self._no_answer()
        if ending is None:
            raise self._cut_off()
        if not self._has_said and ending == "length":
            raise GenerationError("came to the end of its `llm.max_tokens` before it said a word")
        took = Usage(usage.prompt_tokens, usage.completion_tokens) if usage else None
        return End(complete=ending == "stop", is_full=ending == "length", usage=took)

    def _parsed(self, data: bytes) -> "_Event":
        try:
            return _Event.model_validate_json(data)
        except ValidationError:
            pass
        raise self._no_answer()

    async def _explained(self, response: httpx.Response) -> GenerationError:
        """Say what a status means."""
        status = response.status_code
        body = b""
        with suppress(httpx.HTTPError):  # the status says enough
            async for piece in bounded(response, _MAX_ERROR_BYTES):
                body += piece
        said = _Refusal.read(body)
        self.refused = said.refused if status in (400, 422) and said.code not in _TOO_LONG else None
        wait_s = retry_after(response.headers.get("retry-after"))
        passing = status in _RETRYABLE or status >= 500
        if status == 429 and said.code == _NO_CREDIT:
            passing = False
        return GenerationError(
            self._meaning(status, said), status=status, retryable=passing, wait_s=wait_s
        )

    def _meaning(self, status: int, said: "_Refusal") -> str:
        if status in (401, 403):
            return f"refused the key ({status}); check FOOTNOTE_LLM__API_KEY"
        if status == 404:
            at = self._server.url
            return f"is not known at {at} (404); check `llm.model` and `llm.base_url`"
        if status == 429:
            if said.code == _NO_CREDIT:
                return "is not paid for any more (429)"
            return "is asked too often (429)"
        if status >= 500:
            return f"failed ({status})"
        if said.code in _TOO_LONG:
            return f"reads less at once than it was sent ({status}); lower `llm.context_window`"
        if status in (400, 413, 422):
            why = without_key(said.message, self._server.key) or "it does not say why"
            return f"refused the question ({status}): {why}"
        return f"answered with status {status}; check `llm.base_url`"

    def _unreached(self, error: httpx.HTTPError) -> GenerationError:
        """Say why no answer came, or no whole one."""
        all_causes, at = list(causes(error)), self._server.url
        for cause in all_causes:
            if isinstance(cause, ssl.SSLCertVerificationError):
                why = cause.verify_message
                return GenerationError(f"could not be reached: the certificate of {at}: {why}")
            if isinstance(cause, ssl.SSLError):
                return GenerationError(f"could not be reached: {at} speaks no TLS, or another one")
            if isinstance(cause, socket.gaierror):
                return GenerationError(
                    f"was not found: the host of {at} is unknown",
                    retryable=cause.errno == socket.EAI_AGAIN,
                )
        if isinstance(error, httpx.ProxyError):
            return GenerationError(f"could not be reached: the proxy to {at} does not let it pass")
        if isinstance(error, httpx.ConnectError):
            return GenerationError(f"could not be reached: nothing answers at {at}", retryable=True)
        if isinstance(error, httpx.DecodingError):
            return self._no_answer()
        return self._cut_off()

    def _no_answer(self) -> GenerationError:
        return GenerationError(
            f"sent what is no answer; is {self._server.url} the address of its API?"
        )

    def _cut_off(self) -> GenerationError:
        return GenerationError(
            "was cut off in the middle of its answer", retryable=not self._has_said
        )


class _Delta(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    delta: _Delta = _Delta()
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)


class _Event(BaseModel):
    """A piece of a stream; of its many fields those that matter here."""

    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: Any = None

    @field_validator("usage", mode="wrap")
    @classmethod
    def _or_unknown(cls, said: object, read: ValidatorFunctionWrapHandler) -> _Usage | None:
        """Read what it took; an answer is none the worse for a count that is none."""
        try:
            return read(said)
        except ValidationError:
            return None


class _Refusal(NamedTuple):
    """What a server says that it does not do, in one of the forms in use."""

    message: str = ""
    code: str | None = None
    field: str | None = None
    status: int | None = None

    @property
    def refused(self) -> str:
        """The field of the request that it does not take, or likely does not."""
        # Servers other than OpenAI's name it in the text, each in its own way; who reads
        # `max_tokens` there may be told that there are too many. What is wrong with a form they
        # say in the words of whatever library sees to it.
        if self.field:
            return self.field.split(".")[0]
        return "stream_options" if "stream_options" in self.message else _FORM

    @classmethod
    def read(cls, body: bytes) -> "_Refusal":
        """Read it from the body of an answer, JSON or not."""
        try:
            said: object = json.loads(body)
        except ValueError:
            return cls(body.decode(errors="replace"))
        if not isinstance(said, dict):
            return cls(str(said))
        return cls.of(said.get("error") or said.get("detail") or said.get("message") or "")

    @classmethod
    def of(cls, error: object) -> "_Refusal":
        """Read it from `error` of an answer, an object or a text."""
        if not isinstance(error, dict):
            return cls(str(error))
        named = {name: error.get(name) for name in ("message", "code", "type", "param")}
        code = next((c for c in (named["code"], named["type"]) if isinstance(c, str)), None)
        status = named["code"] if isinstance(named["code"], int) else None
        field = named["param"] if isinstance(named["param"], str) else None
        return cls(str(named["message"] or ""), code, field, status)


async def _events(response: httpx.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the data of server-sent events, each on one line, as all these servers send it."""
    # Not httpx's own lines: they also end at characters that may stand in an answer.
    line = bytearray()
    async for piece in bounded(response, max_bytes):
        first, *others = piece.split(b"\n")
        line += first
        for other in others:
            if line.startswith(b"data:"):
                yield bytes(line[5:].strip())
            line = bytearray(other)
    if line.startswith(b"data:"):
        yield bytes(line[5:].strip())


def _wait_s(error: GenerationError, attempt: int) -> float:
    return error.wait_s if error.wait_s is not None else _FIRST_WAIT_S * 2**attempt


def retry_after(value: str | None) -> float | None:
    """Return the seconds that the header asks to wait, given as a number or as a date."""
    value = (value or "").strip()
    with suppress(ValueError, OverflowError):
        if value[:1].isdigit():
            return min(float(value), 1e9)
        moment = parsedate_to_datetime(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, and what caused it, the nearest first."""
    seen: set[int] = set()
    while error and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
