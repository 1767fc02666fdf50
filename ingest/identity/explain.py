"""Explain why the records of a paper are one paper, and split it when they are not."""

from footnote.ingest.identity.merge import Join, joins_of, papers_of, regroup, split
from footnote.rag.core.base import Record
from footnote.rag.core.errors import PaperError
from footnote.rag.core.records import Paper
from footnote.rag.core.text import closest
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.index import Index
from footnote.rag.index.stored import Part
from footnote.rag.index.writer import IndexWriter, Progress


class SeenRecord(Record):
    """One record of a paper."""

    number: int
    source: str
    day: str | None
    title: str
    abstract: str
    arxiv_id: str | None
    version_number: int | None
    doi: str | None
    cite_key: str | None


class Joined(Record):
    """Two records of a paper, by their numbers, and the key that both have."""

    one: int
    other: int
    key: str
    likeness: float
    """Share of the words of the shorter abstract that the other has too."""


class Explanation(Record):
    """How a paper came to be; field by field as the command's `--json` prints it."""

    paper_id: str
    title: str
    aliases: tuple[str, ...]
    records: tuple[SeenRecord, ...]
    joins: tuple[Joined, ...]


def explain(catalogue: Catalogue, paper_id: str) -> Explanation:
    """Explain which records a paper is made of, and what joins them.

    Raises:
        PaperError: No paper has this id.
    """
    paper, parts = _parts(catalogue, paper_id)
    numbers = {part.part_id: number for number, part in enumerate(parts, start=1)}
    return Explanation(
        paper_id=paper.paper_id,
        title=paper.title,
        aliases=tuple(catalogue.aliases_of(paper.paper_id)),
        records=tuple(_seen(numbers[part.part_id], part.paper) for part in parts),
        joins=tuple(_joined(join, numbers) for join in joins_of(parts)),
    )


def split_paper(index: Index, paper_id: str, on_progress: Progress) -> list[Paper]:
    """Make the records of a paper separate papers for good; those with the same text stay together.

    Returns:
        The papers that there are now.

    Raises:
        PaperError: No paper has this id, or all its records have the same title and abstract.
    """
    writer = IndexWriter(index)
    with writer.writing():
        index.check_settings()
        paper, parts = _parts(index.catalogue, paper_id)
        apart = split(parts)
        if len(papers_of(apart)) == 1:
            raise PaperError(
                f"paper {paper.paper_id!r} cannot be split: "
                + (
                    "it is one record"
                    if len(parts) == 1
                    else f"its {len(parts)} records have the same title and abstract"
                )
            )
        change = regroup(apart, index.catalogue)
        index.catalogue.regroup(change)
        writer.update(on_progress)
    ours = {part.part_id for part in parts}
    ids = {i for i, kept in change.parts.items() if any(p.part_id in ours for p in kept)}
    return [paper for paper, _ in change.papers if paper.paper_id in ids]


def _parts(catalogue: Catalogue, paper_id: str) -> tuple[Paper, list[Part]]:
    own_id = catalogue.resolve(paper_id)
    if own_id is None:
        ids = {paper.title: paper.paper_id for paper in catalogue.papers()}
        title = closest(paper_id, ids)
        meant = f"did you mean {ids[title]!r}, {title!r}? " if title else ""
        raise PaperError(
            f"no paper is called {paper_id!r}; {meant}`footnote papers --json` lists the ids"
        )
    paper = catalogue.get([own_id])[own_id]
    return paper, catalogue.parts_of([paper])[own_id]


def _seen(number: int, paper: Paper) -> SeenRecord:
    sighting = paper.sightings[0] if paper.sightings else None
    return SeenRecord(
        number=number,
        source=sighting.source if sighting else "",
        day=sighting.day if sighting else None,
        title=paper.original_title,
        abstract=paper.abstract,
        arxiv_id=paper.arxiv_id,
        version_number=paper.version_number,
        doi=paper.doi,
        cite_key=paper.cite_keys[0] if paper.cite_keys else None,
    )


def _joined(join: Join, numbers: dict[str, int]) -> Joined:
    one, other = sorted((numbers[join.one.part_id], numbers[join.other.part_id]))
    return Joined(one=one, other=other, key=join.key, likeness=round(join.likeness, 3))
