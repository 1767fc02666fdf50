"""What a source yields: a record as it was written down, or a refusal with its reason."""

import re
from operator import not_

from pydantic import Field

from footnote.rag.core.base import Record
from footnote.rag.core.partial import PaperDate
from footnote.rag.core.records import Sighting

MAX_TITLE_CHARS = 1_000
MAX_ABSTRACT_CHARS = 20_000
# The longest abstract at hand has 18; each is embedded by itself.
MAX_SENTENCES = 500
# Hundreds of the same vector cut Chroma's graph in two: other papers are then not found in it.
MAX_REPEATS = 50
# Shorter than any sentence worth quoting.
MIN_ABSTRACT_CHARS = 20


class SourceRecord(Record):
    """One paper as one source shows it, not yet cleaned."""

    title: str
    abstract: str
    sighting: Sighting
    date: PaperDate | None = None
    date_inferred: bool = False
    n_authors: int | None = None
    organisation: str | None = None
    upvotes: int | None = None
    authors: tuple[str, ...] = ()
    arxiv_id: str | None = None
    version_number: int | None = None
    doi: str | None = None
    url: str | None = None
    withdrawn: bool = False
    notice: str | None = None
    cite_key: str | None = None
    # Not written where there are none: a record that was taken in before stays the same one.
    tags: tuple[str, ...] = Field(default=(), exclude_if=not_)
    collections: tuple[str, ...] = Field(default=(), exclude_if=not_)


class Refusal(Record):
    """Something that was not taken in, and why."""

    source: str
    record: str | None
    """Title or line of the record; null when the whole source is refused."""
    reason: str


_SERVICES = ("hf", "arxiv")
N_RANKS = 1 + len(_SERVICES)


def source_rank(sighting: Sighting) -> int:
    """Say how much a source is believed: arXiv itself 2, HF Daily Papers 1, any file 0.

    All files are alike: whoever wrote one could have written it in another format.
    """
    return _SERVICES.index(sighting.service) + 1 if sighting.service else 0


def fault(record: SourceRecord) -> str | None:
    """Say why a record cannot become a paper; None when it can."""
    title, abstract = record.title, record.abstract
    if any(_has_half_character(text) for text in (title, abstract, record.organisation or "")):
        return "text with half a character (a lone surrogate)"
    if not title.strip():
        return "no title"
    if not any(c.isalnum() for c in title):
        return f"title {title.strip()[:40]!r} has neither letters nor digits"
    if len(title) > MAX_TITLE_CHARS:
        return f"title of {len(title):,} characters, more than {MAX_TITLE_CHARS:,}"
    if not abstract.strip():
        return "no abstract"
    if len(abstract.strip()) < MIN_ABSTRACT_CHARS:
        return f"abstract of {len(abstract.strip())} characters, fewer than {MIN_ABSTRACT_CHARS}"
    if len(abstract) > MAX_ABSTRACT_CHARS:
        return f"abstract of {len(abstract):,} characters, more than {MAX_ABSTRACT_CHARS:,}"
    return None


_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def _has_half_character(text: str) -> bool:
    # JSON can spell one out; no encoding can write it.
    return not text.isascii() and bool(_HALF_CHARACTER.search(text))


# `2309.06180v2`, `cs/0112017`, `math.GT/0309136v1`; what surrounds it in an address or a DOI.
_ARXIV = re.compile(
    r"(?:\d\d(?:0[1-9]|1[0-2])\.\d{4,5}|[a-z]{1,12}(?:-[a-z]{1,12})?(?:\.[a-z]{2})?/\d{7})(?:v(\d{1,3}))?",
    re.IGNORECASE,
)
_ARXIV_PREFIX = re.compile(
    r"(?:https?://)?(?:(?:www|export)\.)?arxiv\.org/(?:abs|pdf|html)/|(?:https?://)?(?:dx\.)?doi\.org/"
    r"10\.48550/arxiv\.|10\.48550/arxiv\.|arxiv\s?[:.]\s?|https?://huggingface\.co/papers/",
    re.IGNORECASE,
)
_DOI = re.compile(r"10\.\d{4,9}/\S{1,200}")
_DOI_PREFIX = re.compile(r"(?:https?://)?(?:dx\.)?doi\.org/|doi:\s?", re.IGNORECASE)
_WITHDRAWN = re.compile(
    r"\b(?:this (?:paper|submission|article|manuscript|version|work)[^.]{0,40}?"
    r" (?:has been|is|was) (?:withdrawn|retracted)|(?:paper|submission|article)"
    r" (?:withdrawn|retracted))",
    re.IGNORECASE,
)


def parse_arxiv_id(text: str) -> tuple[str, int | None] | None:
    """Read the arXiv id that a text is, bare, as an address or a DOI, and its version if told."""
    text = text.strip()
    bare = _ARXIV_PREFIX.sub("", text, count=1) if len(text) < 200 else ""
    match = _ARXIV.fullmatch(bare.removesuffix(".pdf"))
    if not match:
        return None
    number = match.group(1)
    arxiv_id = match.group()[: -len(number) - 1] if number else match.group()
    return arxiv_id.lower() if "/" in arxiv_id else arxiv_id, int(number) if number else None


def parse_doi(text: str) -> str | None:
    """Read the DOI that a text is, bare or as an address, in lower case."""
    bare = _DOI_PREFIX.sub("", text.strip(), count=1) if len(text) < 300 else ""
    match = _DOI.fullmatch(bare)
    return match.group().lower() if match else None


def paper_url(arxiv_id: str | None, doi: str | None) -> str | None:
    """Return the address where a paper with these ids is read; None without ids."""
    if arxiv_id:
        return f"https://arxiv.org/abs/{arxiv_id}"
    return f"https://doi.org/{doi}" if doi else None


def says_withdrawn(text: str) -> bool:
    """Return True if a note of a source says that the paper is withdrawn or retracted."""
    return bool(_WITHDRAWN.search(text[:2_000]))
