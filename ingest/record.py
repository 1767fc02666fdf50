"""What a source yields: a record as it was written down, or a refusal with its reason."""

import datetime

from rag.schema import Record, Sighting

MAX_TITLE_CHARS = 1_000
MAX_ABSTRACT_CHARS = 20_000
# Shorter than any sentence worth quoting.
MIN_ABSTRACT_CHARS = 20


class SourceRecord(Record):
    """One paper as one source shows it, not yet cleaned."""

    title: str
    abstract: str
    sighting: Sighting
    date: datetime.date | None = None
    date_inferred: bool = False
    n_authors: int | None = None
    organisation: str | None = None
    upvotes: int | None = None


class Refusal(Record):
    """Something that was not taken in, and why."""

    source: str
    record: str | None
    """Title or line of the record; null when the whole source is refused."""
    reason: str


def fault(record: SourceRecord) -> str | None:
    """Why a record cannot become a paper; None when it can."""
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


def _has_half_character(text: str) -> bool:
    # JSON can spell one out; no encoding can write it.
    return any("\ud800" <= character <= "\udfff" for character in text)
