"""Papers and answers as CSV that a spreadsheet opens and runs nothing of."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from footnote.export.references import listed
from footnote.rag.core.records import Answer, Block, Cell, Paper

# What spreadsheets take for the beginning of a formula; as OWASP lists them, full width included.
_FORMULA = re.compile(r"'*[=+\-@＝＋－＠]")
_PAPER_COLUMNS = (
    "title",
    "abstract",
    "authors",
    "date",
    "organisation",
    "upvotes",
    "arxiv_id",
    "doi",
    "url",
    "note",
    "paper_id",
    "n_authors",
    "tags",
)
_SENTENCE_COLUMNS = ("sentence", "verdict", "quote", "title", "url", "paper_id", "start", "end")
_TABLE_COLUMNS = ("url", "paper_id")


def papers_csv(papers: Iterable[Paper]) -> Iterator[str]:
    """Write a row a paper below a header, one at a time; `ingest` reads it back."""
    yield _row(_PAPER_COLUMNS)
    for paper in papers:
        yield _row(_paper_fields(paper))


def answer_csv(answer: Answer, papers: Mapping[str, Paper]) -> str:
    """Write the tables of an answer, one below the other, or a row a cited sentence.

    Args:
        answer: What is written.
        papers: Those that it cites, by id, as far as they are here.
    """
    tables = [block for block in answer.blocks if block.rows]
    if tables:
        return "\r\n".join("".join(_table(block, answer, papers)) for block in tables)
    return "".join(_sentences(answer, papers))


def _paper_fields(paper: Paper) -> Sequence[object]:
    version = f"v{paper.version_number}" if paper.version_number else ""
    return (
        paper.title,
        paper.abstract,
        "; ".join(paper.authors),
        None if paper.date_inferred else paper.date,
        paper.organisation,
        paper.upvotes,
        paper.arxiv_id and f"{paper.arxiv_id}{version}",
        paper.doi,
        paper.url,
        (paper.notice or "This paper was withdrawn.") if paper.withdrawn else None,
        paper.paper_id,
        paper.n_authors,
        listed(paper.tags),
    )


def _table(block: Block, answer: Answer, papers: Mapping[str, Paper]) -> Iterator[str]:
    yield _row([*block.columns, *_TABLE_COLUMNS])
    sources = {source.marker: source for source in answer.sources}
    for row in block.rows:
        marked = next((sources[c.marker] for c in row if c.marker in sources), None)
        paper = papers.get(marked.paper_id) if marked else None
        cells = (_cell(cell, answer) for cell in row)
        yield _row([*cells, paper and paper.url, marked and marked.paper_id])


def _cell(cell: Cell, answer: Answer) -> str:
    said = (answer.sentences[at].text for at in cell.sentences)
    return " ".join(filter(None, (cell.text, *said)))


def _sentences(answer: Answer, papers: Mapping[str, Paper]) -> Iterator[str]:
    yield _row(_SENTENCE_COLUMNS)
    for sentence in answer.sentences:
        for c in sentence.citations:
            paper = papers.get(c.paper_id)
            url = paper.url if paper else None
            cited = (c.quote, c.title, url, c.paper_id, c.start, c.end)
            yield _row([sentence.text, sentence.verdict, *cited])


def _row(fields: Iterable[object]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(["" if field is None else _field(str(field)) for field in fields])
    return line.getvalue()


def _field(text: str) -> str:
    """Write a text on one line; an apostrophe keeps what begins like a formula a text."""
    line = " ".join(text.split())
    return f"'{line}" if _FORMULA.match(line) else line
