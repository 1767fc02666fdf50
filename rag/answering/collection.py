"""Answer from the fields of the records: how many, which, the newest, whose, since when.

Everything counted is counted of all papers, and what the records do not tell is said.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from statistics import fmean, median
from typing import Literal, NamedTuple

from footnote.rag.answering.asked_papers import (
    AUTHORS,
    DATE,
    LACKS,
    NAMES,
    ORGANISATION,
    UPVOTES,
    AskedPapers,
    Lack,
    Near,
)
from footnote.rag.answering.asked_topic import Words
from footnote.rag.answering.paper_rows import (
    PAGE,
    all_shown,
    answer,
    capital,
    counted,
    dated,
    more,
    page_of,
    refused,
    shown,
    with_counts,
    with_papers,
)
from footnote.rag.answering.phrases import common_phrases
from footnote.rag.core.records import Answer, Block, Cell, Paper
from footnote.rag.core.request import Act, Operation, RecordField, Request
from footnote.rag.core.text import closest, identity_key, words
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.facts import Facts

# Of a name that several titles have, so many papers are told of.
_NAMESAKES = 3
_NOT_TOLD = (
    "Not on record: full texts, venues, languages, licences, what a field means beyond its name,"
    " who put the papers together, and when."
)
# Phrases of more titles are counted in every second one, or third, and so on.
_MOST_TITLES = 20_000


class _Named(NamedTuple):
    """Papers of a name."""

    papers: Sequence[Facts] = ()
    how: str = ""
    """Said of them where none has that name; empty where one has."""


def answer_from_catalogue(
    request: Request, catalogue: Catalogue, index: Words, near: Near, *, skip: int = 0
) -> Answer:
    """Answer a question of the kind `catalogue`; one that names no operation asks for a list.

    Args:
        request: What is asked. Papers fit if the filters let them through and title or abstract
            hold each word of the topic in some form.
        catalogue: Of all papers, of which those that the index holds are counted.
        index: Of the words of the same papers.
        near: Finds those that come near the topic, in whatever words.
        skip: Rows that were shown before: 12 gives the next 12.

    Returns:
        A table of counts, or of papers; each paper listed is a source, and where a sentence of its
        abstract says the topic, it is quoted. Refused only where nothing can be said.
    """
    asked = AskedPapers(request, catalogue, index, near, skip)
    if asked.filters.author and not asked.papers and not catalogue.names_authors():
        return _by_nobody_named(asked)
    return _ANSWERS[request.operation or Operation.LIST](asked)


def _count(asked: AskedPapers) -> Answer:
    papers = asked.papers
    # The first dozen of all papers says nothing that the number does not.
    is_bare = not asked.conditions and asked.request.act is Act.NEW and len(papers) > PAGE
    listed = [] if is_bare else _title_first(asked)
    said = [
        asked.all_counted(titles=True),
        *_by_side(asked),
        *_by_part(asked),
        *_speaking_of_it(asked),
    ]
    said += [*_naming_authors(asked), *_each_year(asked)]
    return _counted(asked, listed, said)


def _counted(asked: AskedPapers, listed: Sequence[Facts], said: Sequence[str]) -> Answer:
    """Answer with a count and what is counted, and with what comes near where that is little."""
    n, limit = len(asked.papers), asked.request.limit
    others = asked.beside[:limit] if n <= PAGE and not (listed and limit) else ()
    return with_papers(
        asked, listed, " ".join(said), form="count", n=n, authors=_told(asked), others=others
    )


def _title_first(asked: AskedPapers) -> list[Facts]:
    """Return the papers, those first that say the topic in the title, and of these the nearest.

    A title that has its very words comes before one that has other forms of them.
    """
    if asked.papers and not asked.has_topic:
        return asked.papers  # of a million, each title would be read for nothing
    papers = asked.nearest_first(asked.papers or asked.spoken_of or asked.saying_a_part)
    typed = set(words(asked.topic.text))
    return sorted(papers, key=lambda p: (not asked.is_said_in(p.title), not _has(p.title, typed)))


def _has(title: str, typed: Collection[str]) -> bool:
    """Return True if a title has each of some words, in whichever number."""
    own = {word.removesuffix("s") for word in words(title)}
    return all(word.removesuffix("s") in own for word in typed)


def _by_side(asked: AskedPapers) -> list[str]:
    """Say how many of the papers say each of some alternatives, most first."""
    if len(asked.sides) <= 1 or not asked.papers:
        return []
    counts = Counter({s.text: sum(asked.says(p, s) for p in asked.papers) for s in asked.sides})
    said = [f"“{side}”: {n:,}" for side, n in sorted(counts.items(), key=_most_first)]
    return [f"{', '.join(said)}."]


def _each_year(asked: AskedPapers) -> list[str]:
    """Say how many papers are of each year, where a few years are asked for."""
    since, until = asked.filters.since, asked.filters.until
    if not (since and until and asked.papers) or not 0 < until.year - since.year < PAGE:
        return []
    years = Counter(p.year for p in asked.papers)
    return [", ".join(f"{year}: {years[year]:,}" for year in sorted(filter(None, years))) + "."]


def _by_part(asked: AskedPapers) -> list[str]:
    """Say how many papers say each of the parts of a topic, where they are fewer that say all."""
    counts = [(part.text, len(part.holding)) for part in asked.parts]
    n = len(asked.papers)
    if asked.filters or asked.request.in_title or all(own == n for _, own in counts):
        return []  # of no parts, too
    said = [f"Each by itself, of all papers: {_shares(counts)}."]
    return [*said, f"Those of “{counts[0][0]}”:"] if asked.saying_a_part else said


def _speaking_of_it(asked: AskedPapers) -> list[str]:
    """Say how many papers speak of an organisation, whoever wrote them."""
    every = [(name, len(asked.words.holding(name))) for name in asked.organisations]
    spoken = [(name, n) for name, n in every if n]
    return [f"Titles or abstracts that speak of it: {_shares(spoken)}."] if spoken else []


def _naming_authors(asked: AskedPapers) -> list[str]:
    """Say how many records name the authors, where authors have to be on record."""
    if RecordField.AUTHORS not in (asked.filters.told or ()) or not asked.papers:
        return []
    n = sum(p.names_authors for p in asked.papers)
    return [f"{n:,} of these {'names' if n == 1 else 'name'} them." if n else "None names them."]


def _shares(counts: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"“{name}” {n:,}" for name, n in counts)


def _list(asked: AskedPapers) -> Answer:
    if not (asked.papers or asked.spoken_of or asked.saying_a_part or asked.beside):
        return refused(asked, asked.all_counted())
    papers, filters = _title_first(asked), asked.request.filters
    if filters.since or filters.until:
        papers = _largest_first(papers, _day)
    said = [
        asked.all_counted(titles=True),
        *_by_part(asked),
        *_speaking_of_it(asked),
        *_naming_authors(asked),
    ]
    return _counted(asked, papers, said)


def _told(asked: AskedPapers) -> Literal["number"] | None:
    """Return what is told of authors in rows: how many there are, where that is asked about."""
    filters = asked.request.filters
    is_asked = filters.min_authors is not None or filters.max_authors is not None
    return "number" if is_asked or asked.request.operation is Operation.MOST_AUTHORS else None


def _ordered(
    how: str, best: str, key: Callable[[Facts], int | None], lack: Lack
) -> Callable[[AskedPapers], Answer]:
    """Make what lists papers by a number that their records may lack, largest first.

    Args:
        how: The order, in words: `newest first`.
        best: What is said of the first of them: `newest`.
        key: Returns the number.
        lack: What a record without it lacks.
    """

    def listed(asked: AskedPapers) -> Answer:
        if not asked.papers:
            return _list(asked)
        ordered = _largest_first([p for p in asked.papers if key(p) is not None], key)
        if not ordered:
            return refused(asked, _nothing_known(asked, lack))
        said = [f"{capital(asked.those)}, {how}."]
        n = asked.request.limit
        if n and len(asked.papers) > 1:
            said = [f"The {f'{min(n, len(ordered)):,} ' * (n > 1)}{best} of {asked.those}."]
            said += _tied([key(p) for p in ordered], page_of(asked))
        said = [*asked.respelled, *said, *lack.said_of(asked.papers), *asked.left_out()]
        text = " ".join(dict.fromkeys(said))
        return with_papers(asked, ordered, text, authors=_told(asked))

    return listed


def _largest_first(papers: Sequence[Facts], key: Callable[[Facts], int | None]) -> list[Facts]:
    """Return papers by a number, those without it last; sorting keeps the order of equals."""
    return sorted(papers, key=lambda p: -(-math.inf if (n := key(p)) is None else n))


def _tied(values: Sequence[int | None], n_shown: int) -> list[str]:
    """Say how many more are as good as the last one shown."""
    tied = sum(value == values[n_shown - 1] for value in values[n_shown:])
    return [f"{tied:,} more {'is' if tied == 1 else 'are'} level with the last."] if tied else []


def _day(paper: Facts) -> int | None:
    # What is known of a date: 20230000 is before each day of 2023.
    return int(paper.date.replace("-", "").ljust(8, "0")) if paper.date else None


def _days_back(paper: Facts) -> int | None:
    return -day if (day := _day(paper)) else None


def _by_year(asked: AskedPapers) -> Answer:
    years = Counter(p.year for p in asked.papers if p.year)
    return _tally(asked, "Year", sorted(years.items(), reverse=True), DATE)


def _by_source(asked: AskedPapers) -> Answer:
    if not asked.papers:
        return refused(asked, asked.all_counted())
    sources = asked.catalogue.names("source", [p.paper_id for p in asked.papers])
    if asked.skip >= len(sources):
        return refused(asked, all_shown(len(sources)))
    said = [asked.all_counted()]
    n_seen = sum(sources.values())
    if n_seen > len(asked.papers):
        said.append(f"Some were seen in several: {n_seen:,} sightings.")
    elif len(sources) > 1:
        said.append("Each was seen in one alone.")
    return with_counts(asked, " ".join(said), ("Seen in", [*sources.items()]))


def _by_organisation(asked: AskedPapers) -> Answer:
    return _tally(asked, "Organisation", _organisations(asked.papers), ORGANISATION)


def _organisations(papers: Iterable[Facts]) -> list[tuple[str, int]]:
    """Count papers by organisation, in any case, shown as most write it; most papers first."""
    written = Counter(p.organisation for p in papers if p.organisation)
    counts: Counter[str] = Counter()
    spelled: dict[str, str] = {}
    for name, n in sorted(written.items(), key=_most_first):
        counts[name.casefold()] += n
        spelled.setdefault(name.casefold(), name)
    return sorted(((spelled[key], n) for key, n in counts.items()), key=_most_first)


def _most_first(pair: tuple[str, int]) -> tuple[int, str, str]:
    name, n = pair
    return -n, name.casefold(), name


def _tally(asked: AskedPapers, what: str, counts: Sequence[tuple[str, int]], lack: Lack) -> Answer:
    """Answer with how many papers have each of some names, and how many have none."""
    if not asked.papers:
        return refused(asked, asked.all_counted())
    if not counts:
        return refused(asked, _nothing_known(asked, lack))
    if asked.skip >= len(counts):
        return refused(asked, all_shown(len(counts)))
    unknown = sum(map(lack.of, asked.papers))
    also = [("not known", unknown)] if unknown else []
    return with_counts(asked, asked.all_counted(lack), (what, counts), also=also)


def _authors(asked: AskedPapers) -> Answer:
    """Say who wrote the papers referred to, or one by its title; or what an author wrote."""
    if author := asked.request.filters.author:
        # `The authors of Tutel`: the name of a paper, where it is that of nobody.
        if not asked.papers and (papers := _called(asked, author)):
            return _told_authors(asked, _Named(papers))
        return _list(asked)
    if not asked.request.refers_to and not asked.topic.terms:
        # `Anything by ACME`, `by a single author`: those papers are meant, and not who wrote them.
        is_of_papers = asked.request.filters.organisation or _told(asked)
        return _list(asked) if is_of_papers else _every_author(asked)
    named = _named(asked)
    return _told_authors(asked, named) if named.papers else _no_such(asked)


def _by_nobody_named(asked: AskedPapers) -> Answer:
    """Say that no record names authors; or who wrote a paper that was taken for one."""
    if papers := _called(asked, asked.filters.author or ""):
        return _told_authors(asked, _Named(papers))
    return refused(asked, _no_names(asked.n_every))


def _told_authors(asked: AskedPapers, named: _Named) -> Answer:
    is_unknown = all(p.n_authors is None and not p.names_authors for p in named.papers)
    if not asked.skip and is_unknown:
        page = shown(asked, named.papers, authors="names")
        said = [*asked.respelled, named.how, *map(_written_by, page.papers)]
        return refused(asked, " ".join(filter(None, said)))
    return _told_each(asked, named, lambda paper, _: _written_by(paper))


def _told_each(asked: AskedPapers, named: _Named, tell: Callable[[Paper, Facts], str]) -> Answer:
    """Answer with a sentence on each of some papers."""
    if asked.skip:
        return with_papers(asked, named.papers, "")
    page = shown(asked, named.papers, authors="names")
    facts = {p.paper_id: p for p in named.papers}
    before = [*asked.respelled, *filter(None, [named.how])]
    said = [tell(paper, facts[paper.paper_id]) for paper in page.papers]
    lines = [f"{line} [{n}]" for n, line in enumerate(said, start=1)]
    prose = Block(form="prose", text=" ".join([*before, *said]))
    return answer(asked, [*before, *lines, *more(page)], [prose, *page.tables], page)


def _record(asked: AskedPapers) -> Answer:
    """Tell what the records say of the papers referred to, or of those of a name."""
    if not asked.request.refers_to and asked.sides:
        return _records(asked)
    if not asked.request.refers_to and not asked.topic.terms:
        return _about(asked)
    named = _named(asked)
    # What abstracts say is no slip of the title most like it, and may be what one is known for.
    is_said = bool(named.how and asked.papers)
    return _told_each(asked, named, _recorded) if named.papers and not is_said else _no_such(asked)


def _records(asked: AskedPapers) -> Answer:
    """Tell what the records say of the papers of several names, and which names no paper has."""
    called = {side.text: _called(asked, side.text) for side in asked.sides}
    lacking = [side for side in asked.sides if not called[side.text]]
    said: list[str] = []
    if lacking:
        saying = [(side.text, len(side.holding)) for side in lacking if side.holding]
        unsaid = [side for side in lacking if not side.holding]
        if saying:
            is_one = len(saying) == 1
            none = f"no paper is called {'so' if is_one else 'any of these'}"
            said.append(f"Titles or abstracts say {_shares(saying)}; {none}.")
        if unsaid:
            named = _enumerated([f"“{topic.text}”" for topic in unsaid], "or")
            said.append(f"No paper here is called {named}, and none says it.")
    by_id = {p.paper_id: p for papers in called.values() for p in papers[:_NAMESAKES]}
    if by_id:
        return _told_each(asked, _Named([*by_id.values()], " ".join(said)), _recorded)
    papers = asked.nearest_first(asked.papers)
    others = asked.beside if len(papers) <= PAGE else ()
    if not (papers or others):
        return refused(asked, " ".join([*asked.respelled, *said]))
    return with_papers(asked, papers, " ".join([*asked.respelled, *said]), others=others)


def _recorded(paper: Paper, facts: Facts) -> str:
    """Say all that a record tells of a paper, and what it does not."""
    sources = dict.fromkeys(sighting.source for sighting in paper.sightings)
    told = [
        f"is dated {dated(paper)}" if paper.date else "",
        f"has the organisation {paper.organisation}" if paper.organisation else "",
        f"has {counted(paper.upvotes, 'upvote')}" if paper.upvotes is not None else "",
        f"has {counted(facts.n_authors, 'author')}" if facts.n_authors else "",
        f"is by {_enumerated(paper.authors)}" if paper.authors else "",
        "was withdrawn or retracted" if paper.withdrawn else "",
        f"was seen in {_enumerated(tuple(sources))}" if sources else "",
    ]
    said = f"“{paper.title}” {_enumerated([each for each in told if each])}."
    missing = [lack.no for lack in (*LACKS.values(), NAMES) if lack.of(facts)]
    return f"{said} Its record tells no {_enumerated(missing, 'or')}." if missing else said


def _every_author(asked: AskedPapers) -> Answer:
    if not asked.papers:
        return refused(asked, asked.all_counted())
    names = asked.catalogue.names("author", [p.paper_id for p in asked.papers])
    if not names:
        return refused(asked, _no_names(len(asked.papers)))
    if asked.skip >= len(names):
        return refused(asked, all_shown(len(names)))
    verb = "names" if len(asked.papers) == 1 else "name"
    said = [f"{capital(asked.those)} {verb} {counted(len(names), 'author')}."]
    text = " ".join([*said, *NAMES.said_of(asked.papers), *asked.left_out()])
    return with_counts(asked, text, ("Author", [*names.items()]))


def _named(asked: AskedPapers) -> _Named:
    """Return the papers referred to; or else those of a name, or with titles like it."""
    if ids := asked.request.refers_to:
        known = [own for each in ids if (own := asked.catalogue.resolve(each))]
        by_id = {p.paper_id: p for p in asked.catalogue.facts(known)}
        return _Named([by_id[own] for own in dict.fromkeys(known) if own in by_id])
    name = asked.topic.text
    found = [p for p in asked.papers if asked.is_said_in(p.title)]
    if called := [p for p in found if _is_called(p, name) or _is_most_of(asked, p.title)]:
        return _Named(called[:_NAMESAKES])
    if found:
        n = len(found)
        how = f"No paper here is called “{name}”; {n:,} {'title has' if n == 1 else 'titles have'}"
        found.sort(key=lambda p: len(p.title))
        return _Named(found[:_NAMESAKES], f"{how} it among other words.")
    others = asked.catalogue.facts(asked.catalogue.matching(asked.filters))
    meant = closest(name, (p.title for p in others))
    found = [p for p in others if p.title == meant]
    return _Named(
        found[:_NAMESAKES], f"No title here has “{name}”; the one most like it is told of."
    )


def _is_most_of(asked: AskedPapers, title: str) -> bool:
    """Return True if a title begins with words of the topic, which are half of it or more."""
    own = asked.words.terms(title)
    return own[0] in asked.topic.terms and 2 * len(asked.topic.terms) >= len({*own})


def _called(asked: AskedPapers, name: str) -> list[Facts]:
    """Return the papers of a name, but for those that only speak of it."""
    catalogue = asked.catalogue
    found = catalogue.facts(asked.words.holding(name))
    return [p for p in found if _is_called(p, name)]


def _is_called(paper: Facts, name: str) -> bool:
    # `NanoFlow: Towards…` is called NanoFlow, and others only speak of it.
    names = (paper.title, paper.title.partition(":")[0])
    return identity_key(name) in map(identity_key, names)


def _no_such(asked: AskedPapers) -> Answer:
    """Say that no paper is called so, and which say the name or come near it."""
    name, n = asked.topic.text, len(asked.papers)
    n_titles = sum(asked.is_said_in(p.title) for p in asked.papers)
    theirs = asked.filters.model_copy(update={"organisation": name})
    of_it = asked.catalogue.facts(asked.catalogue.matching(theirs))
    if of_it and not n_titles:
        names = f"{counted(len(of_it), 'record')} {'names' if len(of_it) == 1 else 'name'}"
        said = f"No title here is like “{name}”. {names} an organisation so called."
        return with_papers(asked, of_it, " ".join([*asked.respelled, said]))
    if n:
        of_them = f", {n_titles:,} of them in the title" if n_titles else " in the abstract"
        where = " in the title" if n_titles == n else of_them
        says = f"{counted(n, 'paper')} here {'says' if n == 1 else 'say'}"
        told = f"{says} “{name}”{where}; {'it' if n == 1 else 'none'} is{' not' * (n == 1)}"
        said = f"{told} called so."
    else:
        said = f"No paper here is called “{name}”, and none says it."
    papers = asked.nearest_first(asked.papers)
    if n and n == n_titles <= _NAMESAKES and asked.request.operation is Operation.RECORD:
        return _told_each(asked, _Named(papers, said), _recorded)
    others = asked.beside if n <= PAGE else ()
    text = " ".join([*asked.respelled, said])
    if not (n or others):
        return refused(asked, text)
    return with_papers(asked, papers, text, authors="number", others=others)


def _written_by(paper: Paper) -> str:
    if paper.authors:
        return f"“{paper.title}” is by {_enumerated(paper.authors)}."
    if paper.n_authors:
        n = counted(paper.n_authors, "author")
        return f"“{paper.title}” has {n}, whose names its record does not tell."
    return f"The record of “{paper.title}” names no authors."


def _no_names(n: int) -> str:
    if n == 1:
        return "The record of the one paper asked about names no authors."
    return f"None of the records of the {n:,} papers asked about names its authors."


def _about(asked: AskedPapers) -> Answer:
    """Say how many papers there are, of which days, and what their records tell."""
    if not asked.papers:
        return refused(asked, asked.all_counted())
    papers = asked.papers
    dates = sorted(p.date for p in papers if p.date)
    said = [asked.all_counted(), *_namesakes(papers)]
    if dates:
        days = dates[0] if dates[0] == dates[-1] else f"{dates[0]} to {dates[-1]}"
        said.append(f"The dates on record are {days}." if len(dates) > 1 else f"Dated {days}.")
    if not asked.conditions:
        said.append(_NOT_TOLD)
    known = _known(papers)
    sources = asked.catalogue.names("source", [p.paper_id for p in papers])
    organisations = _organisations(papers)
    # Those of a few papers tell nothing of all.
    tells = 2 * sum(n for _, n in organisations) >= len(papers)
    tables = [
        ("In the title", _phrases(asked, PAGE)),
        ("The record tells", known),
        ("Seen in", [*sources.items()]),
        ("Organisation", organisations if tells else []),
    ]
    return with_counts(asked, " ".join(said), *(table for table in tables if table[1]))


def _namesakes(papers: Sequence[Facts]) -> list[str]:
    """Say how many papers share a title with another, of so many as are soon looked through."""
    if not 1 < len(papers) <= _MOST_TITLES:
        return []
    named = Counter(identity_key(p.title) for p in papers)
    n = sum(n for n in named.values() if n > 1)
    return [f"{n:,} share a title with another." if n else "No two have the same title."]


def _known(papers: Sequence[Facts]) -> list[tuple[str, int]]:
    """Count the papers whose records tell each of what a record may tell."""
    named = {
        "a date": DATE,
        "an organisation": ORGANISATION,
        "upvotes": UPVOTES,
        "a number of authors": AUTHORS,
        "the names of authors": NAMES,
    }
    return [(what, sum(not lack.of(p) for p in papers)) for what, lack in named.items()]


def _phrases(asked: AskedPapers, most: int) -> list[tuple[str, int]]:
    titles = [p.title for p in asked.papers]
    step = -(-len(titles) // _MOST_TITLES)
    return common_phrases(titles[::step], asked.words.terms, most)


def _topics(asked: AskedPapers) -> Answer:
    """Say which phrases stand in most titles."""
    if not asked.papers:
        return refused(asked, asked.all_counted())
    found = _phrases(asked, asked.skip + 2 * page_of(asked))
    if asked.skip >= len(found):
        shared = all_shown(len(found)) if found else "No two titles of these share a phrase."
        return refused(asked, shared)
    n = len(asked.papers)
    sampled = f" (of {_MOST_TITLES:,} or fewer that were looked at)" * (n > _MOST_TITLES)
    text = f"{asked.all_counted()} Phrases that stand in the most titles{sampled}, with how many:"
    return with_counts(asked, text, ("In the title", found))


def _figures(asked: AskedPapers) -> Answer:
    """Say what upvotes and numbers of authors are on average, at least, at most and together."""
    if not asked.papers:
        return refused(asked, asked.all_counted())
    columns: Mapping[str, list[int]] = {
        "upvotes": [p.upvotes for p in asked.papers if p.upvotes is not None],
        "authors": [p.n_authors for p in asked.papers if p.n_authors is not None],
    }
    told = {what: values for what, values in columns.items() if values}
    if not told:
        return refused(asked, f"No record of {asked.those} tells upvotes or a number of authors.")
    said = [asked.counted()]
    said += [_summed_up(what, values) for what, values in told.items()]
    text = " ".join([*said, *asked.left_out()])
    names = ("Records", "Average", "Median", "Least", "Most", "Total")
    rows = [
        (what, f"{len(v):,}", f"{fmean(v):,.1f}", f"{median(v):,g}", f"{min(v):,}", f"{max(v):,}",
         f"{sum(v):,}")
        for what, v in told.items()
    ]  # fmt: skip
    table = Block(
        form="table",
        columns=("Of", *names),
        rows=tuple(tuple(Cell(text=value) for value in row) for row in rows),
    )
    return answer(asked, [text], [Block(form="count", text=text, n=len(asked.papers)), table])


def _summed_up(what: str, values: Sequence[int]) -> str:
    n = counted(len(values), "record")
    return (
        f"{n} {'tells' if len(values) == 1 else 'tell'} a number of {what}: {fmean(values):,.1f} on"
        f" average, median {median(values):,g}, from {min(values):,} to {max(values):,},"
        f" {sum(values):,} in all."
    )


def _unrecorded(asked: AskedPapers) -> Answer:
    """Say that no record tells it, with what they tell, and which papers speak of it."""
    if not asked.has_topic and asked.filters:
        return _list(asked)  # nothing else is asked than what records tell
    topic = asked.request.topic
    # Words of several places are no name of anything.
    what = f"“{topic}”" if topic and topic in asked.request.question else "that"
    papers = asked.catalogue.facts(asked.catalogue.matching(asked.request.filters))
    told = [f"{name} ({n:,})" for name, n in _known(papers) if n]
    said = f"The records here do not tell {what}."
    if told:
        said += f" Of {counted(len(papers), 'paper')} they tell {_enumerated(told)}."
    if not (asked.topic.terms and asked.papers):
        return refused(asked, said)
    said = f"{said} {asked.counted()}"
    return with_papers(asked, _title_first(asked), said)


def _nothing_known(asked: AskedPapers, lack: Lack) -> str:
    if len(asked.papers) == 1:
        return f"{capital(asked.those)} has no {lack.no}."
    return f"None of {asked.those} has {lack.has}."


def _enumerated(names: Sequence[str], last: str = "and") -> str:
    return f"{', '.join(names[:-1])} {last} {names[-1]}" if len(names) > 1 else "".join(names)


_ANSWERS: dict[Operation, Callable[[AskedPapers], Answer]] = {
    Operation.COUNT: _count,
    Operation.LIST: _list,
    Operation.NEWEST: _ordered("newest first", "newest", _day, DATE),
    Operation.OLDEST: _ordered("oldest first", "oldest", _days_back, DATE),
    Operation.MOST_UPVOTED: _ordered(
        "most upvotes first", "most upvoted", lambda p: p.upvotes, UPVOTES
    ),
    Operation.MOST_AUTHORS: _ordered(
        "most authors first", "largest, by number of authors,", lambda p: p.n_authors, AUTHORS
    ),
    Operation.BY_YEAR: _by_year,
    Operation.BY_ORGANISATION: _by_organisation,
    Operation.AUTHORS: _authors,
    Operation.ABOUT: _about,
    Operation.BY_SOURCE: _by_source,
    Operation.RECORD: _record,
    Operation.FIGURES: _figures,
    Operation.TOPICS: _topics,
    Operation.UNRECORDED: _unrecorded,
}
