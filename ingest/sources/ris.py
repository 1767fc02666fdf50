"""RIS, as reference managers export it, read record by record with rispy."""

import re
from collections.abc import Iterable, Iterator, Sequence

import rispy

from footnote.ingest.lines import Line, undecoded
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources.blocks import Block, Piece, cut_blocks
from footnote.ingest.sources.objects import RecordError, to_record
from footnote.rag.core.records import Sighting

_START = re.compile(r"TY  -")
_END = re.compile(r"ER  -")
# `Provider: …`, `Content: text/plain; charset="UTF-8"`, as databases write above the first record.
_PROVIDER = re.compile(r"[A-Z][a-z]{2,20}: ")
_TAG = re.compile(r"[A-Z][A-Z0-9]  -")


def detects(head: Sequence[Line]) -> bool:
    """Return True at a line that says a record's type, after nothing but what its provider is."""
    texts = [line.text for line in head if line.text.strip()]
    return bool(_START.match(next((t for t in texts if not _PROVIDER.match(t)), "")))


def parse(lines: Iterable[Line], source: str) -> Iterator[SourceRecord | Refusal]:
    """Yield a record, or a refusal, for each `TY`, and a refusal for lines that have none."""
    sighting = Sighting(source=source)
    for block in cut_blocks(_parts(lines)):
        if not any(map(_TAG.match, block.text.split("\n"))):
            continue  # what a database says of itself
        try:
            yield _record(block, sighting)
        except RecordError as error:
            yield Refusal(source=source, record=f"line {block.number}", reason=str(error))


def _parts(lines: Iterable[Line]) -> Iterator[Piece]:
    """Cut before each `TY` and after each `ER`."""
    is_after_end = False
    for line in lines:
        is_begun = not line.continues
        yield Piece(line, starts=is_begun and (is_after_end or bool(_START.match(line.text))))
        is_after_end = is_begun and bool(_END.match(line.text))


def _record(block: Block, sighting: Sighting) -> SourceRecord:
    if not _START.match(block.text):
        raise RecordError("not RIS: lines without a `TY` before them")
    if fault := block.fault or undecoded(block.text, block.number):
        raise RecordError(fault)
    lines = _joined(block.text.split("\n"))
    if len(lines) < 2:
        raise RecordError("not RIS: a record without fields")
    try:
        found = rispy.loads("\n".join([*lines, "ER  - "]))
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise RecordError(f"not RIS: {' '.join(str(error).split())[:200]}") from error
    fields = found[0]
    notes = fields.get("notes")
    return to_record(
        {
            "title": _first(fields, "title", "primary_title", "short_title"),
            "abstract": _first(fields, "abstract", "notes_abstract"),
            "authors": fields.get("authors") or fields.get("first_authors") or [],
            "doi": fields.get("doi"),
            "arxiv_id": _arxiv(fields),
            "url": _url(fields),
            "note": " ".join(map(str, notes)) if isinstance(notes, list) else notes,
            "date": fields.get("date"),
            "published": _first(fields, "publication_year", "year"),
            "tags": fields.get("keywords"),
        },
        sighting,
    )


def _joined(lines: Iterable[str]) -> list[str]:
    """One line a field, up to the record's end: rispy takes long over a field of many lines."""
    fields: list[list[str]] = []
    for line in lines:
        if _END.match(line):
            break
        if _TAG.match(line) or not fields:
            fields.append([line.rstrip()])
        elif line.strip():
            fields[-1].append(line.strip())
    return [" ".join(pieces) for pieces in fields]


def _first(fields: dict[str, object], *names: str) -> object:
    return next((value for name in names if (value := fields.get(name))), None)


def _url(fields: dict[str, object]) -> object:
    urls = fields.get("urls") or fields.get("url")
    return urls[0] if isinstance(urls, list) and urls else urls


def _arxiv(fields: dict[str, object]) -> str | None:
    """From `AN`, `M1`, `UR` and the like, where managers put it."""
    names = ("accession_number", "number", "custom1", "journal_name", "secondary_title")
    for text in (*map(fields.get, names), _url(fields)):
        if isinstance(text, str) and (found := re.search(r"arxiv[:/.]\S{1,60}", text[:500], re.I)):
            return found.group().replace("arXiv.org", "arxiv.org")
    return None
