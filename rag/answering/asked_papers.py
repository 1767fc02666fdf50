"""The papers that a question about the collection asks of, and what they share in words."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol

from footnote.rag.answering.asked_topic import Topic, TopicReader, Words
from footnote.rag.answering.sentences import Evidence
from footnote.rag.core.request import OF_A_NAME, Filters, RecordField, Request
from footnote.rag.core.text import fold
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.facts import Facts


class Near(Protocol):
    """A search for what is asked, in whatever words; made where it is needed."""

    def order(self) -> Sequence[str]:
        """Return the ids of the papers found, nearest first, whether or not they are near."""
        ...

    def evidence(self) -> Sequence[Evidence]:
        """Return of each paper that comes near what tells of it best, nearest first."""
        ...


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
_HAS = {field: (lack.has, lack.no) for field, lack in LACKS.items()}
_HAS[RecordField.LINK] = ("a web address in the abstract", "web address in the abstract")


# More that only come near are clutter.
_MOST_BESIDE = 6
# Of fewer papers a share says nothing.
_FEW = 20
# Between the parts of a topic: `medical imaging and MRI`.
_JOINING = re.compile(r"\s+(?:and|or|&)\s+|\s*[,/]\s+")
_NUMBERED = re.compile(r"(.*\D)\d+")


class AskedPapers:
    """What is asked, and the papers that it is asked of, by title."""

    def __init__(
        self,
        request: Request,
        catalogue: Catalogue,
        index: Words,
        near: Near,
        skip: int,
        *,
        whole: bool = False,
    ):
        """Find the papers.

        Args:
            request: What is asked.
            catalogue: Of all papers.
            index: Of their words.
            near: Finds those that come near the topic, in whatever words.
            skip: Rows that were shown before.
            whole: True where only papers that say each word of the topic will do.
        """
        self.request = request
        self.catalogue = catalogue
        self.words = index
        self.skip = skip
        self._near = near
        topics = TopicReader(catalogue, index)
        self.respelled = topics.respelled
        """What was looked for in place of what is asked, in words."""

        def read(names: Iterable[str], by: TopicReader = topics) -> list[Topic]:
            is_name = request.operation in OF_A_NAME
            is_whole = whole or len(request.parts) > 1  # each part is looked for by itself too
            found = [by.read(name, is_name=is_name, whole=is_whole) for name in names]
            return [topic for topic in found if topic.terms]

        asked_of, sides = request.topic, request.sides
        if alternatives := self._alternatives():
            topics.respelled.append(f"No paper says all of “{asked_of}”; any part of it will do.")
            asked_of, sides = "", alternatives
        [self.topic] = read([asked_of]) or [Topic("", frozenset(), frozenset())]
        self.sides = read(_written_out(sides))
        # What was looked for in place of these is said of the whole topic.
        self.parts = read(request.parts, TopicReader(catalogue, index))
        self.unwanted = read(catalogue.words_left_out(request.filters))
        """What papers must not say."""
        self.n_every = catalogue.count_served()
        self.filters = self._answerable(request.filters)
        self.papers = self._fitting(self.filters)
        if not self.papers and request.operation in OF_A_NAME and self.topic.terms:
            self.filters = Filters()  # a paper that is named is meant, whatever else is said of it
            self.papers = self._fitting(self.filters)
        self.conditions = [*_filtered(self.filters), *self._said(), *self._not_said()]

    def _alternatives(self) -> tuple[str, ...]:
        """Return the parts that a topic joins, which papers say each but no paper all of them."""
        request, holding = self.request, self.words.holding
        if request.sides or request.parts or request.operation in OF_A_NAME or request.in_title:
            return ()
        parts = tuple(filter(None, map(str.strip, _JOINING.split(request.topic))))
        is_joined = len(parts) > 1 and not holding(request.topic)
        return parts if is_joined and all(map(holding, parts)) else ()

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
        said = self.words.terms(text)
        in_sides = not self.sides or any(side.is_said(text, said) for side in self.sides)
        return self.has_topic and self.topic.is_said(text, said) and in_sides

    @cached_property
    def beside(self) -> Sequence[Evidence]:
        """The nearest papers that come near the topic without saying it, nearest first."""
        if not self.has_topic:
            return ()
        saying = {p.paper_id for p in self.papers}
        others = [e for e in self._near.evidence() if e.paper.paper_id not in saying]
        return others[:_MOST_BESIDE]

    @property
    def organisations(self) -> list[str]:
        """The names of those asked for, any of which will do."""
        filters = self.filters
        return [*filter(None, [filters.organisation]), *(filters.other_organisations or ())]

    @cached_property
    def spoken_of(self) -> list[Facts]:
        """The papers that fit otherwise and speak of the organisations, where none is of them."""
        if self.papers or not self.organisations:
            return []
        speaking = {each for name in self.organisations for each in self.words.holding(name)}
        others = {"organisation": None, "other_organisations": None}
        wider = self._fitting(self.filters.model_copy(update=others))
        return [p for p in wider if p.paper_id in speaking]

    @cached_property
    def saying_a_part(self) -> list[Facts]:
        """The papers that say the first part of a topic, where none says all of its parts."""
        if self.papers or self.filters or self.request.in_title or len(self.parts) <= 1:
            return []
        return self.catalogue.facts(self.parts[0].holding)

    @cached_property
    def saying_elsewhere(self) -> list[Facts]:
        """The papers that say the topic in the abstract, where no title says it, as was asked."""
        if self.papers or not self.request.in_title or self.request.begins or not self.has_topic:
            return []
        unwanted = frozenset[str]().union(*(topic.holding for topic in self.unwanted))
        return [p for p in self._saying_it(self.filters) if p.paper_id not in unwanted]

    @property
    def instead(self) -> list[Facts]:
        """The papers that are listed where none fits: they say a part of it, or elsewhere."""
        return self.spoken_of or self.saying_a_part or self.saying_elsewhere

    def nearest_first(self, papers: Sequence[Facts]) -> list[Facts]:
        """Order papers by how near they come to the topic, those last that were not found."""
        places = {paper_id: place for place, paper_id in enumerate(self._near.order())}
        return sorted(papers, key=lambda p: places.get(p.paper_id, len(places)))

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
            return side.is_said(paper.title, self.words.terms(paper.title))
        return paper.paper_id in side.holding

    def _fitting(self, filters: Filters) -> list[Facts]:
        if self.request.begins and self.has_topic:
            every = self.catalogue.facts(self.catalogue.matching(filters))
            papers = [p for p in every if self._begins(p.title)]
        elif self.request.in_title and self.has_topic:
            papers = [p for p in self._saying_it(filters) if self.is_said_in(p.title)]
        else:
            papers = self._saying_it(filters)
        return [p for p in papers if not any(self.says(p, t) for t in self.unwanted)]

    def _begins(self, title: str) -> bool:
        """Return True if a title begins with the topic, be it in a word, or with one of several."""
        own = tuple(fold(each.text) for each in (self.topic, *self.sides) if each.terms)
        return fold(title).startswith(own)

    def _saying_it(self, filters: Filters) -> list[Facts]:
        if not self.has_topic:
            return self.catalogue.facts(self.catalogue.matching(filters))
        found = frozenset[str]().union(*(side.holding for side in self.sides))
        if self.topic.terms:
            found = found & self.topic.holding if self.sides else self.topic.holding
        if filters:  # those that are not served have no facts
            found &= self.catalogue.matching(filters)
        return self.catalogue.facts(found)

    def _said(self) -> list[Condition]:
        if self.request.begins and self.has_topic:
            named = [_named(topic) for topic in (self.topic, *self.sides) if topic.terms]
            said = f"a title that begins with {' or '.join(named)}"
            return [Condition(f"has {said}", f"have {said}")]
        where = "the title" if self.request.in_title else "title or abstract"
        alternatives = [[self.topic], self.sides]
        return [
            Condition(f"says {said}", f"say {said}")
            for topics in alternatives
            if (said := _told([topic for topic in topics if topic.terms], where))
        ]

    def _not_said(self) -> list[Condition]:
        """Say what leaves papers out: words, or organisations."""
        words = self.catalogue.words_left_out(self.filters)
        of = " or ".join(name for name in self.filters.without or () if name not in words)
        found = [Condition(f"is not of {of}", f"are not of {of}")] if of else []
        if self.unwanted:
            said = " or ".join(f"“{topic.text}”" for topic in self.unwanted)
            where = "the title" if self.request.in_title else "title or abstract"
            found.append(
                Condition(f"does not say {said} in {where}", f"do not say {said} in {where}")
            )
        return found

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
        share = _share(n, n_every)
        if not n:
            return f"No paper here {of_one}."
        if n_every == 1:
            return f"The one paper here {of_one}."
        said = of_one if n == 1 else " and ".join(c.of_many for c in self.conditions)
        return f"{n:,} of the {n_every:,} papers here{share} {said}."

    def _in_all(self) -> list[str]:
        """Say how many say the topic, whatever else is asked of them, where that is more."""
        if not (self.filters and self.has_topic):
            return []
        n = len(self._fitting(Filters(without=self.filters.without)))
        return [f"{n:,} say it in all."] if n > max(len(self.papers), 1) else []

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
            (("organisation", "other_organisations"), ORGANISATION),
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
        said = [*self.respelled, self.counted(), *in_titles, *self._in_all(), *unknown]
        said += self.left_out()
        return " ".join(dict.fromkeys(said))


def _written_out(names: Sequence[str]) -> list[str]:
    """Put what a number is of before it: `FlashAttention 1` and `2` are two of one name."""
    found: list[str] = []
    of = ""
    for name in names:
        numbered = _NUMBERED.fullmatch(name)
        found.append(f"{of}{name}" if name.isdecimal() else name)
        of = numbered[1] if numbered else "" if not name.isdecimal() else of
    return found


def _told(topics: Sequence[Topic], where: str) -> str:
    """Say what is said in a title or an abstract; empty for nothing."""
    if not topics:
        return ""
    if all(topic.phrase for topic in topics):
        return f"{' or '.join(map(_named, topics))} in {where}"
    if all(len(topic.terms) == 1 for topic in topics):
        return f"{' or '.join(map(_named, topics))} or a form of it in {where}"
    named = " or ".join(f"of {_named(topic)}" for topic in topics)
    return f"each word {named}, or a form of it, in {where}"


def _named(topic: Topic) -> str:
    return f"“{topic.text}”{f' (“{topic.other}”)' * bool(topic.other)}"


def _filtered(filters: Filters) -> list[Condition]:
    """Say what the filters let through."""
    found: list[Condition] = []
    if filters.since and filters.until:
        dated = f"dated {filters.since} to {filters.until}"
        found.append(Condition(f"is {dated}", f"are {dated}"))
    elif day := filters.since or filters.until:
        dated = f"dated {day} or {'later' if filters.since else 'earlier'}"
        found.append(Condition(f"is {dated}", f"are {dated}"))
    if named := [*filter(None, [filters.organisation]), *(filters.other_organisations or ())]:
        of = f"the organisation {' or '.join(named)}"
        found.append(Condition(f"has {of}", f"have {of}"))
    if sources := [*filter(None, [filters.source]), *(filters.other_sources or ())]:
        seen = f"seen in {' or '.join(f'“{source}”' for source in sources)}"
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
    if (least := filters.min_sources) is not None or filters.max_sources is not None:
        n = _range(least, filters.max_sources)
        seen = f"seen in {n} source{'s' * (n.split()[-1] != '1')}"
        found.append(Condition(f"was {seen}", f"were {seen}"))
    for of_one, of_many, least, most in (
        ("upvote", "upvotes", filters.min_upvotes, filters.max_upvotes),
        ("author", "authors", filters.min_authors, filters.max_authors),
    ):
        if least is not None or most is not None:
            n = _range(least, most)
            counted = f"{n} {of_one if n == '1' else of_many}"
            found.append(Condition(f"has {counted}", f"have {counted}"))
    told = [Condition(f"has {_HAS[f][0]}", f"have {_HAS[f][0]}") for f in filters.told or ()]
    untold = [
        Condition(f"has no {_HAS[f][1]}", f"have no {_HAS[f][1]}") for f in filters.untold or ()
    ]
    return [*found, *told, *untold]


def _share(n: int, of: int) -> str:
    """Return what share one number is of another, where the other is not a few; in parentheses."""
    if of < _FEW or not n:
        return ""
    return f" ({100 * n / of:.0f}%)" if 100 * n >= of else " (less than 1%)"


def _range(least: int | None, most: int | None) -> str:
    if most is None:
        return f"at least {least:,}"
    if not least:
        return "0" if most == 0 else f"at most {most:,}"
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
