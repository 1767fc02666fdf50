"""OpenAI's protocol for chats, so that its clients can ask the papers as if they were a model."""

import json
import re
import time
from collections.abc import AsyncGenerator
from typing import Any, Literal
from urllib.parse import quote
from uuid import uuid4

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from footnote.rag.answering.generative import Event
from footnote.rag.assistant import Assistant
from footnote.rag.core.errors import FootnoteError, QuestionError
from footnote.rag.core.records import Answer, Source
from footnote.rag.core.text import words
from footnote.ui.api import PROBLEMS, Visitor, event_stream
from footnote.ui.refusals import NotHereError, answer_to
from footnote.ui.render import not_asked_note, source_text

MODEL = "footnote"
_PATH = "/v1/chat/completions"
_MARKER = re.compile(r"\[([0-9]{1,4})\]")
# A piece of a stream; an answer of quotes is there at once.
_PIECE = re.compile(r"\S+\s*|\s+")


class Loose(BaseModel):
    """What clients send has many fields that say nothing to papers."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Part(Loose):
    """A part of a message."""

    type: str
    text: str = ""


class Message(Loose):
    """A turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | tuple[Part, ...] | None = None

    @property
    def text(self) -> str:
        """What it says.

        Raises:
            QuestionError: A part of it is no text.
        """
        if not isinstance(self.content, tuple):
            return self.content or ""
        if other := [part.type for part in self.content if part.type != "text"]:
            raise QuestionError(f"a question is text, not {other[0][:40]}")
        return "".join(part.text for part in self.content)


class StreamOptions(Loose):
    """How a stream ends."""

    include_usage: bool = False


class Chat(Loose):
    """A request for an answer; other fields of OpenAI's are taken and mean nothing here."""

    messages: tuple[Message, ...] = Field(min_length=1, max_length=1000)
    """The last of role `user` is asked; those before it are its conversation."""
    model: str = MODEL
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None

    def asked(self) -> tuple[str, tuple[str, ...]]:
        """Return the question, and those before it, oldest first.

        Raises:
            QuestionError: There is none.
        """
        lines = [message.text for message in self.messages if message.role == "user"]
        if not lines:
            raise QuestionError("no message has the role user", "send the question as one")
        return lines[-1], tuple(line for line in lines[:-1] if line.strip())


_FAULT = {
    "type": "object",
    "required": ["message", "type", "param", "code"],
    "properties": {
        "message": {"type": "string"},
        "type": {"type": "string", "examples": ["invalid_request_error"]},
        "param": {"type": "null"},
        "code": {"type": "string", "examples": ["question_error"]},
    },
}
_FAULTS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": "What went wrong, as OpenAI's clients read it.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["error"],
                    "properties": {"error": _FAULT},
                }
            }
        },
    }
    for status in PROBLEMS
}
openai_doors = APIRouter(prefix="/v1", tags=["OpenAI's protocol"], responses=_FAULTS)


@openai_doors.get("/models")
async def models() -> dict[str, Any]:
    """List the one model there is."""
    return {"object": "list", "data": [_model()]}


@openai_doors.get("/models/{name:path}")
async def model(name: str) -> dict[str, Any]:
    """Describe a model."""
    _check_model(name)
    return _model()


@openai_doors.post("/chat/completions", response_model=None)
async def complete(chat: Chat, visit: Visitor) -> dict[str, Any] | EventSourceResponse:
    """Answer the last question of a conversation.

    The text has markers and its sources below; `annotations` say where each marker stands and what
    it links to, and `citations` hold the quotes with their places in the abstracts.
    """
    _check_model(chat.model)
    question, history = chat.asked()
    if not chat.stream:
        answer = await visit.run(lambda a: _message(a, a.ask(question, history)))
        return _completion(
            "chat.completion", message={"role": "assistant", **answer}, usage=_usage(chat, answer)
        )
    events = visit.desk.stream(visit.client, lambda a: a.ask_stream(question, history))
    first = await anext(events)
    return event_stream(_chunks(chat, visit, first, events))


async def _chunks(
    chat: Chat, visit: Visitor, first: Event, events: AsyncGenerator[Event]
) -> AsyncGenerator[ServerSentEvent]:
    """Stream an answer once it is whole: until then a sentence may yet be taken back."""
    shared = _completion("chat.completion.chunk")

    def chunk(delta: dict[str, Any], *, finish: str | None = None) -> ServerSentEvent:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return ServerSentEvent(json.dumps({**shared, "choices": [choice]}))

    yield chunk({"role": "assistant", "content": ""})
    try:
        event = first
        while not isinstance(event, Answer):
            event = await anext(events)
        await events.aclose()
        answer = event
        message = await visit.run(lambda a: _message(a, answer))
    except FootnoteError as error:
        yield ServerSentEvent(bytes(answer_to(error, _PATH).body).decode())
        return
    for piece in _PIECE.findall(message["content"]):
        yield chunk({"content": piece})
    yield chunk({key: message[key] for key in ("annotations", "citations")}, finish="stop")
    if chat.stream_options and chat.stream_options.include_usage:
        usage = {**shared, "choices": [], "usage": _usage(chat, message)}
        yield ServerSentEvent(json.dumps(usage))
    yield ServerSentEvent("[DONE]")


def _message(assistant: Assistant, answer: Answer) -> dict[str, Any]:
    """Write an answer as a message: text, what its markers link to, what they quote."""
    links = {source.marker: _link(assistant, source) for source in answer.sources}
    titles = {source.marker: source.title for source in answer.sources}
    listed = "\n".join(f"{source_text(source)} {links[source.marker]}" for source in answer.sources)
    cited = [citation for sentence in answer.sentences for citation in sentence.citations]
    return {
        "content": "\n\n".join(
            filter(None, (answer.answer, not_asked_note(answer.receipt), listed))
        ),
        "annotations": [
            {
                "type": "url_citation",
                "url_citation": {
                    "start_index": found.start(),
                    "end_index": found.end(),
                    "title": titles[marker],
                    "url": links[marker],
                },
            }
            for found in _MARKER.finditer(answer.answer)
            if (marker := int(found[1])) in titles
        ],
        "citations": [citation.model_dump(mode="json") for citation in cited],
        "refusal": None,
    }


def _link(assistant: Assistant, source: Source) -> str:
    """Return where a paper can be read: at its source, or else its record here."""
    paper = assistant.paper(source.paper_id)
    if paper and paper.url and paper.url.startswith(("https://", "http://")):
        return paper.url
    if paper and paper.arxiv_id:
        return f"https://arxiv.org/abs/{paper.arxiv_id}"
    if paper and paper.doi:
        return f"https://doi.org/{quote(paper.doi)}"
    return f"/v1/papers/{quote(source.paper_id)}"


def _completion(
    kind: str, message: dict[str, Any] | None = None, usage: dict[str, int] | None = None
) -> dict[str, Any]:
    shared: dict[str, Any] = {
        "id": f"chatcmpl-{uuid4().hex}",
        "object": kind,
        "created": int(time.time()),
        "model": MODEL,
    }
    if message is None:
        return shared
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {**shared, "choices": [choice], "usage": usage}


def _usage(chat: Chat, message: dict[str, Any]) -> dict[str, int]:
    """Count words: there are no tokens without a model, and clients want a number."""
    read = sum(len(words(each.text)) for each in chat.messages)
    written = len(words(message["content"]))
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
    }


def _check_model(name: str) -> None:
    if name != MODEL:
        raise NotHereError(f"there is no model {name[:100]!r} here", f"the one here is {MODEL}")


def _model() -> dict[str, Any]:
    return {"id": MODEL, "object": "model", "created": 0, "owned_by": MODEL}
