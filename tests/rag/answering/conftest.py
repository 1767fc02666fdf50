"""What tests of the collection share: a catalogue of papers made by hand, which is asked."""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest

from footnote.rag.answering.collection import answer_from_catalogue
from footnote.rag.answering.sentences import Evidence
from footnote.rag.core.partial import PartialDate
from footnote.rag.core.records import Answer, Paper, Sighting
from footnote.rag.core.request import Kind, Operation, Request
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.catalogue import Catalogue
from tests.rag.index.small import paper as plain_paper


class Nearby:
    """What a search would find."""

    def __init__(self, found: Sequence[Evidence]):
        self._found = found

    def order(self) -> list[str]:
        return [e.paper.paper_id for e in self._found]

    def evidence(self) -> Sequence[Evidence]:
        return self._found


class Asking:
    """A catalogue and the words of the same papers, asked one thing after another."""

    def __init__(self, folder: Path, *papers: Paper):
        self.catalogue = Catalogue(folder / "catalogue.sqlite", create=True)
        self.catalogue.save([(p, []) for p in papers], {})
        self.catalogue.switch("snapshot")
        self.words = BM25Index(folder / "bm25")
        self.words.replace(papers)
        self.papers = {p.paper_id: p for p in papers}
        self.near: list[Evidence] = []
        """What comes near any topic."""

    def __call__(
        self,
        operation: Operation | None,
        topic: str = "",
        *,
        skip: int = 0,
        asked: Mapping[str, object] = MappingProxyType({}),
        **filters: object,
    ) -> Answer:
        fields = {
            "question": "what is asked?",
            "kind": Kind.CATALOGUE,
            "topic": topic,
            "filters": filters,
            "operation": operation,
        }
        request = Request.model_validate(fields | dict(asked))
        answer = answer_from_catalogue(
            request, self.catalogue, self.words, Nearby(self.near), skip=skip
        )
        self.check(answer, request)
        return answer

    def check(self, answer: Answer, request: Request) -> None:
        """Whatever was asked, what is shown holds together."""
        assert (answer.request, answer.question) == (request, request.question)
        assert (answer.mode, answer.confidence) == ("quote", None)
        assert answer.refused == (answer.reason is not None)
        assert [s.marker for s in answer.sources] == [*range(1, len(answer.sources) + 1)]
        assert all(s.title == self.papers[s.paper_id].title for s in answer.sources)
        used: list[int] = []
        for block in answer.blocks:
            assert all(len(row) == len(block.columns) for row in block.rows)
            used += [place for row in block.rows for cell in row for place in cell.sentences]
        assert used == [*range(len(answer.sentences))]
        for sentence in answer.sentences:
            [citation] = sentence.citations
            own = self.papers[citation.paper_id]
            assert own.abstract[citation.start : citation.end] == citation.quote == sentence.text
            assert answer.sources[citation.marker - 1].paper_id == own.paper_id
            assert f"{sentence.text} [{citation.marker}]" in answer.answer


def evidence(of: Paper, number: int = 0) -> Evidence:
    return Evidence(of, number, 0.9, 0.5, 0.5, (), leans=False, features={})


def paper(
    title: str, abstract: str = "It is short.", date: str | None = None, **known: object
) -> Paper:
    authors = known.get("authors", ())
    assert isinstance(authors, tuple)
    found = {"n_authors": len(authors) or None} | known
    found["date"] = date and datetime.date.fromisoformat(date)
    found["sightings"] = (Sighting(source=str(known.pop("source", "a.txt"))),)
    found.pop("source", None)
    return plain_paper(title, abstract).model_copy(update=found)


NOT_TOLD = (
    "Not on record: full texts, venues, languages, licences, what a field means beyond its name,"
    " who put the papers together, and when."
)

FIVE = (
    paper("Alpha", "We cache. Models are quantized to 4 bits. Quantizing helps.", "2024-05-01",
          organisation="ACME", upvotes=3, authors=("Ada Li", "Bo Ek"), source="b.txt"),
    paper("Bravo", "Quantization is costly.", "2023-01-31", organisation="acme", upvotes=12),
    paper("Charlie: Quantization", "It halves a model.", organisation="Other", n_authors=7),
    paper("Delta", "It routes.", "2024-05-01", withdrawn=True, date_inferred=True, upvotes=3),
    paper("Echo", "It is a model, quantized."),
)  # fmt: skip


@pytest.fixture
def five(tmp_path: Path) -> Asking:
    return Asking(tmp_path, *FIVE)


def table(answer: Answer, place: int = -1) -> list[list[str]]:
    block = answer.blocks[place]
    said = [[cell.text for cell in row] for row in block.rows]
    return [list(block.columns), *said]


def listed(answer: Answer) -> list[str]:
    return [row[0] for row in table(answer)[1:]] if answer.blocks else []


def seen(title: str, *sources: str, **known: object) -> Paper:
    sightings = tuple(Sighting(source=source) for source in sources)
    return paper(title).model_copy(update={"sightings": sightings} | known)


day = datetime.date


@pytest.fixture
def lists(tmp_path: Path) -> Asking:
    return Asking(
        tmp_path,
        seen("Alpha", "a.txt", "b.txt", date=day(2023, 5, 1), upvotes=3, n_authors=2),
        seen(
            "Bravo", "a.txt", "b.txt", "c.txt", date=day(2024, 2, 1), upvotes=9, organisation="ACME"
        ),
        seen(
            "Charlie", "c.txt", date=day(2024, 2, 20), upvotes=4, n_authors=4, organisation="Acme"
        ),
        seen("Delta", "c.txt", date=PartialDate(2023), upvotes=1, organisation="Other"),
    )
