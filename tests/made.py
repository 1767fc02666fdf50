"""Papers, sentences and requests made by hand, for tests of several rooms."""

import datetime
import zlib
from collections.abc import Callable, Sequence

from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.rag.answering.draft import Draft
from footnote.rag.answering.plans import Part
from footnote.rag.answering.roles import Role
from footnote.rag.answering.sentences import Evidence
from footnote.rag.core.records import Answer, Paper, Receipt, Setup, Sighting
from footnote.rag.core.request import Act, Kind, Request
from footnote.rag.llm.port import End, Message, Put


def paper(title: str, abstract: str) -> Paper:
    return to_paper(SourceRecord(title=title, abstract=abstract, sighting=Sighting(source="test")))


def evidence(
    of: Paper,
    number: int,
    score: float = 0.5,
    *,
    belongs: float = 0.9,
    role: Role = Role.IDEA,
    leans: bool = False,
) -> Evidence:
    roles = tuple(float(each is role) for each in Role)
    return Evidence(of, number, score, belongs, 0.5, roles, leans, {})


def request(question: str = "what", kind: Kind = Kind.FACT, act: Act = Act.NEW) -> Request:
    return Request(question=question, kind=kind, act=act)


def rewritten(record: str | bytes | None, old: str, new: str) -> str | bytes | None:
    """A record of the catalogue with other words in it, as text or compressed as it was."""
    if isinstance(record, bytes):
        return zlib.compress(zlib.decompress(record).replace(old.encode(), new.encode()))
    return record and record.replace(old, new)


def drafted(*said: Evidence, confidence: float = 0.9) -> Draft:
    parts = (Part("prose", said),) if said else ()
    return Draft(request(), parts, confidence, ranked=said)


class Says:
    """A model that says its pieces at once, then ends, or fails."""

    name = "small"

    def __init__(self, *pieces: str, ending: End | Exception | None = None, window: int = 4_000):
        self.pieces = pieces
        self.ending = ending or End(complete=True)
        self.context_window = window
        self.max_tokens = 400

    def in_form(self, _schema: object) -> "Says":
        return self

    def begin(
        self, messages: Sequence[Message], put: Put, *, deadline: float
    ) -> Callable[[], None]:
        for piece in (*self.pieces, self.ending):
            put(piece)
        return lambda: None


def without(answer: Answer, n_not_asked: int) -> Answer:
    """The same answer, given when so many of 408 papers could not be asked."""
    receipt = Receipt(
        asked_at=datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC),
        corpus="c",
        n_papers=408,
        setup=Setup(footnote="1.0", settings={}, model=None),
        n_not_asked=n_not_asked,
    )
    return answer.model_copy(update={"receipt": receipt})
