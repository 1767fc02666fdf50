"""The door for programs: REST under `/v1`, whose JSON is that of the command line's `--json`."""

import json
from collections.abc import AsyncGenerator, Callable
from http import HTTPMethod
from typing import Annotated, Any, TypeVar

from anyio import Event as Signal
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import Field
from sse_starlette import EventSourceResponse, ServerSentEvent

from footnote.rag.answering.generative import Event
from footnote.rag.assistant import Assistant
from footnote.rag.core.base import Record, is_none
from footnote.rag.core.errors import FootnoteError, IndexMissingError, ShardLostError
from footnote.rag.core.partial import PaperDate
from footnote.rag.core.records import Answer, Claim, Paper, Sentence
from footnote.ui.desk import Desk
from footnote.ui.filters import Which
from footnote.ui.metrics import Metrics
from footnote.ui.refusals import NotHereError, RefusedError, answer_to
from footnote.ui.render import hit_rows, paper_row, receipt_notes

Result = TypeVar("Result")
# How long a stream may go on once the server was asked to end.
GRACE_S = 120
_MAX_CHECKED_CHARS = 50_000
_MAX_TURNS = 50
_PROBLEM = {
    "description": "What went wrong, after RFC 9457.",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": {"type": "string", "examples": ["urn:footnote:error:question_error"]},
                    "title": {"type": "string"},
                    "status": {"type": "integer"},
                    "detail": {"type": "string"},
                },
            }
        }
    },
}
_STATUSES = (400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 503)
PROBLEMS: dict[int | str, dict[str, Any]] = dict.fromkeys(_STATUSES, _PROBLEM)


class Question(Record):
    """What is asked."""

    question: str = Field(examples=["What throughput does NanoFlow reach?"])
    """As a person would type it."""
    history: tuple[str, ...] = Field(default=(), max_length=_MAX_TURNS)
    """Earlier questions of the same conversation, oldest first."""
    filters: Which = Which()
    """Which papers may answer, in place of what the question itself says."""


class Search(Question):
    """What is looked for."""

    k: int = Field(default=10, ge=1, le=1000)
    """Papers at most."""


class Written(Record):
    """What somebody wrote."""

    text: str = Field(max_length=_MAX_CHECKED_CHARS, examples=["NanoFlow is 1.91x as fast."])
    """A sentence, or a draft in plain text, Markdown or LaTeX."""


class Listing(Which):
    """Which page of the papers is wanted."""

    offset: int = Field(default=0, ge=0, le=2**31)
    limit: int = Field(default=50, ge=1, le=200)


class HitRow(Record):
    """A paper that was found."""

    rank: int
    paper_id: str
    title: str
    score: float
    passage: str
    """The sentence of its abstract that fits best."""
    start: int
    """Where that begins in the abstract, in characters."""
    end: int


class PaperRow(Record):
    """A paper in a list; what is not known is null."""

    paper_id: str
    title: str
    date: PaperDate | None
    n_authors: int | None
    organisation: str | None
    upvotes: int | None
    sources: tuple[str, ...]


class PaperPage(Record):
    """A page of papers, by title."""

    total: int
    """How many there are on all pages."""
    offset: int
    papers: tuple[PaperRow, ...]


class State(Record):
    """That it runs."""

    status: str
    papers: int | None = None
    """That can be asked."""
    coming: int | None = None
    """That are being taken in."""
    by_words: int | None = Field(default=None, exclude_if=is_none)
    """Of these papers that are found by their words alone until they are embedded. Absent for none.
    """
    not_asked: int | None = Field(default=None, exclude_if=is_none)
    """Of these papers that no question reaches: nobody who holds them answers. Absent for none."""


class Visit:
    """A call: who asks, and the desk they ask at."""

    def __init__(self, request: Request):
        """Read both from a request."""
        self.desk: Desk = request.app.state.desk
        self.client: str = request.state.caller.name

    async def run(self, job: Callable[[Assistant], Result]) -> Result:
        """Do a job with the assistant, once it is its turn."""
        return await self.desk.run(self.client, job)


Visitor = Annotated[Visit, Depends(Visit)]
doors = APIRouter(prefix="/v1", responses=PROBLEMS)
open_doors = APIRouter()


@doors.post("/search", tags=["papers"], response_model=list[HitRow])
async def search(search: Search, visit: Visitor, response: Response) -> Any:  # noqa: ANN401 - rows of `HitRow`
    """Find papers, best first, without answering.

    The header `Footnote-Notes` says, as a JSON array of sentences, how they were found: how many
    could not be asked, what else was searched for, why a model put them in no order.
    """
    filters = search.filters.filters() or None
    asked = (search.question, search.k, search.history, filters)
    found = await visit.run(lambda a: a.search_with_receipt(*asked))
    if notes := receipt_notes(found.receipt):
        response.headers["Footnote-Notes"] = json.dumps(notes)
    return hit_rows(found.hits)


@doors.post(
    "/ask",
    tags=["questions"],
    response_model=Answer,
    responses={
        200: {
            "description": "The answer; with `Accept: text/event-stream` events `status`, "
            "`sentence` and at last `answer`, or `error`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        }
    },
)
async def ask(
    question: Question, visit: Visitor, accept: Annotated[str, Header()] = ""
) -> Answer | Response:
    """Answer a question, every sentence with its source, or refuse with a reason."""
    filters = question.filters.filters() or None
    if "text/event-stream" not in accept:
        return await visit.run(lambda a: a.ask(question.question, question.history, filters))
    events = visit.desk.stream(
        visit.client, lambda a: a.ask_stream(question.question, question.history, filters)
    )
    # What refuses a question comes before the first event.
    first = await anext(events)
    return event_stream(_told(first, events))


@doors.post("/check", tags=["questions"])
async def check(written: Written, visit: Visitor) -> list[Claim]:
    """Compare each statement of a text with what the papers say."""
    return await visit.run(lambda a: a.check(written.text))


@doors.get("/papers", tags=["papers"])
async def papers(listing: Annotated[Listing, Query()], visit: Visitor) -> PaperPage:
    """List papers by title, a page at a time."""
    return await visit.run(lambda a: page_of(a, listing))


@doors.get("/papers/{paper_id:path}", tags=["papers"])
async def paper(paper_id: str, visit: Visitor) -> Paper:
    """Return all that is known of a paper, with its abstract; by an id that it has or had."""
    return await visit.run(lambda a: paper_of(a, paper_id))


@doors.api_route("/{rest:path}", methods=list(HTTPMethod), include_in_schema=False)
async def nothing(rest: str, request: Request) -> None:
    """Say that there is no such door."""
    said = f"{request.method} /v1/{rest[:100]} is nothing here"
    raise NotHereError(said, "/docs lists what can be called")


@open_doors.get("/health", tags=["server"])
async def health() -> State:
    """Say that the server runs."""
    return State(status="ok")


@open_doors.get("/ready", tags=["server"], responses={503: _PROBLEM})
def ready(request: Request) -> State:
    """Say that there are papers to answer from, and how many of them do not answer."""
    desk: Desk = request.app.state.desk
    try:
        catalogue = desk.assistant.catalogue
        n_papers = catalogue.count_served() if catalogue.is_in_place() else 0
        n_coming = catalogue.count_coming() if n_papers else 0
        n_by_words = catalogue.count_by_words()
        n_not_asked = desk.assistant.n_not_asked if n_papers else 0
    except ShardLostError:
        raise
    except FootnoteError as error:
        raise IndexMissingError("the index cannot be read", "run `footnote doctor`") from error
    if not n_papers:
        raise RefusedError(503, "there are no papers here", "run `footnote ingest`")
    return State(
        status="ready",
        papers=n_papers,
        coming=n_coming,
        by_words=n_by_words or None,
        not_asked=n_not_asked or None,
    )


@open_doors.get("/metrics", tags=["server"], response_class=Response)
async def metrics(request: Request) -> Response:
    """Return the figures of the server in Prometheus' text format."""
    measured: Metrics = request.app.state.metrics
    return Response(measured.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def page_of(assistant: Assistant, listing: Listing) -> PaperPage:
    """Read a page of the papers that are served."""
    catalogue = assistant.catalogue
    facts = catalogue.facts(catalogue.matching(listing.filters()))
    ids = [each.paper_id for each in facts[listing.offset : listing.offset + listing.limit]]
    found = catalogue.served(ids)
    rows = tuple(PaperRow.model_validate(paper_row(found[i])) for i in ids if i in found)
    return PaperPage(total=len(facts), offset=listing.offset, papers=rows)


def paper_of(assistant: Assistant, paper_id: str) -> Paper:
    """Read a paper by an id that it has or had.

    Raises:
        NotHereError: There is none.
    """
    found = assistant.paper(paper_id)
    if found is None:
        raise NotHereError(f"there is no paper {paper_id[:100]!r} here", "list them first")
    return found


def event_stream(events: AsyncGenerator[ServerSentEvent]) -> EventSourceResponse:
    """Answer with events; an answer that was begun ends, whoever asks the server to end."""
    return EventSourceResponse(events, shutdown_event=Signal(), shutdown_grace_period=GRACE_S)


async def _told(first: Event, events: AsyncGenerator[Event]) -> AsyncGenerator[ServerSentEvent]:
    yield _event(first)
    try:
        async for event in events:
            yield _event(event)
    except FootnoteError as error:
        said = bytes(answer_to(error, "/v1/ask").body).decode()
        yield ServerSentEvent(said, event="error")


def _event(event: Event) -> ServerSentEvent:
    if isinstance(event, Answer):
        return ServerSentEvent(event.model_dump_json(), event="answer")
    if isinstance(event, Sentence):
        return ServerSentEvent(event.model_dump_json(), event="sentence")
    return ServerSentEvent(json.dumps({"text": event.text}), event="status")
