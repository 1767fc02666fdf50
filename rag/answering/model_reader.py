"""Have a strong language model read what a line asks for, into the same record as the network."""

import datetime
import json
import re
from collections.abc import Sequence

from pydantic import ValidationError

from footnote.rag.core.base import Record
from footnote.rag.core.records import Answer
from footnote.rag.core.request import Act, Filters, Kind, Operation, Request
from footnote.rag.llm.port import Model
from footnote.rag.llm.prompts import ask_to_read
from footnote.rag.llm.talk import ask_once

_MAX_TOKENS, _MAX_S = 400, 20.0
# Turns that it is told of.
_TURNS = 4
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)


class _Read(Record):
    """What a model writes of a line."""

    question: str
    kind: Kind
    act: Act = Act.NEW
    topic: str = ""
    sides: tuple[str, ...] = ()
    operation: Operation | None = None
    since: datetime.date | None = None
    until: datetime.date | None = None
    organisation: str | None = None
    author: str | None = None
    nth: int | None = None


def read_with_model(model: Model, line: str, turns: Sequence[Answer]) -> Request | None:
    """Read a line of a conversation.

    Args:
        model: Who reads it; it is given little time.
        line: As a person typed it.
        turns: What was said before, oldest first.

    Returns:
        What is asked, the line written out in full; None when the model fails, or does not write
        such a record.
    """
    before = [(turn.question, turn.answer) for turn in turns[-_TURNS:]]
    said = ask_once(model, ask_to_read(line, before), timeout_s=_MAX_S, max_tokens=_MAX_TOKENS)
    written = _OBJECT.search(said or "")
    try:
        read = _Read.model_validate(json.loads(written[0])) if written else None
        return _request(read, line) if read else None
    except (ValidationError, json.JSONDecodeError, RecursionError):
        return None


def _request(read: _Read, line: str) -> Request:
    """Make the record.

    Raises:
        ValidationError: A value of it cannot be.
    """
    is_comparison, is_catalogue = read.kind is Kind.COMPARISON, read.kind is Kind.CATALOGUE
    return Request(
        question=read.question.strip() or line,
        kind=read.kind,
        act=read.act,
        topic=read.topic.strip(),
        sides=tuple(filter(None, map(str.strip, read.sides))) if is_comparison else (),
        filters=Filters(
            since=read.since,
            until=read.until,
            organisation=(read.organisation or "").strip() or None,
            author=(read.author or "").strip() or None,
        ),
        operation=read.operation if is_catalogue else None,
        nth=read.nth if read.act is Act.NTH else None,
        by="model",
    )
