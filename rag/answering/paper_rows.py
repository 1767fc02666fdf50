"""Answers about the collection laid out: a page of papers, or of names with counts."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from footnote.rag.answering.asked_papers import AskedPapers
from footnote.rag.answering.sentences import Evidence
from footnote.rag.core.records import Answer, Block, Cell, Citation, Paper, Sentence, Source
from footnote.rag.core.request import Operation, RecordField
from footnote.rag.core.text import has_address
from footnote.rag.index.facts import Facts

PAGE = 12
"""Rows that are shown at once, unless a question says how many."""
_BESIDE = "These come near without saying it, the nearest first."
_MOST_ROWS = 100


class ShownPapers(NamedTuple):
    """A page of papers."""

    papers: Sequence[Paper]
    quotes: Sequence[Sentence | None]
    """One a paper."""
    tables: Sequence[Block]


def page_of(asked: AskedPapers) -> int:
    """Return how many rows are shown at once."""
    # The number that is asked for is of each.
    limit = None if asked.request.each else asked.request.limit
    return min(limit or PAGE, _MOST_ROWS)


def shown(
    asked: AskedPapers,
    chosen: Sequence[Facts],
    *,
    authors: Literal["names", "number"] | None = None,
) -> ShownPapers:
    """Show a page of papers, with a sentence that says the topic where the title does not.

    Args:
        asked: What is asked.
        chosen: The papers, in order.
        authors: What is told of them; with their names no sentence is quoted.
    """
    end = asked.skip + page_of(asked)
    page = [p.paper_id for p in chosen[asked.skip : end]]
    served = asked.catalogue.served(page)
    papers = [served[paper_id] for paper_id in page if paper_id in served]
    quotes = [
        None if authors == "names" else _quoted(asked, paper, marker)
        for marker, paper in enumerate(papers, start=1)
    ]
    n_more = max(len(chosen) - end, 0)
    table = _table(papers, quotes, authors=authors, seen=_asks_of_sources(asked), n_more=n_more)
    return ShownPapers(papers, quotes, (table,))


def _with_others(page: ShownPapers, others: Sequence[Evidence]) -> ShownPapers:
    """Add a table of papers that come near, each with the sentence that tells of it best."""
    papers, quotes = _cited(others, first=len(page.papers) + 1)
    n_quoted = sum(map(bool, page.quotes))
    table = _table(papers, quotes, first=len(page.papers) + 1, n_quoted=n_quoted)
    table = table.model_copy(update={"text": _BESIDE})
    tables = page.tables if page.papers else ()
    return ShownPapers([*page.papers, *papers], [*page.quotes, *quotes], (*tables, table))


def _cited(found: Sequence[Evidence], *, first: int) -> tuple[list[Paper], list[Sentence]]:
    """Return papers with a sentence of each, cited by markers from the first one on."""
    quotes = [
        Sentence(
            text=e.quote,
            verdict="quoted",
            citations=(Citation.of(e.paper, e.span, marker=marker, score=e.score),),
        )
        for marker, e in enumerate(found, start=first)
    ]
    return [e.paper for e in found], quotes


def with_undated(answer: Answer, near: Sequence[Evidence]) -> Answer:
    """Add to an answer papers without a date, that come near and may be of the days asked for.

    What was refused is answered by them.
    """
    first, n = len(answer.sources) + 1, len(near)
    papers, quotes = _cited(near, first=first)
    verbs = ("comes", "has") if n == 1 else ("come", "have")
    what = "more paper" if answer.sources else "paper"
    said = f"{counted(n, what)} {verbs[0]} near and {verbs[1]} no date:"
    table = _table(papers, quotes, first=first, n_quoted=len(answer.sentences))
    lines = [answer.answer, said]
    rows = enumerate(zip(papers, quotes, strict=True), start=first)
    lines += [_line(paper, marker, quote, None) for marker, (paper, quote) in rows]
    blocks = answer.blocks
    if answer.refused:
        blocks = (Block(form="prose", text=answer.answer),)
    return answer.model_copy(
        update={
            "answer": "\n".join(lines),
            "refused": False,
            "reason": None,
            "nearest": (),
            "sentences": (*answer.sentences, *quotes),
            "sources": (*answer.sources, *(Source.of(p, m) for m, p in enumerate(papers, first))),
            "blocks": (*blocks, table.model_copy(update={"text": said})),
        }
    )


def _table(
    papers: Sequence[Paper],
    quotes: Sequence[Sentence | None],
    *,
    authors: Literal["names", "number"] | None = None,
    seen: bool = False,
    first: int = 1,
    n_quoted: int = 0,
    n_more: int = 0,
) -> Block:
    """Lay out a row a paper, of what is known of any of them.

    Args:
        papers: In order.
        quotes: One a paper.
        authors: What is told of them.
        seen: True where it is told in which sources a paper was seen.
        first: The marker of the first paper.
        n_quoted: Sentences that the answer has before these.
        n_more: Papers that are not shown.
    """
    n_before = [n_quoted + sum(map(bool, quotes[:place])) for place in range(len(quotes))]
    columns = {
        "Paper": [Cell(text=p.title, marker=marker) for marker, p in enumerate(papers, first)],
        "Date": [Cell(text=dated(p)) for p in papers],
        "Organisation": [Cell(text=p.organisation or "") for p in papers],
        "Upvotes": [Cell(text="" if p.upvotes is None else f"{p.upvotes:,}") for p in papers],
        "Authors": [Cell(text=_author_cell(p, authors)) for p in papers],
        "Seen in": [Cell(text=", ".join(_sources(p)) if seen else "") for p in papers],
        "Says": [
            Cell(sentences=(place,) if quote else ())
            for quote, place in zip(quotes, n_before, strict=True)
        ],
    }
    told = {
        name: cells for name, cells in columns.items() if any(c.text or c.sentences for c in cells)
    }
    return Block(
        form="table",
        columns=tuple(told),
        rows=tuple(zip(*told.values(), strict=True)),
        n_more=n_more,
    )


def _asks_of_sources(asked: AskedPapers) -> bool:
    filters = asked.request.filters
    of_sources = (filters.min_sources, filters.max_sources) != (None, None)
    return of_sources or asked.request.operation is Operation.MOST_SEEN


def _sources(paper: Paper) -> list[str]:
    return sorted({sighting.source for sighting in paper.sightings})


def _quoted(asked: AskedPapers, paper: Paper, marker: int) -> Sentence | None:
    """Quote the first sentence that says the topic, where the title does not; None for none.

    One that holds a web address where that is asked for.
    """
    shows = has_address if RecordField.LINK in (asked.filters.told or ()) else asked.is_said_in
    is_told = not asked.has_topic or asked.request.in_title or asked.is_said_in(paper.title)
    if is_told and shows is not has_address:
        return None
    for span in paper.sentences:
        quote = paper.quote(span)
        if shows(quote):
            citation = Citation.of(paper, span, marker=marker, score=1.0)
            return Sentence(text=quote, verdict="quoted", citations=(citation,))
    return None


def dated(paper: Paper) -> str:
    """Return the date of a paper, and if its year was inferred; empty where none is known."""
    return f"{paper.date}{' (year inferred)' * paper.date_inferred}" if paper.date else ""


def _author_cell(paper: Paper, told: Literal["names", "number"] | None) -> str:
    if told is None or not (paper.authors or paper.n_authors):
        return ""
    if told == "names" and paper.authors:
        return ", ".join(paper.authors)
    return counted(paper.n_authors or len(paper.authors), "author")


def with_papers(
    asked: AskedPapers,
    papers: Sequence[Facts],
    text: str,
    *,
    form: Literal["count", "prose"] = "prose",
    n: int | None = None,
    authors: Literal["number"] | None = None,
    others: Sequence[Evidence] = (),
) -> Answer:
    """Answer with a text and a page of papers; a later page only says which it is.

    Args:
        asked: What is asked.
        papers: Those to list, in order.
        text: Said before them.
        form: Of the text.
        n: Of a count: how many it counts.
        authors: What rows tell of authors.
        others: Those that come near, listed after them.
    """
    page = shown(asked, papers, authors=authors)
    if asked.skip:
        if not page.papers:
            return refused(asked, all_shown(len(papers)) if papers else asked.counted())
        first, last = asked.skip + 1, asked.skip + len(page.papers)
        which = f"Papers {first:,} to {last:,}" if last > first else f"Paper {last:,}"
        text, form, n = f"{which} of {len(papers):,}.", "prose", None
    elif others:
        page = _with_others(page, others)
    lines = _lines(page, authors)
    if others and not asked.skip:
        lines.insert(-len(others), _BESIDE)
    tables = page.tables if page.papers else ()
    # Who asks for five papers knows that there are more.
    rest = more(page) if asked.skip or not asked.request.limit else []
    return answer(asked, [text, *lines, *rest], [Block(form=form, text=text, n=n), *tables], page)


def _lines(page: ShownPapers, authors: Literal["number"] | None = None) -> list[str]:
    """Write a page of papers for a terminal, a row each."""
    rows = enumerate(zip(page.papers, page.quotes, strict=True), start=1)
    return [_line(paper, marker, quote, authors) for marker, (paper, quote) in rows]


def _line(
    paper: Paper, marker: int, quote: Sentence | None, authors: Literal["number"] | None
) -> str:
    """Write a row for a terminal."""
    upvotes = "" if paper.upvotes is None else counted(paper.upvotes, "upvote")
    told = [dated(paper), paper.organisation, upvotes, _author_cell(paper, authors)]
    known = [each for each in told if each]
    record = f" ({', '.join(known)})" if known else ""
    return f"- {paper.title}{record}{f': {quote.text}' if quote else ''} [{marker}]"


def with_counts(
    asked: AskedPapers,
    text: str,
    *tables: tuple[str, Sequence[tuple[str, int]]],
    also: Sequence[tuple[str, int]] = (),
    page: ShownPapers | None = None,
) -> Answer:
    """Answer with a text, a page of each of some tables, and of papers.

    Args:
        asked: What is asked.
        text: Said before the tables.
        tables: A name, and how many papers have it, by what these are names of.
        also: Rows at the end of each table.
        page: Papers to list below.
    """
    blocks = [Block(form="count", text=text, n=len(asked.papers))]
    lines = [text]
    for what, counts in tables:
        counted_here = [*counts[asked.skip : asked.skip + page_of(asked)], *also]
        table = Block(
            form="table",
            columns=(what, "Papers"),
            rows=tuple((Cell(text=name), Cell(text=f"{n:,}")) for name, n in counted_here),
            n_more=max(len(counts) - asked.skip - page_of(asked), 0),
        )
        blocks.append(table)
        rows = [f"- {name}: {counted(n, 'paper')}" for name, n in counted_here]
        rest = _more(table.n_more) if asked.skip or not asked.request.limit else []
        lines += [f"{what}:", *rows, *rest]
    if page:
        lines += _lines(page)
        blocks += page.tables
    return answer(asked, lines, blocks, page)


def answer(
    asked: AskedPapers,
    lines: Iterable[str],
    blocks: Iterable[Block],
    page: ShownPapers | None = None,
) -> Answer:
    """Answer with lines for a terminal and blocks for a page, on the papers that are shown."""
    papers, quotes = (page.papers, page.quotes) if page else ((), ())
    return Answer(
        question=asked.request.question,
        answer="\n".join(lines),
        refused=False,
        reason=None,
        sentences=tuple(quote for quote in quotes if quote),
        sources=tuple(Source.of(paper, marker) for marker, paper in enumerate(papers, start=1)),
        mode="quote",
        request=asked.request,
        blocks=tuple(blocks),
    )


def refused(asked: AskedPapers, reason: str) -> Answer:
    """Answer with nothing but why."""
    return Answer(
        question=asked.request.question,
        answer=reason,
        refused=True,
        reason=reason,
        sentences=(),
        sources=(),
        mode="quote",
        request=asked.request,
    )


def all_shown(n: int) -> str:
    """Say that there are no more rows than were shown."""
    return f"There are no more: {'the only one was' if n == 1 else f'all {n:,} were'} shown."


def more(page: ShownPapers) -> list[str]:
    """Say how many rows are not shown; nothing where all are."""
    return _more(sum(table.n_more for table in page.tables))


def _more(n: int) -> list[str]:
    return [f"and {n:,} more"] if n else []


def counted(n: int, what: str) -> str:
    """Return `1 paper`, `2 papers`."""
    return f"{n:,} {what}{'s' * (n != 1)}"


def capital(text: str) -> str:
    """Return a text with its first letter a capital."""
    return text[:1].upper() + text[1:]


def shares(counts: Sequence[tuple[str, int]]) -> str:
    """Return names with how many papers each has: `“a” 2, “b” 1`."""
    return ", ".join(f"“{name}” {n:,}" for name, n in counts)


def enumerated(names: Sequence[str], last: str = "and") -> str:
    """Return `a, b and c`."""
    return f"{', '.join(names[:-1])} {last} {names[-1]}" if len(names) > 1 else "".join(names)
