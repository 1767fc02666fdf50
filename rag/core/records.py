"""The records that pass between the rooms: checked where data enters, trusted afterwards."""

import datetime
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b
from operator import not_
from typing import Literal, Self

from pydantic import Field, model_validator

from footnote.rag.core.base import Record, Text, is_none
from footnote.rag.core.partial import PaperDate
from footnote.rag.core.request import Request
from footnote.rag.core.text import Span, identity_key

Verdict = Literal["checked", "quoted", "differs", "unbound"]
"""Of a statement: a judge says that its quotes say it; it is bound to exact quotes and nothing
differs; something differs, as is said; it rests on no sentence that could be found."""


class Sighting(Record):
    """One place where a paper was seen."""

    source: Text
    """Name of the file or feed, without the folders that lead to it."""
    day: str | None = None
    """Day of that page, `YYYY-MM-DD`, or `--MM-DD` where the page does not tell its year."""
    service: Literal["arxiv", "hf"] | None = Field(default=None, exclude_if=is_none)
    """The service that gave it when it was asked; absent for a file, whatever the file says."""


class Paper(Record):
    """One work, merged from all its sightings."""

    paper_id: Text
    title: Text
    abstract: Text
    """Normalised for search and display; every offset counts in this text."""
    sentences: tuple[Span, ...]
    """Where the sentences of `abstract` are; a quote is always one of them."""
    titles: tuple[Text, ...]
    """Every title it was seen under, as first written, sorted."""
    original_title: Text
    original_abstract: Text
    date: PaperDate | None = None
    """The day; or the month or the year where no source tells more."""
    date_inferred: bool = False
    """True when the page omitted the year."""
    n_authors: int | None = Field(default=None, ge=1)
    organisation: str | None = None
    upvotes: int | None = Field(default=None, ge=0)
    sightings: tuple[Sighting, ...] = ()
    authors: tuple[Text, ...] = ()
    """Names as `Given Family`, in the paper's order; empty when no source tells them."""
    group_authors: tuple[Text, ...] = Field(default=(), exclude_if=not_)
    """Those of `authors` whose several words are one name, as a team's, with no family name."""
    arxiv_id: str | None = None
    """Without its version, such as `2309.06180` or `cs/0112017`."""
    version_number: int | None = Field(default=None, ge=1)
    """The arXiv version that title and abstract are of."""
    doi: str | None = None
    """In lower case, without `https://doi.org/`."""
    url: str | None = None
    withdrawn: bool = False
    """True when its newest version is withdrawn, or the paper is retracted."""
    notice: str | None = None
    """What a source says about a withdrawal or retraction."""
    cite_keys: tuple[Text, ...] = ()
    """Keys of the BibTeX entries it was seen under, sorted."""
    tags: tuple[Text, ...] = Field(default=(), exclude_if=not_)
    """Keywords of its sources, and tags that its readers gave it, sorted."""
    collections: tuple[Text, ...] = Field(default=(), exclude_if=not_)
    """Collections of a reference manager that it lies in, sorted."""

    @model_validator(mode="after")
    def _sentences_lie_inside(self) -> Self:
        end = 0
        for span in self.sentences:
            if not end <= span.start < span.end <= len(self.abstract):
                raise ValueError(f"sentence {tuple(span)} is outside the abstract or overlaps")
            end = span.end
        return self

    @property
    def version(self) -> str:
        """Fingerprint of what the index is derived from: the title and the abstract."""
        return _version_of(self.title, self.abstract)

    def quote(self, span: Span) -> str:
        """Return the characters of the abstract between two offsets."""
        return self.abstract[span.start : span.end]


class Hit(Record):
    """A paper that retrieval found, with the passage that fits best."""

    paper: Paper
    score: float = Field(ge=0, le=1)
    """How well it fits; scores of two questions can be compared."""
    passage: Span
    signals: dict[str, float] = Field(default={})
    """Score by each single signal that found it; larger is better within one question."""


class Citation(Record):
    """Where a sentence of an answer is supported."""

    marker: int = Field(ge=1)
    paper_id: Text
    title: Text
    quote: Text
    start: int = Field(ge=0)
    end: int
    score: float = Field(ge=0, le=1)

    @classmethod
    def of(cls, paper: Paper, span: Span, *, marker: int, score: float) -> Self:
        """Return what cites these characters of a paper's abstract."""
        return cls(
            marker=marker,
            paper_id=paper.paper_id,
            title=paper.title,
            quote=paper.quote(span),
            start=span.start,
            end=span.end,
            score=score,
        )


class Sentence(Record):
    """One sentence of an answer."""

    text: Text
    verdict: Verdict
    citations: tuple[Citation, ...]
    reason: str | None = Field(default=None, exclude_if=is_none)
    """In what it differs from its quotes; absent for what does not."""


class Source(Record):
    """A paper that the answer cites; `marker` is what stands in brackets."""

    marker: int = Field(ge=1)
    paper_id: Text
    title: Text
    version: int | None = Field(default=None, exclude_if=is_none)
    """The arXiv version that is quoted; absent where it is not known."""
    withdrawn: str | None = Field(default=None, exclude_if=is_none)
    """What is said of its withdrawal or retraction, which may be nothing; absent for others."""

    @classmethod
    def of(cls, paper: Paper, marker: int) -> Self:
        """Return the paper as an answer lists it."""
        return cls(
            marker=marker,
            paper_id=paper.paper_id,
            title=paper.title,
            version=paper.version_number,
            withdrawn=(paper.notice or "") if paper.withdrawn else None,
        )


class Writing(Record):
    """How a language model wrote an answer, or why it did not."""

    model: Text
    left_out: int = Field(ge=0)
    """Statements of its draft that are not shown: no sentence says them, or they instruct."""
    mended: int = Field(default=0, ge=0)
    """Statements that differed from their quotes, which the model has rewritten."""
    sources_left_out: int = Field(ge=0)
    """Papers found that did not fit into what the model reads at once."""
    fault: str | None
    """Why quotes stand in its place, or why it ends early; goes on after the model's name."""
    first_token_s: float | None
    tokens_per_s: float | None
    """After the first; a piece of the stream counts as one."""
    seconds: float
    tokens_in: int | None = Field(default=None, ge=0, exclude_if=is_none)
    """That the model read for this question, in all its calls; absent where it said nothing."""
    tokens_out: int | None = Field(default=None, ge=0, exclude_if=is_none)
    """That it wrote, its thinking included."""
    estimated: bool = Field(default=False, exclude_if=not_)
    """True where its server counts none, or not all, and they are told by the length of texts."""
    cost: float | None = Field(default=None, ge=0, exclude_if=is_none)
    """By the prices of the settings; absent where these name none."""
    cached: bool = Field(default=False, exclude_if=not_)
    """True where the reply was given before, to the same prompt, and nothing was asked for it."""


class Claim(Record):
    """A statement that somebody wrote, beside what the papers say."""

    text: Text
    verdict: Verdict
    reason: str | None = Field(default=None, exclude_if=is_none)
    """In what it differs, or why nothing is cited."""
    citations: tuple[Citation, ...] = ()
    """The sentences that speak to it, best first."""
    keys: tuple[Text, ...] = ()
    """Of BibTeX entries that it names; it is compared with their papers alone."""
    contradicted: bool = Field(default=False, exclude_if=not_)
    """True where another figure in the same unit, a denial or a judge speaks against it; not where
    its sentences merely lack something."""


class Cell(Record):
    """A field of a table: words of ours, or sentences of the answer, or both."""

    text: str = ""
    """What the record of a paper says, or a remark; no sentence of a paper."""
    sentences: tuple[int, ...] = ()
    """Places in `Answer.sentences`, in the order in which they are said."""
    marker: int | None = Field(default=None, exclude_if=is_none)
    """The source that the row is about, in its first cell."""


class Block(Record):
    """A part of an answer, as it is laid out."""

    form: Literal["prose", "list", "table", "count"]
    heading: str | None = Field(default=None, exclude_if=is_none)
    text: str | None = Field(default=None, exclude_if=is_none)
    """A remark or a count, in words of ours."""
    n: int | None = Field(default=None, ge=0, exclude_if=is_none)
    """How many papers there are; of a count."""
    sentences: tuple[int, ...] = ()
    """Places in `Answer.sentences`; of prose and lists."""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Cell, ...], ...] = ()
    """Of tables; each as long as `columns`."""
    n_more: int = Field(default=0, ge=0)
    """Rows or papers that are left for `more`."""


class Setup(Record):
    """What answers, beside the papers."""

    footnote: Text
    """Version of the program."""
    settings: dict[str, Text]
    """A fingerprint of each section of the settings that answers depend on."""
    model: str | None
    """The language model that may write; null for none."""


class Considered(Record):
    """A paper that was found for a question."""

    paper_id: Text
    version: Text
    """Fingerprint of its title and abstract as they then were."""
    score: float = Field(ge=0, le=1)


class Receipt(Record):
    """What an answer or a search rested on; two are equal whenever they were given."""

    asked_at: datetime.datetime
    corpus: Text
    """Fingerprint of the versions of all papers that could answer or be found."""
    n_papers: int = Field(ge=0)
    setup: Setup
    papers: tuple[Considered, ...] = ()
    """The papers found, best first, at most 30; none where nothing was searched for."""
    queries: tuple[Text, ...] = Field(default=(), exclude_if=not_)
    """What was searched for beside the question."""
    unordered: Text | None = Field(default=None, exclude_if=is_none)
    """Why the papers are not in the order that the model was to give; goes on after its name."""
    n_not_asked: int = Field(default=0, ge=0, exclude_if=not_)
    """Papers of these that could not be asked: no process that holds their shard answered."""

    def __eq__(self, other: object) -> bool:
        """Return True if another rests on the same, whenever it was given."""
        return isinstance(other, Receipt) and self._basis() == other._basis()

    def __hash__(self) -> int:
        return hash((self.corpus, self.papers))

    def _basis(self) -> tuple[object, ...]:
        return self.corpus, self.n_papers, self.setup, self.papers, self.n_not_asked


class SearchResult(Record):
    """The papers that a search found, best first, and what it rested on."""

    hits: tuple[Hit, ...]
    receipt: Receipt


class Answer(Record):
    """A cited answer, or a refusal with its reason."""

    question: str
    answer: str
    refused: bool
    reason: str | None
    """Why it was refused; null for an answer."""
    sentences: tuple[Sentence, ...]
    sources: tuple[Source, ...]
    mode: Literal["quote", "llm"]
    """Made of quotes alone, or written by a model and checked sentence by sentence."""
    confidence: float | None = Field(default=None, ge=0, le=1)
    """How likely it is that the papers answer; below the threshold it was refused."""
    understood_as: str | None = Field(default=None, exclude_if=is_none)
    """A question that leans on those before it, in full; null for one that stands alone."""
    writing: Writing | None = Field(default=None, exclude_if=is_none)
    """Absent when no model was asked anything, be it only to read the question."""
    request: Request | None = None
    """How the question was understood."""
    blocks: tuple[Block, ...] = ()
    """The answer as it is laid out; each sentence stands in one of them."""
    nearest: tuple[Citation, ...] = ()
    """Of a refusal: the best sentence of each of the papers nearest to the question, best first."""
    receipt: Receipt | None = Field(default=None, exclude_if=is_none)
    """What it rested on when it was given; absent where nobody noted it."""


class ReportSection(Record):
    """A part of a report: a written section, the table of papers, or the limits."""

    heading: Text
    questions: tuple[str, ...] = ()
    """What was searched for it."""
    n_papers: int = Field(default=0, ge=0)
    """Papers that it was written from."""
    blocks: tuple[int, ...]
    """Places in `Answer.blocks`; the first one is its heading."""


class Report(Record):
    """A written report over the papers on a topic."""

    topic: str
    title: str
    answer: Answer
    """All of it, its sources numbered once; a refusal where nothing comes near the topic."""
    sections: tuple[ReportSection, ...] = ()


# Asked for a dozen times of each paper that is taken in; a key's texts are those of the paper.
@lru_cache(maxsize=1_000)
def _version_of(title: str, abstract: str) -> str:
    return fingerprint(title, abstract)


def paper_id(title: str) -> str:
    """Return the id of a paper that is known by its title alone; equal for equal spellings.

    Raises:
        ValueError: The title has neither letters nor digits.
    """
    key = identity_key(title)
    if not key:
        raise ValueError(f"title {title!r} has neither letters nor digits")
    return f"title:{fingerprint(key)}"


def fingerprint(*parts: str) -> str:
    """Return sixteen hexadecimal digits that depend on every part and on where each ends."""
    return fingerprint_of(parts)


def fingerprint_of(parts: Iterable[str]) -> str:
    """Return the `fingerprint` of parts that are read one by one."""
    digest = blake2b(digest_size=8)
    for part in parts:
        data = part.encode()
        digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()
