"""The doors of standing questions: REST, and a feed for readers of feeds."""

from functools import partial

from fastapi import APIRouter, Request, Response
from pydantic import Field

from footnote.export.news import FEED_TYPE, news_feed
from footnote.rag.assistant import Assistant
from footnote.rag.core.base import Record
from footnote.rag.watches import News, Watch, Watches
from footnote.rag.watching import add_watch, look
from footnote.ui.api import PROBLEMS, Visitor
from footnote.ui.filters import Which
from footnote.ui.refusals import NotHereError

watch_doors = APIRouter(prefix="/v1", tags=["standing questions"], responses=PROBLEMS)


class Watched(Record):
    """A question to be watched."""

    question: str = Field(examples=["What throughput does NanoFlow reach?"])
    """As a person would type it, or a claim."""
    is_claim: bool | None = None
    """True to watch evidence for and against a claim; null where its words tell."""
    filters: Which = Which()
    """Which papers may answer, in place of what the question itself says."""


class WatchedNow(Watch):
    """A question that is watched from now on."""

    known: int
    """Sentences here that speak to it already; they are not news."""


@watch_doors.get("/watches")
async def watches(request: Request, visit: Visitor) -> list[Watch]:
    """List the standing questions."""
    kept = _kept(request)
    return await visit.run(lambda _: kept.all())


@watch_doors.post("/watches", status_code=201)
async def watch(watched: Watched, request: Request, visit: Visitor) -> WatchedNow:
    """Watch a question from now on."""
    filters = watched.filters.filters() or None
    kept = _kept(request)

    def add(assistant: Assistant) -> WatchedNow:
        added = add_watch(assistant, kept, watched.question, filters, is_claim=watched.is_claim)
        return WatchedNow(**dict(added.watch), known=added.n_known)

    return await visit.run(add)


@watch_doors.delete("/watches/{watch_id}")
async def unwatch(watch_id: str, request: Request, visit: Visitor) -> Watch:
    """Watch a question no longer."""
    kept = _kept(request)

    def remove(_: Assistant) -> Watch:
        if watch_id not in (each.watch_id for each in kept.all()):
            said = f"there is no standing question {watch_id[:100]!r} here"
            raise NotHereError(said, "list them first")
        return kept.remove(watch_id)

    return await visit.run(remove)


@watch_doors.get("/news")
async def news(request: Request, visit: Visitor) -> list[News]:
    """Return what papers that came since say to the standing questions, the newest first."""
    return await visit.run(partial(_news, _kept(request)))


@watch_doors.get(
    "/feed.atom",
    response_class=Response,
    responses={200: {"content": {FEED_TYPE: {"schema": {"type": "string"}}}}},
)
async def feed(request: Request, visit: Visitor) -> Response:
    """Return the newest hundred of the news as a feed of Atom."""
    kept, link = _kept(request), str(request.url.replace(query=""))
    found = await visit.run(partial(_news, kept))
    body = news_feed(found, feed_id=kept.feed_id, link=link)
    return Response(body, media_type=f"{FEED_TYPE}; charset=utf-8")


def _news(kept: Watches, assistant: Assistant) -> list[News]:
    look(assistant, kept)
    return list(kept.news().values())


def _kept(request: Request) -> Watches:
    kept: Watches = request.app.state.watches
    return kept
