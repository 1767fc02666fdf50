"""Have a strong language model read what a line asks for, into the same record as the network.

In the same reply it may give searches that find what the line itself does not.
"""

import datetime
import json
import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from pydantic import (
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from footnote.rag.core.base import Record
from footnote.rag.core.records import Answer
from footnote.rag.core.request import (
    LONGEST_QUERY,
    MOST_COUNTED,
    Act,
    Count,
    Filters,
    Group,
    Kind,
    Operation,
    RecordField,
    Request,
)
from footnote.rag.core.text import identity_key
from footnote.rag.llm.port import Model
from footnote.rag.llm.prompts import ask_to_read
from footnote.rag.llm.talk import ask_once
from footnote.rag.understanding.dates import read_days
from footnote.rag.understanding.request import beside

_MAX_TOKENS, _MAX_S = 500, 20.0
# Turns that it is told of.
_TURNS = 4
# No paper is searched for to answer these.
_NOT_SEARCHED = frozenset({Kind.CATALOGUE, Kind.CHAT})
# A line that does this is not understood until it is written out.
_IN_FULL = frozenset({Act.FOLLOW_UP, Act.CORRECTION})
_LONGEST_DATE = 40
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


class _Read(Record):
    """What a model writes of a line; what else it writes is not read.

    What cannot be read is as if it were not written; without a kind there is no reading.
    """

    model_config = ConfigDict(extra="ignore")

    question: str = ""
    kind: Kind
    act: Act = Act.NEW
    topic: str = ""
    sides: tuple[str, ...] = ()
    operation: Operation | None = None
    since: datetime.date | None = None
    until: datetime.date | None = None
    organisation: str | None = None
    author: str | None = None
    nth: int | None = Field(default=None, ge=-1)
    limit: int | None = Field(default=None, ge=1, le=MOST_COUNTED)
    in_title: bool = False
    begins: bool = False
    fewest_first: bool = False
    by_title: bool = False
    also: tuple[str, ...] = ()
    each: Group | None = None
    min_upvotes: Count | None = None
    max_upvotes: Count | None = None
    min_authors: Count | None = None
    max_authors: Count | None = None
    min_sources: Count | None = None
    max_sources: Count | None = None
    told: tuple[RecordField, ...] = ()
    untold: tuple[RecordField, ...] = ()
    other_organisations: tuple[str, ...] = ()
    without: tuple[str, ...] = ()

    @field_validator("*", mode="wrap")
    @classmethod
    def _or_unwritten(
        cls, written: object, read: ValidatorFunctionWrapHandler, info: ValidationInfo
    ) -> object:
        try:
            return read(written)
        except ValidationError:
            name = info.field_name or ""
            if (field := cls.model_fields[name]).is_required():
                raise
            return _day(written, name) if name in ("since", "until") else field.default

    @field_validator("sides", "other_organisations", "without", "also", mode="before")
    @classmethod
    def _texts_alone(cls, written: object) -> list[str]:
        return texts_of(written)

    @property
    def stands_alone(self) -> bool:
        """True where all is written that its act needs."""
        if self.act is Act.NTH:
            return self.nth is not None
        return bool(self.question.strip()) or self.act not in _IN_FULL


class _ReadWithQueries(_Read):
    """What it writes where it may give further searches."""

    queries: tuple[str, ...] = ()

    @field_validator("queries", mode="before")
    @classmethod
    def _those_that_are(cls, written: object) -> list[str]:
        """Keep what is text; a line is read all the same where none is."""
        return texts_of(written)


def read_with_model(
    model: Model, line: str, turns: Sequence[Answer], *, most_queries: int = 0
) -> Request | None:
    """Read a line of a conversation.

    Args:
        model: Who reads it; it is given little time.
        line: As a person typed it.
        turns: What was said before, oldest first.
        most_queries: Further searches that it may give.

    Returns:
        What is asked, the line written out in full; None when the model fails, or does not write
        what kind it is, or what its act needs.
    """
    before = [(turn.question, turn.answer) for turn in turns[-_TURNS:]]
    record = _ReadWithQueries if most_queries else _Read
    said = ask_once(
        model.in_form(_form(record)),
        ask_to_read(line, before, most_queries=most_queries),
        timeout_s=_MAX_S,
        max_tokens=_MAX_TOKENS,
    )
    written = _OBJECT.search(said or "")
    try:
        read = record.model_validate(json.loads(written[0])) if written else None
        request = _request(read, line) if read and read.stands_alone else None
    except (ValidationError, json.JSONDecodeError, RecursionError):
        return None
    if not request or not isinstance(read, _ReadWithQueries) or request.kind in _NOT_SEARCHED:
        return request
    queries = further_queries(read.queries, [line, request.question], most=most_queries)
    return request.model_copy(update={"queries": queries})


@cache
def _form(record: type[_Read]) -> dict[str, Any]:
    """Return the schema of a record all of whose fields are to be written."""
    schema = record.model_json_schema()
    return schema | {"required": list(schema["properties"]), "additionalProperties": False}


def _day(written: object, name: str) -> datetime.date | None:
    """Return the first or the last day of a date that is written in another way than asked for."""
    today = datetime.datetime.now().astimezone().date()
    text = str(written)[:_LONGEST_DATE] if isinstance(written, str | int) else ""
    if not (days := read_days(text, today)):
        return None
    return days.first if name == "since" else days.last


def texts_of(written: object) -> list[str]:
    """Return the texts of a list that a model wrote; a text alone is one, and nothing else is."""
    given = written if isinstance(written, list) else [written]
    return [each for each in given if isinstance(each, str)]


def further_queries(
    written: Iterable[str], questions: Sequence[str], *, most: int
) -> tuple[str, ...]:
    """Return the searches that a model gave beside questions, each once, as they can be used.

    Args:
        written: What it wrote.
        questions: What is searched for anyway.
        most: How many are kept, the first ones.
    """
    known = set(map(identity_key, questions))
    found: dict[str, str] = {}
    for text in written:
        query = " ".join(text.split())
        key = identity_key(query)
        if key and key not in known and len(query) <= LONGEST_QUERY:
            found.setdefault(key, query)
    return tuple(found.values())[:most]


def _request(read: _Read, line: str) -> Request:
    """Make the record.

    Raises:
        ValidationError: A value of it cannot be.
    """
    is_comparison, is_catalogue = read.kind is Kind.COMPARISON, read.kind is Kind.CATALOGUE
    request = Request(
        question=read.question.strip() or line,
        kind=read.kind,
        act=read.act,
        topic=read.topic.strip(),
        in_title=is_catalogue and read.in_title,
        begins=is_catalogue and read.begins,
        fewest_first=is_catalogue and read.fewest_first,
        by_title=is_catalogue and read.by_title,
        each=read.each if is_catalogue else None,
        sides=tuple(filter(None, map(str.strip, read.sides)))
        if is_comparison or is_catalogue
        else (),
        filters=Filters(
            since=read.since,
            until=read.until,
            organisation=(read.organisation or "").strip() or None,
            other_organisations=_named(read.other_organisations),
            author=(read.author or "").strip() or None,
            without=_named(read.without),
            **(_of_records(read) if is_catalogue else {}),
        ),
        operation=read.operation if is_catalogue else None,
        limit=read.limit if is_catalogue else None,
        nth=read.nth if read.act is Act.NTH else None,
        by="model",
    )
    return beside(request, read.also) if is_catalogue else request


def _named(names: Sequence[str]) -> tuple[str, ...] | None:
    return tuple(filter(None, map(str.strip, names))) or None


def _of_records(read: _Read) -> dict[str, Any]:
    """Return what a question about the collection asks of records beside dates and names."""
    return {
        "min_upvotes": read.min_upvotes,
        "max_upvotes": read.max_upvotes,
        "min_authors": read.min_authors,
        "max_authors": read.max_authors,
        "min_sources": read.min_sources,
        "max_sources": read.max_sources,
        "told": read.told or None,
        "untold": read.untold or None,
    }
