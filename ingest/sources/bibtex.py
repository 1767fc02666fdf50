"""BibTeX, read entry by entry with bibtexparser."""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence

from bibtexparser.entrypoint import parse_string
from bibtexparser.model import DuplicateFieldKeyBlock, Entry

from ingest.lines import Line
from ingest.record import Refusal, SourceRecord
from ingest.sources.blocks import Block, cut_blocks
from ingest.sources.objects import RecordError, to_record
from rag.schema import Sighting

# What it warns of is refused here with its reason.
logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)

_START = re.compile(r"\s{0,200}@\s{0,20}([A-Za-z]{1,40})\s{0,20}[{(]")
_NO_PAPERS = ("string", "comment", "preamble")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]


def detects(head: Sequence[Line]) -> bool:
    """Whether a line begins an entry, with nothing but comments before it."""
    texts = [line.text.strip() for line in head if line.text.strip()]
    first = next((t for t in texts if not t.startswith("%")), "")
    return bool(_START.match(first)) or (
        not first.startswith(("{", "[", "<")) and sum(bool(_START.match(t)) for t in texts) > 1
    )


def parse(lines: Iterable[Line], source: str) -> Iterator[SourceRecord | Refusal]:
    """Yield a record, or a refusal, for each entry; text between entries is comment."""
    sighting = Sighting(source=source)
    for block in cut_blocks(lines, lambda text: bool(_START.match(text))):
        start = _START.match(block.text)
        if not block.fault and (not start or start.group(1).lower() in _NO_PAPERS):
            continue
        try:
            yield _record(block, sighting)
        except RecordError as error:
            yield Refusal(source=source, record=f"line {block.number}", reason=str(error))


def _record(block: Block, sighting: Sighting) -> SourceRecord:
    if block.fault:
        raise RecordError(block.fault)
    fields, key = _fields(block.text)
    named = {
        "title": fields.get("title", ""),
        "abstract": fields.get("abstract", ""),
        "authors": _authors(fields.get("author", "")),
        "arxiv_id": _eprint(fields),
        "doi": fields.get("doi"),
        "url": fields.get("url"),
        "note": fields.get("note"),
        "date": _date(fields),
    }
    record = to_record(named, sighting)
    return record.model_copy(update={"cite_key": key[:200] or None})


def _fields(text: str) -> tuple[dict[str, str], str]:
    """The fields of one entry by their names in lower case, and its key."""
    library = parse_string(text.lstrip())
    entry = next(iter(library.entries), None)
    for failed in library.failed_blocks:
        if isinstance(failed, DuplicateFieldKeyBlock):
            # A field that stands twice is no reason to lose a paper.
            entry = failed.ignore_error_block
        elif entry is None:
            reason = getattr(failed.error, "abort_reason", str(failed.error))
            raise RecordError(f"not BibTeX: {' '.join(reason.split())[:200]}")
    if not isinstance(entry, Entry):
        raise RecordError("not BibTeX: an entry that has no end")
    return {str(f.key).lower(): _literal(str(f.value)) for f in entry.fields}, str(entry.key)


def _literal(value: str) -> str:
    """A value without its abbreviations: `"some text" # name` is `some text`."""
    if re.match(r'[^"{}]*"[^"]*"\s*#|\w+\s*#', value):
        return "".join(re.findall(r'"([^"]*)"', value))
    return value


def _authors(text: str) -> list[str]:
    """Names between `and`s; an `and` inside braces belongs to a name."""
    names: list[str] = []
    depth, words = 0, list[str]()
    for word in text[:100_000].split():
        if depth == 0 and word.lower() == "and":
            names.append(" ".join(words))
            words = []
            continue
        depth = max(0, depth + word.count("{") - word.count("}"))
        words.append(word)
    names.append(" ".join(words))
    return [name for name in names if name and name.lower() != "others"]


def _eprint(fields: dict[str, str]) -> str | None:
    kind = fields.get("archiveprefix") or fields.get("eprinttype") or "arxiv"
    if kind.lower() == "arxiv" and fields.get("eprint"):
        return fields["eprint"]
    # `journal = {arXiv preprint arXiv:2309.06180}`
    journal = f"{fields.get('journal', '')} {fields.get('note', '')}"[:500]
    found = re.search(r"arXiv:\s?(\S{1,40})", journal, re.IGNORECASE)
    return found.group(1).rstrip(".,;") if found else None


def _date(fields: dict[str, str]) -> str | None:
    if fields.get("date"):
        return fields["date"]
    year, month, day = (fields.get(name, "") for name in ("year", "month", "day"))
    number = _MONTHS.index(month[:3].lower()) + 1 if month[:3].lower() in _MONTHS else month
    return f"{year}-{number}-{day}"
