"""Read what people labelled, which the heads are fitted to: lines, sentences, marks, conversations.

Kept in `eval/training/`, JSONL, by writer or by field. Labels of abstracts that are not free to be
copied name the paper by its title and the sentences by their numbers.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import ConfigDict, Field

from footnote.rag.core.base import Record, Text
from footnote.rag.core.request import Act, Kind, Operation

SHARED = Path(__file__).parent.parent.parent / "shared"
FOLDER = Path(__file__).with_name("training")


class LabelledLine(Record):
    """A line as a person types it, and what it asks for."""

    id: Text
    writer: Text
    field: Text
    text: Text
    history: tuple[Text, ...] = ()
    """What the same person typed before it, oldest first."""
    kind: Kind
    act: Act
    operation: Operation | None = None
    nth: int | None = None
    spans: Mapping[str, str | tuple[str, ...]] = {}
    """Parts of the line by what they name: `topic`, `sides`, `since` …"""


class MarkedQuestion(Record):
    """A question with the sentences that answer it."""

    model_config = ConfigDict(extra="allow")

    id: Text
    writer: Text
    field: Text
    question: Text
    kind: Kind
    kind_known: bool = True
    """False where only that no abstract answers it was noted."""
    topic: str | None = None
    sides: tuple[str, ...] = ()
    answers: dict[str, dict[int, int]] = Field(default={})
    """By title: grades by number of the sentence, 2 for one that answers by itself, 1 for one that
    belongs to a full answer. None for a question that no abstract answers."""


class LabelledAbstract(Record):
    """The roles of the sentences of an abstract."""

    field: Text
    title: Text
    roles: Text
    """A letter a sentence, the first of its name: background, problem, idea, mechanism, result,
    limitation, aside; in lower case where the sentence leans on the one before it."""
    leans_known: bool = True
    """False where all are in upper case."""


class Line(Record):
    """A line of a conversation, what it does, and which papers answer it."""

    model_config = ConfigDict(extra="allow")

    text: Text
    act: Act
    stands_alone: bool
    full: str
    """Written out so that it can be understood alone."""
    relevant: tuple[Text, ...] = ()
    """Titles."""


class Talk(Record):
    """A conversation."""

    id: Text
    field: Text
    turns: tuple[Line, ...]


def lines() -> list[LabelledLine]:
    """Read all labelled lines."""
    return [LabelledLine.model_validate(row) for row in _rows("lines*.jsonl")]


def marks() -> list[MarkedQuestion]:
    """Read all marked questions."""
    return [MarkedQuestion.model_validate(row) for row in _rows("marks*.jsonl")]


def abstracts() -> list[LabelledAbstract]:
    """Read the roles of all labelled abstracts."""
    return [LabelledAbstract.model_validate(row) for row in _rows("roles*.jsonl")]


def talks() -> list[Talk]:
    """Read all conversations."""
    return [Talk.model_validate(row) for row in _rows("talks*.jsonl")]


def _rows(pattern: str) -> Iterator[dict[str, object]]:
    for file in sorted(FOLDER.glob(pattern)):
        with file.open(encoding="utf-8") as written:
            yield from map(json.loads, written)
