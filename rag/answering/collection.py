"""Answer from the fields of the records: how many, which, the newest, whose, since when.

Everything counted is counted of all papers, and what the records do not tell is said.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from footnote.rag.core.records import Answer, Block, Cell, Citation, Paper, Sentence, Source
from footnote.rag.core.request import Filters, Operation, Request
from footnote.rag.core.text import closest, words
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.facts import Facts

PAGE = 12
"""Rows that are shown at once."""


class Words(Protocol):
    """An index of the words of titles and abstracts."""

    def terms(self, text: str) -> list[str]:
        """Return the words of a text as searched."""
        ...

    def holding(self, text: str) -> list[str]:
        """Return the ids of the papers that hold every word of a text in some form."""
        ...


def answer_from_catalogue(
    request: Request, catalogue: Catalogue, words: Words, *, skip: int = 0
) -> Answer:
    """Answer a question of the kind `catalogue`; one that names no operation asks for a list.

    Args:
        request: What is asked. Papers fit if the filters let them through and title or abstract
            hold each word of the topic in some form.
        catalogue: Of all papers, of which those that the index holds are counted.
        words: Of the same papers.
        skip: Rows that were shown before: 12 gives the next 12.

    Returns:
        A table of counts, or of papers; each paper listed is a source, and where a sentence of its
        abstract says the topic, it is quoted. Refused only where nothing can be said.
    """
    asked = _Asked(request, catalogue, words, skip)
    return _ANSWERS[request.operation or Operation.LIST](asked)


class _Condition(NamedTuple):
    """What the papers asked about have in common."""

    of_one: str
    """As it is said of one paper: `is dated 2024-01-01 or later`."""
    of_many: str


@dataclass(frozen=True)
class _Lack:
    """Something that a record may not tell."""

    of: Callable[[Facts], bool]
    """Returns True for a record that does not."""
    has: str
    """What another has."""
    no: str
    """What such a one has none of."""

    def said_of(self, papers: Sequence[Facts], *, otherwise: bool = False) -> list[str]:
        """Say of how many of some papers it is not known; nothing where it is of all.

        Args:
            papers: Those that fit.
            otherwise: True if they fit but for what the filters ask of this.
        """
        n, n_all = sum(map(self.of, papers)), len(papers)
        if not n:
            return []
        if n_all == 1:
            return [f"The one paper{' that fits otherwise' * otherwise} has no {self.no}."]
        fitting = " that fit otherwise" * otherwise
        return [f"{n:,} of the {n_all:,}{fitting} {'has' if n == 1 else 'have'} no {self.no}."]


_DATE = _Lack(lambda p: p.date is None, "a date", "date")
_ORGANISATION = _Lack(lambda p: p.organisation is None, "an organisation", "organisation")
_UPVOTES = _Lack(lambda p: p.upvotes is None, "upvotes on record", "upvotes on record")
_NAMES = _Lack(lambda p: not p.names_authors, "the names of its authors", "names of authors")


class _Asked:
    """What is asked, and the papers that it is asked of, by title."""

    def __init__(self, request: Request, catalogue: Catalogue, words: Words, skip: int):
        self.request = request
        self.catalogue = catalogue
        self.words = words
        self.skip = skip
        self.terms = frozenset(words.terms(request.topic))
        self._holding = words.holding(request.topic) if self.terms else None
        self.n_every = catalogue.count_served()
        self.papers = self._fitting(request.filters)
        self.conditions = [*_filtered(request.filters), *self._said()]

    def _fitting(self, filters: Filters) -> list[Facts]:
        if self._holding is None:
            return self.catalogue.facts(self.catalogue.matching(filters))
        if not filters:  # those that are not served have no facts
            return self.catalogue.facts(self._holding)
        return self.catalogue.facts(self.catalogue.matching(filters).intersection(self._holding))

    def _said(self) -> list[_Condition]:
        topic = f"“{self.request.topic}”"
        if not self.terms:
            return []
        said = f"{topic} or a form of it in title or abstract"
        if len(self.terms) > 1:
            said = f"each word of {topic}, or a form of it, in title or abstract"
        return [_Condition(f"says {said}", f"say {said}")]

    @property
    def those(self) -> str:
        """The papers asked about, in words."""
        is_one = len(self.papers) == 1
        named = f"the paper{'s' * (not is_one)} here"
        if not self.conditions:
            return named
        common = [c.of_one if is_one else c.of_many for c in self.conditions]
        return f"{named} that {' and '.join(common)}"

    def counted(self) -> str:
        """Say how many there are, of how many."""
        n, n_every = len(self.papers), self.n_every
        if not self.conditions:
            return f"There {'is' if n == 1 else 'are'} {_n(n, 'paper')} here."
        of_one = " and ".join(c.of_one for c in self.conditions)
        if not n:
            return f"No paper here {of_one}."
        if n_every == 1:
            return f"The one paper here {of_one}."
        said = of_one if n == 1 else " and ".join(c.of_many for c in self.conditions)
        return f"{n:,} of the {n_every:,} papers here {said}."

    def left_out(self) -> list[str]:
        """Say of how many papers it is not known if the filters let them through."""
        filters = self.request.filters
        said: list[str] = []
        vague: set[str] = set()
        if filters.since or filters.until:
            maybe = self._fitting(filters.model_copy(update={"undated": True}))
            vague = {p.paper_id for p in maybe if p.date} - {p.paper_id for p in self.papers}
        day = _Lack(lambda p: p.paper_id in vague, "a day", "exact day on record")
        for fields, lack in (
            (("since", "until"), _DATE),
            (("since", "until"), day),
            (("organisation",), _ORGANISATION),
            (("author",), _NAMES),
        ):
            wider = filters.model_copy(update=dict.fromkeys(fields))
            if wider != filters:
                others = self._fitting(wider)
                said += lack.said_of(others, otherwise=len(others) < self.n_every)
        return said

    def all_counted(self, *lacking: _Lack) -> str:
        """Say how many there are and what is not known of them."""
        unknown = [line for lack in lacking for line in lack.said_of(self.papers)]
        return " ".join(dict.fromkeys([self.counted(), *unknown, *self.left_out()]))


def _filtered(filters: Filters) -> list[_Condition]:
    """Say what the filters let through."""
    found: list[_Condition] = []
    if filters.since and filters.until:
        dated = f"dated {filters.since} to {filters.until}"
        found.append(_Condition(f"is {dated}", f"are {dated}"))
    elif day := filters.since or filters.until:
        dated = f"dated {day} or {'later' if filters.since else 'earlier'}"
        found.append(_Condition(f"is {dated}", f"are {dated}"))
    if filters.organisation:
        named = f"the organisation {filters.organisation}"
        found.append(_Condition(f"has {named}", f"have {named}"))
    if filters.source:
        seen = f"seen in “{filters.source}”"
        found.append(_Condition(f"was {seen}", f"were {seen}"))
    if filters.author:
        author = f"an author called “{filters.author}”"
        found.append(_Condition(f"has {author}", f"have {author}"))
    if filters.withdrawn is not None:
        said = f"{'' if filters.withdrawn else 'not '}withdrawn or retracted"
        found.append(_Condition(f"is {said}", f"are {said}"))
    if filters.reports_number is not None:
        states, state = ("states", "state") if filters.reports_number else ("has no", "have no")
        found.append(_Condition(f"{states} a measured value", f"{state} measured values"))
    return found


def _count(asked: _Asked) -> Answer:
    return _with_papers(asked, asked.papers, asked.all_counted(), form="count")


def _list(asked: _Asked) -> Answer:
    return _count(asked) if asked.papers else _refused(asked, asked.all_counted())


def _ordered(
    how: str, key: Callable[[Facts], int | None], lack: _Lack
) -> Callable[[_Asked], Answer]:
    """Make what lists papers by a number that their records may lack, largest first."""

    def answer(asked: _Asked) -> Answer:
        if not asked.papers:
            return _refused(asked, asked.all_counted())
        known = [(value, p) for p in asked.papers if (value := key(p)) is not None]
        if not known:
            return _refused(asked, _nothing_known(asked, lack))
        # Sorting keeps the order of titles among equals.
        ordered = [p for _, p in sorted(known, key=lambda each: -each[0])]
        said = [f"{_capital(asked.those)}, {how}.", *lack.said_of(asked.papers), *asked.left_out()]
        return _with_papers(asked, ordered, " ".join(dict.fromkeys(said)))

    return answer


def _day(paper: Facts) -> int | None:
    # What is known of a date: 20230000 is before each day of 2023.
    return int(paper.date.replace("-", "").ljust(8, "0")) if paper.date else None


def _days_back(paper: Facts) -> int | None:
    return -day if (day := _day(paper)) else None


def _by_year(asked: _Asked) -> Answer:
    years = Counter(p.year for p in asked.papers if p.year)
    return _tally(asked, "Year", sorted(years.items(), reverse=True), _DATE)


def _by_organisation(asked: _Asked) -> Answer:
    return _tally(asked, "Organisation", _organisations(asked.papers), _ORGANISATION)


def _organisations(papers: Iterable[Facts]) -> list[tuple[str, int]]:
    """Count papers by organisation, in any case, shown as most write it; most papers first."""
    written = Counter(p.organisation for p in papers if p.organisation)
    counts: Counter[str] = Counter()
    shown: dict[str, str] = {}
    for name, n in sorted(written.items(), key=_most_first):
        counts[name.casefold()] += n
        shown.setdefault(name.casefold(), name)
    return sorted(((shown[key], n) for key, n in counts.items()), key=_most_first)


def _most_first(counted: tuple[str, int]) -> tuple[int, str, str]:
    name, n = counted
    return -n, name.casefold(), name


def _tally(asked: _Asked, what: str, counts: Sequence[tuple[str, int]], lack: _Lack) -> Answer:
    """Answer with how many papers have each of some names, and how many have none."""
    if not asked.papers:
        return _refused(asked, asked.all_counted())
    if not counts:
        return _refused(asked, _nothing_known(asked, lack))
    if asked.skip >= len(counts):
        return _refused(asked, _all_shown(len(counts)))
    unknown = sum(map(lack.of, asked.papers))
    also = [("not known", unknown)] if unknown else []
    return _with_counts(asked, asked.all_counted(lack), (what, counts), also=also)


def _authors(asked: _Asked) -> Answer:
    """Say who wrote the papers referred to, or one by its title; or what an author wrote."""
    if asked.request.filters.author:
        if not asked.catalogue.names_authors():
            return _refused(asked, _no_names(asked.n_every))
        return _list(asked)
    if not asked.request.refers_to and not asked.terms:
        return _every_author(asked)
    papers = _named(asked)
    if not papers:
        return _refused(asked, f"No title here is like “{asked.request.topic}”.")
    shown = _shown(asked, papers, with_authors=True)
    if asked.skip:
        return _with_papers(asked, papers, "")
    said = [_written_by(paper) for paper in shown.papers]
    if all(p.n_authors is None and not p.names_authors for p in papers):
        return _refused(asked, " ".join(said))
    lines = [f"{line} [{n}]" for n, line in enumerate(said, start=1)]
    prose = Block(form="prose", text=" ".join(said))
    return _answer(asked, [*lines, *_more(shown.table)], [prose, shown.table], shown)


def _every_author(asked: _Asked) -> Answer:
    if not asked.papers:
        return _refused(asked, asked.all_counted())
    names = asked.catalogue.names("author", [p.paper_id for p in asked.papers])
    if not names:
        return _refused(asked, _no_names(len(asked.papers)))
    if asked.skip >= len(names):
        return _refused(asked, _all_shown(len(names)))
    verb = "names" if len(asked.papers) == 1 else "name"
    said = [f"{_capital(asked.those)} {verb} {_n(len(names), 'author')}."]
    text = " ".join([*said, *_NAMES.said_of(asked.papers), *asked.left_out()])
    return _with_counts(asked, text, ("Author", [*names.items()]))


def _named(asked: _Asked) -> list[Facts]:
    """Return the papers referred to, or else the one whose title is like the topic."""
    if ids := asked.request.refers_to:
        known = [own for each in ids if (own := asked.catalogue.resolve(each))]
        by_id = {p.paper_id: p for p in asked.catalogue.facts(known)}
        return [by_id[own] for own in dict.fromkeys(known) if own in by_id]
    found = [p for p in asked.papers if asked.terms <= {*asked.words.terms(p.title)}]
    if not found:
        others = asked.catalogue.facts(asked.catalogue.matching(asked.request.filters))
        meant = closest(asked.request.topic, (p.title for p in others))
        found = [p for p in others if p.title == meant]
    return sorted(found, key=lambda p: len(p.title))[:1]


def _written_by(paper: Paper) -> str:
    if paper.authors:
        return f"“{paper.title}” is by {_enumerated(paper.authors)}."
    if paper.n_authors:
        n = _n(paper.n_authors, "author")
        return f"“{paper.title}” has {n}, whose names its record does not tell."
    return f"The record of “{paper.title}” names no authors."


def _no_names(n: int) -> str:
    if n == 1:
        return "The record of the one paper asked about names no authors."
    return f"None of the records of the {n:,} papers asked about names its authors."


def _about(asked: _Asked) -> Answer:
    """Say how many papers there are, of which days, and what their records tell."""
    if not asked.papers:
        return _refused(asked, asked.all_counted())
    papers = asked.papers
    dates = sorted(p.date for p in papers if p.date)
    said = [asked.all_counted()]
    if dates:
        dated = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
        said.append(f"The dates on record are {dated}." if len(dates) > 1 else f"Dated {dated}.")
    known = [
        ("a date", len(dates)),
        ("an organisation", sum(p.organisation is not None for p in papers)),
        ("upvotes", sum(p.upvotes is not None for p in papers)),
        ("a number of authors", sum(p.n_authors is not None for p in papers)),
        ("the names of authors", sum(p.names_authors for p in papers)),
    ]
    sources = asked.catalogue.names("source", [p.paper_id for p in papers])
    organisations = _organisations(papers)
    # Those of a few papers tell nothing of all.
    tells = 2 * sum(n for _, n in organisations) >= len(papers)
    often = ("Organisation", organisations) if tells else ("Word", _title_words(asked))
    tables = [("The record tells", known), ("Seen in", [*sources.items()]), often]
    return _with_counts(asked, " ".join(said), *(table for table in tables if table[1]))


def _title_words(asked: _Asked) -> list[tuple[str, int]]:
    """Count papers by the commonest words of their titles, each as most titles write it."""
    papers: Counter[str] = Counter()
    written: dict[str, Counter[str]] = {}
    terms: dict[str, list[str]] = {}
    for paper in asked.papers:
        said = {*words(paper.title)}
        for word in said:
            if word not in terms:
                terms[word] = asked.words.terms(word)
            for term in terms[word]:
                written.setdefault(term, Counter())[word] += 1
        papers.update({term for word in said for term in terms[word]})
    shown = {term: min(own.items(), key=_most_first)[0] for term, own in written.items()}
    return sorted(((shown[term], n) for term, n in papers.items()), key=_most_first)[:PAGE]


class _Shown(NamedTuple):
    """A page of papers."""

    papers: Sequence[Paper]
    quotes: Sequence[Sentence | None]
    """One a paper."""
    table: Block


def _shown(asked: _Asked, chosen: Sequence[Facts], *, with_authors: bool = False) -> _Shown:
    """Show a page of papers, each with a sentence that says the topic, if one does."""
    page = [p.paper_id for p in chosen[asked.skip : asked.skip + PAGE]]
    served = asked.catalogue.served(page)
    papers = [served[paper_id] for paper_id in page if paper_id in served]
    quotes = [
        None if with_authors else _quoted(asked, paper, marker)
        for marker, paper in enumerate(papers, start=1)
    ]
    n_before = [sum(map(bool, quotes[:place])) for place in range(len(quotes))]
    columns = {
        "Paper": [Cell(text=p.title, marker=marker) for marker, p in enumerate(papers, start=1)],
        "Date": [Cell(text=_dated(p)) for p in papers],
        "Organisation": [Cell(text=p.organisation or "") for p in papers],
        "Upvotes": [Cell(text="" if p.upvotes is None else f"{p.upvotes:,}") for p in papers],
        "Authors": [Cell(text=_author_cell(p) if with_authors else "") for p in papers],
        "Says": [
            Cell(sentences=(place,) if quote else ())
            for quote, place in zip(quotes, n_before, strict=True)
        ],
    }
    told = {
        name: cells for name, cells in columns.items() if any(c.text or c.sentences for c in cells)
    }
    table = Block(
        form="table",
        columns=tuple(told),
        rows=tuple(zip(*told.values(), strict=True)),
        n_more=max(len(chosen) - asked.skip - PAGE, 0),
    )
    return _Shown(papers, quotes, table)


def _quoted(asked: _Asked, paper: Paper, marker: int) -> Sentence | None:
    """Quote the first sentence that holds every word of the topic; None where none does."""
    for span in paper.sentences if asked.terms else ():
        quote = paper.quote(span)
        if asked.terms <= {*asked.words.terms(quote)}:
            citation = Citation.of(paper, span, marker=marker, score=1.0)
            return Sentence(text=quote, verdict="quoted", citations=(citation,))
    return None


def _dated(paper: Paper) -> str:
    return f"{paper.date}{' (year inferred)' * paper.date_inferred}" if paper.date else ""


def _author_cell(paper: Paper) -> str:
    return ", ".join(paper.authors) or (_n(paper.n_authors, "author") if paper.n_authors else "")


def _with_papers(
    asked: _Asked, papers: Sequence[Facts], text: str, *, form: Literal["count", "prose"] = "prose"
) -> Answer:
    """Answer with a text and a page of papers; a later page only says which it is."""
    shown = _shown(asked, papers)
    if asked.skip:
        if not shown.papers:
            return _refused(asked, _all_shown(len(papers)) if papers else asked.counted())
        first, last = asked.skip + 1, asked.skip + len(shown.papers)
        which = f"Papers {first:,} to {last:,}" if last > first else f"Paper {last:,}"
        text, form = f"{which} of {len(papers):,}.", "prose"
    n = len(papers) if form == "count" else None
    lines = [
        _line(paper, marker, quote)
        for marker, (paper, quote) in enumerate(
            zip(shown.papers, shown.quotes, strict=True), start=1
        )
    ]
    blocks = [Block(form=form, text=text, n=n), *([shown.table] if shown.papers else [])]
    return _answer(asked, [text, *lines, *_more(shown.table)], blocks, shown)


def _line(paper: Paper, marker: int, quote: Sentence | None) -> str:
    """Write a row for a terminal."""
    upvotes = "" if paper.upvotes is None else _n(paper.upvotes, "upvote")
    known = [each for each in (_dated(paper), paper.organisation, upvotes) if each]
    told = f" ({', '.join(known)})" if known else ""
    return f"- {paper.title}{told}{f': {quote.text}' if quote else ''} [{marker}]"


def _with_counts(
    asked: _Asked,
    text: str,
    *tables: tuple[str, Sequence[tuple[str, int]]],
    also: Sequence[tuple[str, int]] = (),
) -> Answer:
    """Answer with a text and a page of each of some tables: a name, and how many papers."""
    blocks = [Block(form="count", text=text, n=len(asked.papers))]
    lines = [text]
    for what, counts in tables:
        page = [*counts[asked.skip : asked.skip + PAGE], *also]
        table = Block(
            form="table",
            columns=(what, "Papers"),
            rows=tuple((Cell(text=name), Cell(text=f"{n:,}")) for name, n in page),
            n_more=max(len(counts) - asked.skip - PAGE, 0),
        )
        blocks.append(table)
        rows = [f"- {name}: {_n(n, 'paper')}" for name, n in page]
        lines += [f"{what}:", *rows, *_more(table)]
    return _answer(asked, lines, blocks)


def _answer(
    asked: _Asked, lines: Iterable[str], blocks: Iterable[Block], shown: _Shown | None = None
) -> Answer:
    papers, quotes = (shown.papers, shown.quotes) if shown else ((), ())
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


def _refused(asked: _Asked, reason: str) -> Answer:
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


def _nothing_known(asked: _Asked, lack: _Lack) -> str:
    if len(asked.papers) == 1:
        return f"{_capital(asked.those)} has no {lack.no}."
    return f"None of {asked.those} has {lack.has}."


def _all_shown(n: int) -> str:
    return f"There are no more: {'the only one was' if n == 1 else f'all {n:,} were'} shown."


def _more(table: Block) -> list[str]:
    return [f"and {table.n_more:,} more"] if table.n_more else []


def _n(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


def _enumerated(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_ANSWERS: dict[Operation, Callable[[_Asked], Answer]] = {
    Operation.COUNT: _count,
    Operation.LIST: _list,
    Operation.NEWEST: _ordered("newest first", _day, _DATE),
    Operation.OLDEST: _ordered("oldest first", _days_back, _DATE),
    Operation.MOST_UPVOTED: _ordered("most upvotes first", lambda p: p.upvotes, _UPVOTES),
    Operation.BY_YEAR: _by_year,
    Operation.BY_ORGANISATION: _by_organisation,
    Operation.AUTHORS: _authors,
    Operation.ABOUT: _about,
}
