"""The papers that a question about the collection asks of, and what they share in words."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

from footnote.rag.answering.sentences import Evidence
from footnote.rag.core.request import Filters, Operation, RecordField, Request
from footnote.rag.core.text import words
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.facts import Facts


class Words(Protocol):
    """An index of the words of titles and abstracts."""

    def terms(self, text: str) -> list[str]:
        """Return the words of a text as searched."""
        ...

    def holding(self, text: str) -> list[str]:
        """Return the ids of the papers that hold every word of a text in some form."""
        ...


Near = Callable[[], Sequence[Evidence]]
"""Finds the papers that come near what is asked, nearest first: of each what tells of it best."""


class Condition(NamedTuple):
    """What the papers asked about have in common."""

    of_one: str
    """As it is said of one paper: `is dated 2024-01-01 or later`."""
    of_many: str


@dataclass(frozen=True)
class Lack:
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


DATE = Lack(lambda p: p.date is None, "a date", "date")
ORGANISATION = Lack(lambda p: p.organisation is None, "an organisation", "organisation")
UPVOTES = Lack(lambda p: p.upvotes is None, "upvotes on record", "upvotes on record")
AUTHORS = Lack(lambda p: p.n_authors is None, "a number of authors", "number of authors on record")
NAMES = Lack(lambda p: not p.names_authors, "the names of its authors", "names of authors")
LACKS = {
    RecordField.DATE: DATE,
    RecordField.ORGANISATION: ORGANISATION,
    RecordField.UPVOTES: UPVOTES,
    RecordField.AUTHORS: AUTHORS,
}


_OF_A_NAME = frozenset({Operation.AUTHORS, Operation.RECORD})
# Of 100, as `rapidfuzz` tells how alike two words are; shorter ones are alike by chance.
_LIKE, _SHORTEST = 80, 4
# Whose words are looked through.
_MOST_TITLES = 20_000


class Topic(NamedTuple):
    """Words that papers may say."""

    text: str
    terms: frozenset[str]
    """As searched; empty where there is nothing to search for."""
    holding: frozenset[str]
    """Ids of the papers that say all of them."""


class AskedPapers:
    """What is asked, and the papers that it is asked of, by title."""

    def __init__(self, request: Request, catalogue: Catalogue, index: Words, near: Near, skip: int):
        """Find the papers.

        Args:
            request: What is asked.
            catalogue: Of all papers.
            index: Of their words.
            near: Finds those that come near the topic, in whatever words.
            skip: Rows that were shown before.
        """
        self.request = request
        self.catalogue = catalogue
        self.words = index
        self.skip = skip
        self._near = near
        self.respelled: list[str] = []
        """What was looked for in place of what is asked, in words."""
        self.topic = self._topic(request.topic)
        sides = map(self._topic, request.sides)
        self.sides = [side for side in sides if side.terms]
        self.n_every = catalogue.count_served()
        self.filters = self._answerable(request.filters)
        self.papers = self._fitting(self.filters)
        if not self.papers and request.operation in _OF_A_NAME and self.topic.terms:
            self.filters = Filters()  # a paper that is named is meant, whatever else is said of it
            self.papers = self._fitting(self.filters)
        self.conditions = [*_filtered(self.filters), *self._said()]

    def _topic(self, text: str) -> Topic:
        holding = self.words.holding(text)
        meant = self._meant(text) if text and not holding else text
        if meant != text and (found := self.words.holding(meant)):
            self.respelled.append(f"No paper says “{text}”; “{meant}” was looked for.")
            text, holding = meant, found
        return Topic(text, frozenset(self.words.terms(text)), frozenset(holding))

    def _meant(self, text: str) -> str:
        """Return a text with words of titles in place of slips that no paper has."""
        from rapidfuzz import fuzz, process  # few questions ask for it

        unsaid = [w for w in words(text) if len(w) >= _SHORTEST and not self.words.holding(w)]
        if not unsaid:
            return text
        some = sorted(self.catalogue.matching(Filters()))[:_MOST_TITLES]
        papers = self.catalogue.facts(some)
        said = list(dict.fromkeys(word for p in papers for word in words(p.title)))
        for word in unsaid:
            found = process.extractOne(word, said, scorer=fuzz.ratio, score_cutoff=_LIKE)
            if found:
                text = re.sub(re.escape(word), found[0], text, count=1, flags=re.IGNORECASE)
        return text

    def _answerable(self, filters: Filters) -> Filters:
        """Return the filters without an author, where a topic is asked and no record names any."""
        if not (filters.author and self.has_topic) or self.catalogue.names_authors():
            return filters
        self.respelled.append(f"No record here names authors, such as “{filters.author}”.")
        return filters.model_copy(update={"author": None})

    @property
    def has_topic(self) -> bool:
        """True where papers have to say something."""
        return bool(self.topic.terms or self.sides)

    def is_said_in(self, text: str) -> bool:
        """Return True if a text says each word of the topic, and of one of the sides."""
        said = {*self.words.terms(text)}
        in_sides = not self.sides or any(side.terms <= said for side in self.sides)
        return self.has_topic and self.topic.terms <= said and in_sides

    @cached_property
    def beside(self) -> Sequence[Evidence]:
        """The papers that come near the topic without saying it, nearest first."""
        if not self.has_topic:
            return ()
        saying = {p.paper_id for p in self.papers}
        return [e for e in self._near() if e.paper.paper_id not in saying]

    def _in_titles(self) -> list[str]:
        """Say how many say the topic in the title; nothing where all do, or none."""
        if not self.has_topic or self.request.in_title or not self.papers:
            return []
        n = sum(self.is_said_in(p.title) for p in self.papers)
        if n in (0, len(self.papers)):
            return []
        return [f"{n:,} of these {'says' if n == 1 else 'say'} it in the title."]

    def says(self, paper: Facts, side: Topic) -> bool:
        """Return True if a paper says one of the sides, in its title where that alone counts."""
        if self.request.in_title:
            return side.terms <= {*self.words.terms(paper.title)}
        return paper.paper_id in side.holding

    def _fitting(self, filters: Filters) -> list[Facts]:
        if not self.has_topic:
            return self.catalogue.facts(self.catalogue.matching(filters))
        found = frozenset[str]().union(*(side.holding for side in self.sides))
        if self.topic.terms:
            found = found & self.topic.holding if self.sides else self.topic.holding
        if filters:  # those that are not served have no facts
            found &= self.catalogue.matching(filters)
        papers = self.catalogue.facts(found)
        if self.request.in_title:
            return [p for p in papers if self.is_said_in(p.title)]
        return papers

    def _said(self) -> list[Condition]:
        where = "the title" if self.request.in_title else "title or abstract"
        alternatives = [[self.topic], self.sides]
        return [
            Condition(f"says {said}", f"say {said}")
            for topics in alternatives
            if (said := _told([topic for topic in topics if topic.terms], where))
        ]

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
            return f"There {'is' if n == 1 else 'are'} {n:,} paper{'s' * (n != 1)} here."
        of_one = " and ".join(c.of_one for c in self.conditions)
        if not n:
            return f"No paper here {of_one}."
        if n_every == 1:
            return f"The one paper here {of_one}."
        said = of_one if n == 1 else " and ".join(c.of_many for c in self.conditions)
        return f"{n:,} of the {n_every:,} papers here {said}."

    def left_out(self) -> list[str]:
        """Say of how many papers it is not known if the filters let them through."""
        filters = self.filters
        said: list[str] = []
        vague: set[str] = set()
        if filters.since or filters.until:
            maybe = self._fitting(filters.model_copy(update={"undated": True}))
            vague = {p.paper_id for p in maybe if p.date} - {p.paper_id for p in self.papers}
        day = Lack(lambda p: p.paper_id in vague, "a day", "exact day on record")
        for fields, lack in (
            (("since", "until"), DATE),
            (("since", "until"), day),
            (("organisation",), ORGANISATION),
            (("author",), NAMES),
            (("min_upvotes", "max_upvotes"), UPVOTES),
            (("min_authors", "max_authors"), AUTHORS),
        ):
            wider = filters.model_copy(update=dict.fromkeys(fields))
            if wider != filters:
                others = self._fitting(wider)
                said += lack.said_of(others, otherwise=len(others) < self.n_every)
        return said

    def all_counted(self, *lacking: Lack, titles: bool = False) -> str:
        """Say how many there are and what is not known of them.

        Args:
            lacking: What it is said of how many that their records do not tell.
            titles: Say too how many say the topic in the title.
        """
        unknown = [line for lack in lacking for line in lack.said_of(self.papers)]
        in_titles = self._in_titles() if titles else []
        said = [*self.respelled, self.counted(), *in_titles, *unknown, *self.left_out()]
        return " ".join(dict.fromkeys(said))


def _told(topics: Sequence[Topic], where: str) -> str:
    """Say what is said in a title or an abstract; empty for nothing."""
    if not topics:
        return ""
    if all(len(topic.terms) == 1 for topic in topics):
        return f"{' or '.join(f'“{topic.text}”' for topic in topics)} or a form of it in {where}"
    named = " or ".join(f"of “{topic.text}”" for topic in topics)
    return f"each word {named}, or a form of it, in {where}"


def _filtered(filters: Filters) -> list[Condition]:
    """Say what the filters let through."""
    found: list[Condition] = []
    if filters.since and filters.until:
        dated = f"dated {filters.since} to {filters.until}"
        found.append(Condition(f"is {dated}", f"are {dated}"))
    elif day := filters.since or filters.until:
        dated = f"dated {day} or {'later' if filters.since else 'earlier'}"
        found.append(Condition(f"is {dated}", f"are {dated}"))
    if filters.organisation:
        named = f"the organisation {filters.organisation}"
        found.append(Condition(f"has {named}", f"have {named}"))
    if filters.source:
        seen = f"seen in “{filters.source}”"
        found.append(Condition(f"was {seen}", f"were {seen}"))
    if filters.author:
        author = f"an author called “{filters.author}”"
        found.append(Condition(f"has {author}", f"have {author}"))
    if filters.withdrawn is not None:
        said = f"{'' if filters.withdrawn else 'not '}marked as withdrawn or retracted"
        found.append(Condition(f"is {said}", f"are {said}"))
    if filters.reports_number is not None:
        states, state = ("states", "state") if filters.reports_number else ("has no", "have no")
        found.append(Condition(f"{states} a measured value", f"{state} measured values"))
    for of_one, of_many, least, most in (
        ("upvote", "upvotes", filters.min_upvotes, filters.max_upvotes),
        ("author", "authors", filters.min_authors, filters.max_authors),
    ):
        if least is not None or most is not None:
            n = _range(least, most)
            counted = f"{n} {of_one if n == '1' else of_many}"
            found.append(Condition(f"has {counted}", f"have {counted}"))
    told = [Condition(f"has {LACKS[f].has}", f"have {LACKS[f].has}") for f in filters.told or ()]
    untold = [
        Condition(f"has no {LACKS[f].no}", f"have no {LACKS[f].no}") for f in filters.untold or ()
    ]
    return [*found, *told, *untold]


def _range(least: int | None, most: int | None) -> str:
    if most is None:
        return f"at least {least:,}"
    if not least:
        return "0" if most == 0 else f"at most {most:,}"
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
