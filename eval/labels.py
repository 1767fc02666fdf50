"""Read what people labelled: lines, roles of sentences, marks, conversations.

Kept in `eval/training/`, JSONL, by writer or by field. Labels of abstracts that are not free to be
copied name the paper by its title and the sentences by their numbers.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from pydantic import ConfigDict, Field

from footnote.ingest.clean import clean_text
from footnote.ingest.identity.merge import to_paper
from footnote.ingest.record import SourceRecord
from footnote.ingest.sources import read_source
from footnote.rag.core.base import Record, Text
from footnote.rag.core.records import Paper
from footnote.rag.core.request import Act, Kind, Operation

SHARED = Path(__file__).parent.parent.parent / "shared"
FOLDER = Path(__file__).with_name("training")
_SAMPLE = FOLDER.parent.parent / "ingest" / "sample"


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
    """A letter a sentence, the first of `Role`; in lower case where the sentence leans on the one
    before it."""
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
    writer: Text = "talks-systems"
    field: Text
    turns: tuple[Line, ...]


def lines() -> list[LabelledLine]:
    """Read all labelled lines."""
    return [LabelledLine.model_validate(row) for row in _rows("lines*.jsonl")]


def marks(files: str = "marks*.jsonl") -> list[MarkedQuestion]:
    """Read all marked questions, or those of some files, named by a pattern."""
    return [MarkedQuestion.model_validate(row) for row in _rows(files)]


def abstracts() -> list[LabelledAbstract]:
    """Read the roles of all labelled abstracts."""
    return [LabelledAbstract.model_validate(row) for row in _rows("roles*.jsonl")]


def talks() -> list[Talk]:
    """Read all conversations."""
    return [Talk.model_validate(row) for row in _rows("talks*.jsonl")]


def leaning_talks() -> list[Talk]:
    """Read the conversations by which it is fitted what leans; what reads lines never sees them."""
    return [Talk.model_validate(row) for row in _rows("leaning*.jsonl")]


def sentences_of_abstracts(shared: Path = SHARED) -> dict[tuple[str, str], tuple[str, ...]]:
    """Read the sentences of the labelled abstracts, by their field and title.

    Those of the sample are of the field `digests`: another hand writes of the same papers.

    Args:
        shared: What holds the others that are not bundled; they are left out where it is not here.
    """
    read = [*collections(shared), ("digests", read_papers(*sorted(_SAMPLE.iterdir())))]
    return {
        (field, paper.title): tuple(map(paper.quote, paper.sentences))
        for field, papers in read
        for paper in papers
    }


def collections(shared: Path = SHARED) -> Iterator[tuple[str, list[Paper]]]:
    """Yield each field with its papers: two that are bundled, and two of `shared` if it is here."""
    for field in sorted(bundled()):
        yield field, read_papers(FOLDER / f"papers_{field}.jsonl")
    pages, beir = shared / "corpus" / "pages", shared / "benchmarks" / "scifact"
    if pages.is_dir():
        yield "systems", read_papers(*sorted(pages.iterdir()))
    if beir.is_dir():
        marked = {title for m in marks() for title in m.answers} | {a.title for a in abstracts()}
        yield "biomedicine", read_papers(beir / "corpus.jsonl", titles=marked)


def bundled() -> set[str]:
    """Return the fields whose papers, written for this, are in `training`."""
    return {file.stem.removeprefix("papers_") for file in FOLDER.glob("papers_*.jsonl")}


def read_papers(*files: Path, titles: Collection[str] | None = None) -> list[Paper]:
    """Read the papers of some files, one of each title; where titles are given, of these alone."""
    records = (record for file in files for record in read_source(file, file.name))
    read = (
        to_paper(record)
        for record in records
        if isinstance(record, SourceRecord)
        if titles is None or clean_text(record.title) in titles
    )
    return list({paper.title: paper for paper in read}.values())


def _rows(pattern: str) -> Iterator[dict[str, object]]:
    for file in sorted(FOLDER.glob(pattern)):
        with file.open(encoding="utf-8") as written:
            yield from map(json.loads, written)
