"""What a person asks for, read from what they typed: one record, whoever read it."""

import datetime
from enum import StrEnum
from operator import not_
from typing import Annotated, Literal

from pydantic import Field

from footnote.rag.core.base import Record, Text, is_none

LONGEST_QUERY = 300
"""Characters of a search beside the question; it is a few words."""
MOST_QUERIES = 8
"""Searches beside the question, whatever the settings say."""
MOST_ALSO = 3
"""Further questions in one line."""
MOST_COUNTED = 10**9
"""Upvotes, authors or sources that a filter can ask for."""
Count = Annotated[int, Field(ge=0, le=MOST_COUNTED)]
Query = Annotated[str, Field(min_length=1, max_length=LONGEST_QUERY)]


class Kind(StrEnum):
    """What answers a question."""

    FACT = "fact"
    """The sentence that states it."""
    NUMBER = "number"
    """The sentence that states the figure."""
    DEFINITION = "definition"
    """What a thing is and does."""
    EXPLANATION = "explanation"
    """Why or how: the idea, the mechanism, the result."""
    SURVEY = "survey"
    """A row for each of many papers."""
    COMPARISON = "comparison"
    """A column for each of two or more sides."""
    CLAIM = "claim"
    """Evidence for and against what is claimed."""
    CATALOGUE = "catalogue"
    """Fields of the records, not their text: a count, the newest, those of an organisation."""
    CHAT = "chat"
    """A friendly line: nothing is asked of the papers."""


class Operation(StrEnum):
    """What is asked of the catalogue."""

    COUNT = "count"
    LIST = "list"
    NEWEST = "newest"
    OLDEST = "oldest"
    MOST_UPVOTED = "most_upvoted"
    BY_YEAR = "by_year"
    BY_ORGANISATION = "by_organisation"
    AUTHORS = "authors"
    """Who wrote a paper, what an author wrote, or all authors."""
    ABOUT = "about"
    """What the collection is."""
    MOST_AUTHORS = "most_authors"
    BY_SOURCE = "by_source"
    RECORD = "record"
    """What the record of a named paper tells: its date, organisation, upvotes, authors."""
    FIGURES = "figures"
    """Means, totals and extremes of upvotes and numbers of authors."""
    TOPICS = "topics"
    """What the papers are about, and how many."""
    MOST_SEEN = "most_seen"
    """Those seen in the most sources first."""
    UNRECORDED = "unrecorded"
    """What no record holds: citations, venues, ratings."""


OF_A_NAME = frozenset({Operation.AUTHORS, Operation.RECORD})
"""Operations that ask for a paper by its name."""


class RecordField(StrEnum):
    """What the record of a paper may tell, or may not."""

    DATE = "date"
    ORGANISATION = "organisation"
    UPVOTES = "upvotes"
    AUTHORS = "authors"
    """How many there are, whether or not they are named."""
    LINK = "link"
    """A web address in the abstract, mostly of code or data."""


class Group(StrEnum):
    """Of what each something is asked: of each year, of each organisation."""

    YEAR = "year"
    MONTH = "month"
    ORGANISATION = "organisation"
    SOURCE = "source"


class Act(StrEnum):
    """What a line does in its conversation."""

    NEW = "new"
    """Asks something that stands alone."""
    FOLLOW_UP = "follow_up"
    """Asks something that needs what was said before."""
    MORE = "more"
    """Asks for what was not said yet."""
    SHORTER = "shorter"
    SIMPLER = "simpler"
    TABLE = "table"
    LIST = "list"
    NTH = "nth"
    """Asks about one of the things listed."""
    CORRECTION = "correction"
    """Says what was meant instead."""
    SUMMARISE = "summarise"
    THANKS = "thanks"


class Filters(Record):
    """Which papers may answer; a paper whose record does not tell is left out."""

    since: datetime.date | None = None
    """The first day, of the paper's date; of a month or a year all days have to fit."""
    until: datetime.date | None = None
    """The last day."""
    organisation: Text | None = None
    """As the catalogue writes it, in any case; where it so writes none, whole words of it."""
    source: Text | None = None
    """The name of a file or feed it was seen in, or a part of the name, in any case."""
    author: Text | None = None
    """A name of one of its authors, or a part of the name that is whole words, in any case."""
    withdrawn: bool | None = None
    """True for withdrawn papers alone, false for the others."""
    undated: bool | None = Field(default=None, exclude_if=is_none)
    """True where papers without a date may answer too, whatever the first and the last day; of a
    month or a year some days then suffice."""
    reports_number: bool | None = Field(default=None, exclude_if=is_none)
    """True for papers whose abstracts state a measured value, false for the others."""
    papers: tuple[Text, ...] | None = Field(default=None, exclude_if=is_none)
    """Ids of the papers that alone may answer."""
    min_upvotes: Count | None = Field(default=None, exclude_if=is_none)
    max_upvotes: Count | None = Field(default=None, exclude_if=is_none)
    min_authors: Count | None = Field(default=None, exclude_if=is_none)
    max_authors: Count | None = Field(default=None, exclude_if=is_none)
    min_sources: Count | None = Field(default=None, exclude_if=is_none)
    """In how many sources a paper was seen."""
    max_sources: Count | None = Field(default=None, exclude_if=is_none)
    told: tuple[RecordField, ...] | None = Field(default=None, exclude_if=is_none)
    """What the record has to tell."""
    untold: tuple[RecordField, ...] | None = Field(default=None, exclude_if=is_none)
    """What the record must not tell."""
    other_organisations: tuple[Text, ...] | None = Field(default=None, exclude_if=is_none)
    """Those whose papers may answer beside those of `organisation`, written as that is."""
    other_sources: tuple[Text, ...] | None = Field(default=None, exclude_if=is_none)
    """Those where a paper may have been seen in place of `source`, written as that is."""
    without: tuple[Text, ...] | None = Field(default=None, exclude_if=is_none)
    """What leaves a paper out: an organisation, if one of the catalogue is so called; else words,
    all of which its title says, or of a question of the kind `catalogue` title or abstract."""

    def __bool__(self) -> bool:
        """Return True if any paper could be left out."""
        return self != Filters()

    def within(self, chosen: "Filters") -> "Filters":
        """Return those of a question with those that a reader chose; the question's count."""
        said = {name: value for name, value in self if value is not None}
        return chosen.model_copy(update=said)


class Depth(StrEnum):
    """How much is read and said for an answer."""

    SHORT = "short"
    """Half as many papers, rows and sentences as the settings say."""
    USUAL = "usual"
    THOROUGH = "thorough"
    """Twice as many."""

    @property
    def factor(self) -> float:
        """How many times as much as the settings say."""
        return {Depth.SHORT: 0.5, Depth.USUAL: 1.0, Depth.THOROUGH: 2.0}[self]

    def of(self, n: int) -> int:
        """Return how many it makes of a number of the settings; at least one."""
        return max(round(n * self.factor), 1)


class Manner(Record):
    """How a reader wants answers to be made, whatever is asked."""

    writes: bool = True
    """False for quotes alone, where a language model could write."""
    depth: Depth = Depth.USUAL


class Request(Record):
    """What is asked; a part of every answer, shown to the reader, who may change it."""

    question: Text
    """In full, as it is searched for: a follow-up with what it leans on."""
    own_words: str = ""
    """The line alone, where `question` puts in front of it the title of the paper it is about."""
    kind: Kind
    act: Act = Act.NEW
    topic: str = ""
    """What it is about, in words of the question; empty where all of it says so."""
    parts: tuple[Text, ...] = Field(default=(), exclude_if=not_)
    """Of a question of the kind `catalogue`: the parts of its topic, where they stand apart."""
    queries: tuple[Query, ...] = Field(default=(), max_length=MOST_QUERIES, exclude_if=not_)
    """What is searched for beside the question: its parts, and other terms for it, by a model."""
    in_title: bool = Field(default=False, exclude_if=not_)
    """True where the title alone has to say the topic, of a question of the kind `catalogue`."""
    begins: bool = Field(default=False, exclude_if=not_)
    """True where the title has to begin with the topic, of a question of the kind `catalogue`."""
    each: Group | None = Field(default=None, exclude_if=is_none)
    """Of a question of the kind `catalogue`: what is asked of each of these by itself."""
    fewest_first: bool = Field(default=False, exclude_if=not_)
    """True where papers with the smallest numbers come first, of an operation that orders them."""
    by_title: bool = Field(default=False, exclude_if=not_)
    """True where a list is to be in the order of the alphabet."""
    sides: tuple[Text, ...] = ()
    """What is compared, in the order in which the question names it; of a question of the kinds
    `catalogue` and `survey`, topics of which any will do."""
    point: Kind | None = Field(default=None, exclude_if=is_none)
    """Of a comparison: if a number is asked of each side, or an explanation."""
    filters: Filters = Filters()
    operation: Operation | None = None
    """Of a question of the kind `catalogue`."""
    limit: int | None = Field(default=None, ge=1, le=MOST_COUNTED, exclude_if=is_none)
    """How many papers a question of the kinds `catalogue` and `survey` asks for; None where it does
    not say."""
    nth: int | None = Field(default=None, ge=-1)
    """Which of the things listed, from 1; -1 is the last."""
    refers_to: tuple[Text, ...] = ()
    """Ids of the papers of earlier answers that it is about."""
    by: Literal["heads", "model", "reader"] = "heads"
    """Who read it: the trained network, the language model, or the reader, who changed it."""
    also: tuple["Request", ...] = Field(default=(), max_length=MOST_ALSO, exclude_if=not_)
    """What the same line asks beside it, of the kinds `catalogue` and `survey`; answered after it.
    """

    @property
    def searched_for(self) -> str:
        """The question, or of a survey of some days its topic: abstracts seldom say their date."""
        dated = self.filters.since or self.filters.until
        topic = " ".join([*filter(None, [self.topic]), *self.sides])
        return topic if self.kind is Kind.SURVEY and dated and topic else self.question
