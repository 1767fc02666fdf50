"""Answer from the fields of the records: how many, which, the newest, whose, since when.

Everything counted is counted of all papers, and what the records do not tell is said.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Literal

from footnote.rag.answering.asked_papers import (
    AUTHORS,
    DATE,
    OF_A_NAME,
    UPVOTES,
    AskedPapers,
    Lack,
    Near,
)
from footnote.rag.answering.asked_topic import Words
from footnote.rag.answering.named_papers import (
    Named,
    called,
    every_author,
    named_papers,
    no_names,
    no_such,
    recorded,
    told_authors,
    told_each,
    told_records,
)
from footnote.rag.answering.paper_rows import (
    PAGE,
    capital,
    counted,
    enumerated,
    page_of,
    refused,
    shares,
    with_papers,
)
from footnote.rag.answering.tallies import (
    about,
    by_group,
    by_organisation,
    by_source,
    by_year,
    figures,
    grouped,
    known,
    most_first,
    nothing_known,
    of_organisations,
    topics,
)
from footnote.rag.core.records import Answer
from footnote.rag.core.request import Act, Group, Operation, RecordField, Request
from footnote.rag.core.text import words
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.facts import Facts

_MOST_OF_A_NAME = 1_000


def answer_from_catalogue(
    request: Request,
    catalogue: Catalogue,
    index: Words,
    near: Near,
    *,
    skip: int = 0,
    whole: bool = False,
) -> Answer:
    """Answer a question of the kind `catalogue`; one that names no operation asks for a list.

    Args:
        request: What is asked. Papers fit if the filters let them through and title or abstract
            hold each word of the topic in some form.
        catalogue: Of all papers, of which those that the index holds are counted.
        index: Of the words of the same papers.
        near: Finds those that come near the topic, in whatever words.
        skip: Rows that were shown before: 12 gives the next 12.
        whole: True where only papers that say each word of the topic will do.

    Returns:
        A table of counts, or of papers; each paper listed is a source, and where a sentence of its
        abstract says the topic, it is quoted. Refused only where nothing can be said.
    """
    request = _with_name(request, catalogue, index)
    asked = AskedPapers(request, catalogue, index, near, skip, whole=whole)
    if asked.filters.author and not asked.papers and not catalogue.names_authors():
        return _by_nobody_named(asked)
    return _ANSWERS[request.operation or Operation.LIST](asked)


def _with_name(request: Request, catalogue: Catalogue, index: Words) -> Request:
    """Return a request for a record that names none with the name of a paper that its line says.

    `Distserve date + authors?` says one.
    """
    if request.operation not in OF_A_NAME or request.topic or request.sides or request.refers_to:
        return request
    said = (word for word in dict.fromkeys(words(request.question)) if len(word) > 1)
    # A word that very many papers say is no name, and to read the records of all takes long.
    named = (word for word in said if 0 < len(index.holding(word)) <= _MOST_OF_A_NAME)
    name = next((word for word in named if called(catalogue, index, word)), "")
    return request.model_copy(update={"topic": name}) if name else request


def _count(asked: AskedPapers) -> Answer:
    if asked.request.each:
        return by_group(asked, asked.request.each)
    papers = asked.papers
    # The first dozen of papers on anything says nothing that the number does not.
    is_bare = not asked.has_topic and asked.request.act is Act.NEW and len(papers) > PAGE
    listed = [] if is_bare else _title_first(asked)
    said = [
        asked.all_counted(titles=True),
        *_by_side(asked),
        *of_organisations(asked),
        *_by_part(asked),
        *_elsewhere(asked),
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
    papers = asked.nearest_first(asked.papers or asked.instead)
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
    said = [f"“{side}”: {n:,}" for side, n in sorted(counts.items(), key=most_first)]
    return [f"{', '.join(said)}."]


def _elsewhere(asked: AskedPapers) -> list[str]:
    """Say how many say it in the abstract, where no title does."""
    n = len(asked.saying_elsewhere)
    return [f"{counted(n, 'abstract')} {'says' if n == 1 else 'say'} it:"] if n else []


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
    said = [f"Each by itself, of all papers: {shares(counts)}."]
    return [*said, f"Those of “{counts[0][0]}”:"] if asked.saying_a_part else said


def _speaking_of_it(asked: AskedPapers) -> list[str]:
    """Say how many papers speak of an organisation, whoever wrote them."""
    every = [(name, len(asked.words.holding(name))) for name in asked.organisations]
    spoken = [(name, n) for name, n in every if n]
    return [f"Titles or abstracts that speak of it: {shares(spoken)}."] if spoken else []


def _naming_authors(asked: AskedPapers) -> list[str]:
    """Say how many records name the authors, where authors have to be on record."""
    if RecordField.AUTHORS not in (asked.filters.told or ()) or not asked.papers:
        return []
    n = sum(p.names_authors for p in asked.papers)
    return [f"{n:,} of these {'names' if n == 1 else 'name'} them." if n else "None names them."]


def _list(asked: AskedPapers) -> Answer:
    if asked.request.each:
        return by_group(asked, asked.request.each)
    if not (asked.papers or asked.instead or asked.beside):
        return refused(asked, asked.all_counted())
    papers, filters = _title_first(asked), asked.request.filters
    if filters.since or filters.until:
        papers = _largest_first(papers, _day)
    said = [
        asked.all_counted(titles=True),
        *_by_part(asked),
        *_elsewhere(asked),
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
            return refused(asked, nothing_known(asked, lack))
        if group := asked.request.each:
            return _best_of_each(asked, ordered, group, best, lack)
        said = [f"{capital(asked.those)}, {how}."]
        n = asked.request.limit
        if n and len(asked.papers) > 1:
            said = [f"The {f'{min(n, len(ordered)):,} ' * (n > 1)}{best} of {asked.those}."]
            said += _tied([key(p) for p in ordered], page_of(asked))
        said = [*asked.respelled, *said, *lack.said_of(asked.papers), *asked.left_out()]
        text = " ".join(dict.fromkeys(said))
        if asked.has_topic and not n:  # those on it that lack the number come last
            ordered += [p for p in asked.papers if key(p) is None]
        return with_papers(asked, ordered, text, authors=_told(asked))

    return listed


def _best_of_each(
    asked: AskedPapers, ordered: Sequence[Facts], group: Group, best: str, lack: Lack
) -> Answer:
    """Answer with the first papers of each year, month, organisation or source, by an order."""
    n = asked.request.limit or 1
    by_name = grouped(asked, ordered, group)
    papers = list(dict.fromkeys(p for own in by_name.values() for p in own[:n]))
    first = f"The {best} paper" if n == 1 else f"The {n:,} {best} papers"
    said = [f"{first} of each {group}, of {asked.those}."]
    if group is Group.SOURCE:
        said.append(f"The sources in order: {enumerated([*by_name])}.")
    text = " ".join([*asked.respelled, *said, *lack.said_of(asked.papers), *asked.left_out()])
    return with_papers(asked, papers, text, authors=_told(asked))


def _most_seen(asked: AskedPapers) -> Answer:
    """List papers by the number of sources that they were seen in, most first."""
    if not asked.papers:
        return _list(asked)
    sources = asked.catalogue.sources([p.paper_id for p in asked.papers])

    def n_sources(paper: Facts) -> int:
        return len(sources[paper.paper_id])

    ordered = _largest_first(asked.papers, n_sources)
    several = [p for p in ordered if n_sources(p) > 1]
    most = n_sources(ordered[0])
    said = f"{capital(asked.those)}, those seen in the most sources first, in up to {most:,}."
    if not several:
        said = f"None of {asked.those} was seen in more than one source."
    n = f"{len(several):,} {'was' if len(several) == 1 else 'were'} seen in more than one."
    text = " ".join([*asked.respelled, said, *[n] * bool(several), *asked.left_out()])
    return with_papers(asked, several or ordered, text)


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


def _authors(asked: AskedPapers) -> Answer:
    """Say who wrote the papers referred to, or one by its title; or what an author wrote."""
    if author := asked.request.filters.author:
        # `The authors of Tutel`: the name of a paper, where it is that of nobody.
        if not asked.papers and (papers := called(asked.catalogue, asked.words, author)):
            return told_authors(asked, Named(papers))
        return _list(asked)
    if not asked.request.refers_to and not asked.topic.terms:
        # `Anything by ACME`, `by a single author`: those papers are meant, and not who wrote them.
        is_of_papers = asked.request.filters.organisation or _told(asked)
        return _list(asked) if is_of_papers else every_author(asked)
    named = named_papers(asked)
    return told_authors(asked, named) if named.papers else no_such(asked)


def _by_nobody_named(asked: AskedPapers) -> Answer:
    """Say that no record names authors; or who wrote a paper that was taken for one."""
    if papers := called(asked.catalogue, asked.words, asked.filters.author or ""):
        return told_authors(asked, Named(papers))
    return refused(asked, no_names(asked.n_every))


def _record(asked: AskedPapers) -> Answer:
    """Tell what the records say of the papers referred to, or of those of a name."""
    is_of_several = asked.sides or (asked.parts and not asked.papers)
    if not asked.request.refers_to and is_of_several:
        return told_records(asked, asked.sides or asked.parts)
    if not asked.request.refers_to and not asked.topic.terms:
        return about(asked)
    named = named_papers(asked)
    # What abstracts say is no slip of the title most like it, and may be what one is known for.
    is_said = bool(named.how and asked.papers)
    return told_each(asked, named, recorded) if named.papers and not is_said else no_such(asked)


def _unrecorded(asked: AskedPapers) -> Answer:
    """Say that no record tells it, with what they tell, and which papers speak of it."""
    if not asked.has_topic and asked.filters:
        return _list(asked)  # nothing else is asked than what records tell
    topic = asked.request.topic
    # Words of several places are no name of anything.
    what = f"“{topic}”" if topic and topic in asked.request.question else "that"
    papers = asked.catalogue.facts(asked.catalogue.matching(asked.request.filters))
    told = [f"{name} ({n:,})" for name, n in known(papers) if n]
    said = f"The records here do not tell {what}."
    if told:
        said += f" Of {counted(len(papers), 'paper')} they tell {enumerated(told)}."
    if not (asked.topic.terms and asked.papers):
        return refused(asked, said)
    said = f"{said} {asked.counted()}"
    return with_papers(asked, _title_first(asked), said)


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
    Operation.MOST_SEEN: _most_seen,
    Operation.BY_YEAR: by_year,
    Operation.BY_ORGANISATION: by_organisation,
    Operation.AUTHORS: _authors,
    Operation.ABOUT: about,
    Operation.BY_SOURCE: by_source,
    Operation.RECORD: _record,
    Operation.FIGURES: figures,
    Operation.TOPICS: topics,
    Operation.UNRECORDED: _unrecorded,
}
