"""Papers by their names: what their records tell, who wrote them, and that none is called so."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from footnote.rag.answering.abbreviations import is_written_out
from footnote.rag.answering.asked_papers import LACKS, NAMES, AskedPapers
from footnote.rag.answering.asked_topic import Topic, Words
from footnote.rag.answering.paper_rows import (
    PAGE,
    all_shown,
    answer,
    capital,
    counted,
    dated,
    enumerated,
    more,
    refused,
    shares,
    shown,
    with_counts,
    with_papers,
)
from footnote.rag.core.records import Answer, Block, Paper
from footnote.rag.core.request import Operation
from footnote.rag.core.text import closest, identity_key
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.facts import Facts

# Of a name that several titles have, so many papers are told of.
_NAMESAKES = 3
# Whose titles are looked through for what an abbreviation stands for.
_MOST_TITLES = 20_000


class Named(NamedTuple):
    """Papers of a name."""

    papers: Sequence[Facts] = ()
    how: str = ""
    """Said of them where none has that name; empty where one has."""
    more: str = ""
    """Said of those beside the papers of the name that have it among other words."""


def told_authors(asked: AskedPapers, named: Named) -> Answer:
    """Say who wrote some papers; refused where no record of theirs tells."""
    is_unknown = all(p.n_authors is None and not p.names_authors for p in named.papers)
    if not asked.skip and is_unknown:
        page = shown(asked, named.papers, authors="names")
        said = [*asked.respelled, named.how, *map(_written_by, page.papers)]
        return refused(asked, " ".join(filter(None, said)))
    return told_each(asked, named, lambda paper, _: _written_by(paper))


def told_each(asked: AskedPapers, named: Named, tell: Callable[[Paper, Facts], str]) -> Answer:
    """Answer with a sentence on each of some papers."""
    if asked.skip:
        return with_papers(asked, named.papers, "")
    page = shown(asked, named.papers, authors="names")
    facts = {p.paper_id: p for p in named.papers}
    before = [*asked.respelled, *filter(None, [named.how, named.more])]
    said = [tell(paper, facts[paper.paper_id]) for paper in page.papers]
    lines = [f"{line} [{n}]" for n, line in enumerate(said, start=1)]
    prose = Block(form="prose", text=" ".join([*before, *said]))
    return answer(asked, [*before, *lines, *more(page)], [prose, *page.tables], page)


def told_records(asked: AskedPapers, names: Sequence[Topic]) -> Answer:
    """Tell what the records say of the papers of several names, and which names no paper has."""
    of_name = {name.text: called(asked.catalogue, asked.words, name.text) for name in names}
    lacking = [name for name in names if not of_name[name.text]]
    for name in lacking:  # few titles that have it are told of too
        entitled = [p for p in asked.catalogue.facts(name.holding) if _says(asked, p, name)]
        entitled = entitled or _written_out(asked, name.text)
        of_name[name.text] = entitled if len(entitled) <= _NAMESAKES else []
    lacking = [name for name in lacking if not of_name[name.text]]
    said: list[str] = []
    if lacking:
        saying = [(name.text, len(name.holding)) for name in lacking if name.holding]
        unsaid = [name for name in lacking if not name.holding]
        if saying:
            is_one = len(saying) == 1
            none = f"no paper is called {'so' if is_one else 'any of these'}"
            said.append(f"Titles or abstracts say {shares(saying)}; {none}.")
        if unsaid:
            named = enumerated([f"“{topic.text}”" for topic in unsaid], "or")
            said.append(f"No paper here is called {named}, and none says it.")
    by_id = {p.paper_id: p for papers in of_name.values() for p in papers[:_NAMESAKES]}
    if by_id:
        return told_each(asked, Named([*by_id.values()], " ".join(said)), recorded)
    papers = asked.nearest_first(asked.papers)
    others = asked.beside if len(papers) <= PAGE else ()
    if not (papers or others):
        return refused(asked, " ".join([*asked.respelled, *said]))
    return with_papers(asked, papers, " ".join([*asked.respelled, *said]), others=others)


def recorded(paper: Paper, facts: Facts) -> str:
    """Say all that a record tells of a paper, and what it does not."""
    sources = dict.fromkeys(sighting.source for sighting in paper.sightings)
    told = [
        "is here",
        f"is dated {dated(paper)}" if paper.date else "",
        f"has the organisation {paper.organisation}" if paper.organisation else "",
        f"has {counted(paper.upvotes, 'upvote')}" if paper.upvotes is not None else "",
        f"has {counted(facts.n_authors, 'author')}" if facts.n_authors else "",
        f"is by {enumerated(paper.authors)}" if paper.authors else "",
        "was withdrawn or retracted" if paper.withdrawn else "",
        f"was seen in {enumerated(tuple(sources))}" if sources else "",
    ]
    said = f"“{paper.title}” {enumerated(list(filter(None, told)))}."
    missing = [lack.no for lack in (*LACKS.values(), NAMES) if lack.of(facts)]
    return f"{said} Its record tells no {enumerated(missing, 'or')}." if missing else said


def every_author(asked: AskedPapers) -> Answer:
    """Count the papers of each author whom records name, most first."""
    if not asked.papers:
        return refused(asked, asked.all_counted())
    names = asked.catalogue.names("author", [p.paper_id for p in asked.papers])
    if not names:
        return refused(asked, no_names(len(asked.papers)))
    if asked.skip >= len(names):
        return refused(asked, all_shown(len(names)))
    verb = "names" if len(asked.papers) == 1 else "name"
    said = [f"{capital(asked.those)} {verb} {counted(len(names), 'author')}."]
    text = " ".join([*said, *NAMES.said_of(asked.papers), *asked.left_out()])
    return with_counts(asked, text, ("Author", [*names.items()]))


def named_papers(asked: AskedPapers) -> Named:
    """Return the papers referred to; or else those of a name, or with titles like it."""
    if ids := asked.request.refers_to:
        known = [own for each in ids if (own := asked.catalogue.resolve(each))]
        by_id = {p.paper_id: p for p in asked.catalogue.facts(known)}
        return Named([by_id[own] for own in dict.fromkeys(known) if own in by_id])
    name = asked.topic.text
    found = [p for p in asked.papers if asked.is_said_in(p.title)]
    if so_called := [p for p in found if _is_called(p, name) or _is_most_of(asked, p.title)]:
        others = [p for p in found if p not in so_called]
        if not 0 < len(others) <= _NAMESAKES - len(so_called):
            return Named(so_called[:_NAMESAKES])
        n = counted(len(others), "more title")
        more = f"{n} {'has' if len(others) == 1 else 'have'} “{name}” among other words."
        return Named([*so_called, *others], more=more)
    if found:
        n = len(found)
        how = f"No paper here is called “{name}”; {n:,} {'title has' if n == 1 else 'titles have'}"
        found.sort(key=lambda p: len(p.title))
        return Named(found[:_NAMESAKES], f"{how} it among other words.")
    if written := _written_out(asked, name):
        return Named(written[:_NAMESAKES])
    others = asked.catalogue.facts(asked.catalogue.matching(asked.filters))
    meant = closest(name, (p.title for p in others))
    found = [p for p in others if p.title == meant]
    return Named(
        found[:_NAMESAKES], f"No title here has “{name}”; the one most like it is told of."
    )


def _written_out(asked: AskedPapers, name: str) -> list[Facts]:
    """Return the papers whose titles write a name out: `Zero Bubble PP`."""
    some = asked.catalogue.facts(asked.catalogue.matching(asked.filters))[:_MOST_TITLES]
    return [p for p in some if is_written_out(name, p.title)]


def _says(asked: AskedPapers, paper: Facts, name: Topic) -> bool:
    return name.is_said(paper.title, asked.words.terms(paper.title))


def _is_most_of(asked: AskedPapers, title: str) -> bool:
    """Return True if a title begins with words of the topic, which are half of it or more."""
    own = asked.words.terms(title)
    return own[0] in asked.topic.terms and 2 * len(asked.topic.terms) >= len({*own})


def called(catalogue: Catalogue, index: Words, name: str) -> list[Facts]:
    """Return the papers of a name, but for those that only speak of it."""
    found = catalogue.facts(index.holding(name))
    return [p for p in found if _is_called(p, name)]


def _is_called(paper: Facts, name: str) -> bool:
    # `NanoFlow: Towards…` is called NanoFlow, and others only speak of it.
    names = (paper.title, paper.title.partition(":")[0])
    return identity_key(name) in map(identity_key, names)


def no_such(asked: AskedPapers) -> Answer:
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
        return told_each(asked, Named(papers, said), recorded)
    others = asked.beside if n <= PAGE else ()
    text = " ".join([*asked.respelled, said])
    if not (n or others):
        return refused(asked, text)
    return with_papers(asked, papers, text, authors="number", others=others)


def _written_by(paper: Paper) -> str:
    if paper.authors:
        return f"“{paper.title}” is by {enumerated(paper.authors)}."
    if paper.n_authors:
        n = counted(paper.n_authors, "author")
        return f"“{paper.title}” has {n}, whose names its record does not tell."
    return f"The record of “{paper.title}” names no authors."


def no_names(n: int) -> str:
    """Say that no record of so many papers names authors."""
    if n == 1:
        return "The record of the one paper asked about names no authors."
    return f"None of the records of the {n:,} papers asked about names its authors."
