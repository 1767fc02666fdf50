"""Answer from the fields of the records: how many, which, the newest, whose, since when.

Everything counted is counted of all papers, and what the records do not tell is said.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Literal, NamedTuple

from footnote.rag.answering.asked_papers import (
    AUTHORS,
    DATE,
    UPVOTES,
    AskedPapers,
    Lack,
    Near,
)
from footnote.rag.answering.asked_topic import Words, has_in_a_row
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
from footnote.rag.core.request import OF_A_NAME, Act, Group, Operation, RecordField, Request
from footnote.rag.core.text import fold, words
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.facts import Facts
from footnote.rag.understanding.question import names_in

_MOST_OF_A_NAME = 1_000
# Abstracts that are read to see if they say the words of a topic in a row.
_MOST_READ = 150
# Where more of them say it so, that tells nothing.
_MOST_IN_A_ROW = 0.75
# What tells something of all papers too; of the newest ones a topic is seldom none.
_OF_ALL = frozenset(
    {
        Operation.MOST_UPVOTED,
        Operation.MOST_AUTHORS,
        Operation.MOST_SEEN,
        Operation.BY_YEAR,
        Operation.BY_ORGANISATION,
        Operation.BY_SOURCE,
        Operation.FIGURES,
    }
)


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
    answer = _ANSWERS[request.operation or Operation.LIST]
    found = answer(asked)
    if found.refused and request.operation in _OF_ALL and (every := _of_whatever(asked, near)):
        found = answer(every).model_copy(update={"request": request})
    return found


def _of_whatever(asked: AskedPapers, near: Near) -> AskedPapers | None:
    """Ask of all papers what was asked in vain of a topic; None where there is nothing to tell.

    `The momentum leader, with the most upvotes` names no topic.
    """
    request = asked.request
    is_name = bool(names_in(asked.topic.text))
    if asked.skip or request.in_title or not asked.topic.terms or asked.sides or is_name:
        return None
    wider = request.model_copy(update={"topic": "", "parts": ()})
    every = AskedPapers(wider, asked.catalogue, asked.words, near, asked.skip)
    if not every.papers:
        return None
    topic = f"“{asked.topic.text}”"
    why = f"No paper here says {topic}; this is of all of them."
    if asked.papers:
        why = f"Of papers that say {topic} no record tells it; this is of all papers."
    every.respelled.append(why)
    return every


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
        *_in_a_row(asked),
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


def _in_a_row(asked: AskedPapers) -> list[str]:
    """Say how many papers say the words of a topic in a row, where others say them apart."""
    topic, papers = asked.topic, asked.papers
    is_phrase = len(topic.terms) > 1 and not topic.phrase and not asked.request.in_title
    if not is_phrase or len(asked.parts) > 1 or len(papers) > _MOST_READ:
        return []
    read = asked.catalogue.served(p.paper_id for p in papers)
    texts = (asked.words.terms(f"{p.title}\n{p.abstract}") for p in read.values())
    names = [tuple(asked.words.terms(topic.text)), *filter(None, [topic.other_terms])]
    n = sum(any(has_in_a_row(text, name) for name in names) for text in texts)
    if not 0 < n <= _MOST_IN_A_ROW * len(papers):
        return []
    return [f"{n:,} of these {'says' if n == 1 else 'say'} “{topic.text}” as one phrase."]


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
    group = asked.request.each
    if group is Group.ORGANISATION or group is Group.SOURCE:
        return by_group(asked, group)
    if not (asked.papers or asked.instead or asked.beside):
        return refused(asked, asked.all_counted())
    papers, filters = _title_first(asked), asked.request.filters
    if asked.request.by_title:
        papers = sorted(papers, key=lambda p: fold(p.title))
    elif filters.since or filters.until or group:
        papers = _largest_first(papers, _day)
    said = [
        asked.all_counted(*[DATE] * bool(group), titles=True),
        *(_of_each(asked, group) if group else ()),
        *_by_part(asked),
        *_elsewhere(asked),
        *_speaking_of_it(asked),
        *_naming_authors(asked),
    ]
    return _counted(asked, papers, said)


def _of_each(asked: AskedPapers, group: Group) -> list[str]:
    """Say how many papers are of each year or month, the last first, where these are not many."""
    counts = [(name, len(own)) for name, own in grouped(asked, asked.papers, group).items()]
    if not 1 < len(counts) <= PAGE:
        return []
    return [", ".join(f"{name}: {n:,}" for name, n in counts) + "."]


def _told(asked: AskedPapers) -> Literal["number"] | None:
    """Return what is told of authors in rows: how many there are, where that is asked about."""
    filters = asked.request.filters
    is_asked = filters.min_authors is not None or filters.max_authors is not None
    is_asked |= RecordField.AUTHORS in (filters.told or ())
    return "number" if is_asked or asked.request.operation is Operation.MOST_AUTHORS else None


class _Order(NamedTuple):
    """An order of papers by a number that their records may lack."""

    how: str
    """In words: `newest first`."""
    best: str
    """What is said of the first of them: `newest`."""
    key: Callable[[Facts], int | None]
    """Returns the number; the largest comes first."""

    def of(self, papers: Iterable[Facts]) -> list[Facts]:
        """Return those of some papers that have the number, in this order."""
        return _largest_first([p for p in papers if self.key(p) is not None], self.key)


def _ordered(
    lack: Lack, usual: _Order, reverse: _Order | None = None
) -> Callable[[AskedPapers], Answer]:
    """Make what lists papers by a number.

    Args:
        lack: What a record without the number lacks.
        usual: The order.
        reverse: The one in which the smallest comes first, where it may be asked for.
    """

    def listed(asked: AskedPapers) -> Answer:
        if not asked.papers:
            return _list(asked)
        order = reverse if asked.request.fewest_first and reverse else usual
        ordered = order.of(asked.papers)
        if not ordered:
            return refused(asked, nothing_known(asked, lack))
        if group := asked.request.each:
            return _best_of_each(asked, ordered, group, order.best, lack)
        said = [f"{capital(asked.those)}, {order.how}."]
        n = asked.request.limit
        if n and len(asked.papers) > 1:
            said = [f"The {f'{min(n, len(ordered)):,} ' * (n > 1)}{order.best} of {asked.those}."]
            said += _tied([order.key(p) for p in ordered], page_of(asked))
        said = [*asked.respelled, *said, *lack.said_of(asked.papers), *asked.left_out()]
        text = " ".join(dict.fromkeys(said))
        if asked.has_topic and not n:  # those on it that lack the number come last
            ordered += [p for p in asked.papers if order.key(p) is None]
        # Where fewer are here than are asked for, what comes near follows.
        is_short = not asked.skip and len(ordered) < min(n or PAGE, PAGE)
        others = asked.beside[:n] if asked.has_topic and is_short else ()
        return with_papers(asked, ordered, text, authors=_told(asked), others=others)

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
    counts = sorted(Counter(map(n_sources, several)).items(), reverse=True)
    seen = enumerated([f"{n:,} in {of:,}" for of, n in counts])
    text = " ".join(
        [*asked.respelled, said, *[f"Seen: {seen}."] * bool(several), *asked.left_out()]
    )
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
    return _negative(_day(paper))


def _upvotes(paper: Facts) -> int | None:
    return paper.upvotes


def _upvotes_back(paper: Facts) -> int | None:
    return _negative(paper.upvotes)


def _n_authors(paper: Facts) -> int | None:
    return paper.n_authors


def _authors_back(paper: Facts) -> int | None:
    return _negative(paper.n_authors)


def _negative(n: int | None) -> int | None:
    return None if n is None else -n


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
    author = asked.filters.author or ""
    if papers := called(asked.catalogue, asked.words, author):
        return told_authors(asked, Named(papers))
    if entitled := _entitled(asked, author):
        n, verb = counted(len(entitled), "title"), "says" if len(entitled) == 1 else "say"
        return with_papers(asked, entitled, f"{no_names(asked.n_every)} {n} {verb} “{author}”:")
    return refused(asked, no_names(asked.n_every))


def _entitled(asked: AskedPapers, name: str) -> list[Facts]:
    """Return the papers whose titles have each word of a name."""
    terms = frozenset(asked.words.terms(name))
    found = asked.catalogue.facts(asked.words.holding(name)[:_MOST_OF_A_NAME])
    return [p for p in found if terms and terms.issubset(asked.words.terms(p.title))]


def _record(asked: AskedPapers) -> Answer:
    """Tell what the records say of the papers referred to, or of those of a name."""
    is_of_several = asked.sides or (asked.parts and not asked.papers)
    if not asked.request.refers_to and is_of_several:
        return told_records(asked, asked.sides or asked.parts)
    if not asked.request.refers_to and not asked.topic.terms:
        # `H2 2025 output?` asks for what its conditions let through.
        return _list(asked) if asked.filters else about(asked)
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
    if not (asked.topic.terms and asked.papers) or asked.respelled:
        return refused(asked, said)
    said = f"{said} {asked.counted()}"
    return with_papers(asked, _title_first(asked), said)


_ANSWERS: dict[Operation, Callable[[AskedPapers], Answer]] = {
    Operation.COUNT: _count,
    Operation.LIST: _list,
    Operation.NEWEST: _ordered(DATE, _Order("newest first", "newest", _day)),
    Operation.OLDEST: _ordered(DATE, _Order("oldest first", "oldest", _days_back)),
    Operation.MOST_UPVOTED: _ordered(
        UPVOTES,
        _Order("most upvotes first", "most upvoted", _upvotes),
        _Order("fewest upvotes first", "least upvoted", _upvotes_back),
    ),
    Operation.MOST_AUTHORS: _ordered(
        AUTHORS,
        _Order("most authors first", "largest, by number of authors,", _n_authors),
        _Order(
            "fewest authors first",
            "smallest, by number of authors,",
            _authors_back,
        ),
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
