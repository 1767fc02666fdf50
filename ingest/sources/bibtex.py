"""BibTeX, read entry by entry with bibtexparser."""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from bibtexparser.entrypoint import parse_string
from bibtexparser.model import DuplicateFieldKeyBlock, Entry, ParsingFailedBlock

from footnote.ingest.lines import Line, undecoded
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources.blocks import Block, Piece, cut_blocks
from footnote.ingest.sources.objects import RecordError, to_record
from footnote.rag.core.records import Sighting

# What it warns of is refused here with its reason.
logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)

# What is not UTF-8 before the sign is left out, as what is text is.
_START = re.compile(r"[\s\udc80-\udcff]*+@\s{0,20}([A-Za-z]{1,40})\s{0,20}[{(]")
# An entry that begins where another one ended on the same line.
_SEAM = re.compile(
    r"(?<=[})])\s{0,200}(?=@[A-Za-z]{1,40}\s{0,20}[{(]\s{0,20}[^\s,{}()\"=]{0,500},)"
)
_KEY = re.compile(r"[^{(]*[{(]\s*([^\s,{}()\"=]{1,100})\s*,")
# What bibtexparser says of an entry that goes on to the end of the file.
_NO_END = "Unexpectedly reached end of file."
_NO_PAPERS = ("string", "comment", "preamble")
_YEAR = re.compile(r"(?<!\d)\d{4}(?!\d)")
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_NUMBERS = [str(number) for number in range(1, 13)]


def detects(head: Sequence[Line]) -> bool:
    """Return True if a line begins an entry, with nothing but comments before it."""
    texts = [line.text.strip() for line in head if line.text.strip()]
    first = next((t for t in texts if not t.startswith("%")), "")
    return bool(_START.match(first)) or (
        not first.startswith(("{", "[", "<")) and sum(bool(_START.match(t)) for t in texts) > 1
    )


def parse(lines: Iterable[Line], source: str) -> Iterator[SourceRecord | Refusal]:
    """Yield a record, or a refusal, for each entry; text between entries is comment."""
    sighting = Sighting(source=source)
    for block in cut_blocks(_parts(lines)):
        start = _START.match(block.text)
        if not start or start.group(1).lower() in _NO_PAPERS:
            # Nor does comment cost one: a line of it may be anything.
            continue
        try:
            yield _record(block, sighting)
        except RecordError as error:
            yield Refusal(source=source, record=f"line {block.number}", reason=str(error))


def _parts(lines: Iterable[Line]) -> Iterator[Piece]:
    """Cut before each entry: where a line begins one, even inside another that has no end."""
    is_after_end = False
    for line in lines:
        text, at = line.text, 0
        starts = (is_after_end or not line.continues) and bool(_START.match(text))
        for seam in _SEAM.finditer(text):
            yield Piece(line._replace(text=text[at : seam.start()]), starts)
            starts, at = True, seam.end()
        yield Piece(line._replace(text=text[at:]), starts)
        if text.strip():
            is_after_end = text.rstrip().endswith(("}", ")"))


def _record(block: Block, sighting: Sighting) -> SourceRecord:
    entry = _entry(block)
    if fault := undecoded(entry.raw or "", block.number):
        raise RecordError(fault)
    fields = {str(f.key).lower(): _literal(str(f.value)) for f in entry.fields}
    named = {
        "title": fields.get("title", ""),
        "abstract": fields.get("abstract", ""),
        "authors": _authors(fields.get("author", "")),
        "arxiv_id": _eprint(fields),
        "doi": fields.get("doi"),
        "url": fields.get("url"),
        "note": fields.get("note"),
        "date": fields.get("date"),
        "published": _date(fields),
        "tags": fields.get("keywords"),
        "citation_key": str(entry.key),
    }
    return to_record(named, sighting)


def _entry(block: Block) -> Entry:
    """The first entry of the block; what stands behind it is comment."""
    library = parse_string(block.text.lstrip())
    for found in library.blocks:
        if isinstance(found, Entry):
            return found
        if isinstance(found, DuplicateFieldKeyBlock) and isinstance(
            found.ignore_error_block, Entry
        ):
            # A field that stands twice is no reason to lose a paper.
            return found.ignore_error_block
        if isinstance(found, ParsingFailedBlock):
            fault = block.fault or undecoded(block.text, block.number)
            raise RecordError(fault or _fault(block, found))
    raise RecordError(block.fault or "not BibTeX: an entry that has no end")


def _fault(block: Block, failed: ParsingFailedBlock) -> str:
    reason = " ".join(getattr(failed.error, "abort_reason", str(failed.error)).split())
    key = _KEY.match(block.text)
    entry = f"entry {key.group(1)}, which begins in" if key else "the entry that begins in"
    if reason.endswith(_NO_END):
        reason = "has no closing brace or quotation mark; skipped"
    return f"not BibTeX: {entry} line {block.number}{',' if key else ''} {reason}"[:400]


def _literal(value: str) -> str:
    """A value without its abbreviations: `"some text" # name` is `some text`."""
    if re.match(r'[^"{}]*"[^"]*"\s*#|\w+\s*#', value):
        return "".join(re.findall(r'"([^"]*)"', value))
    return value


def _authors(text: str) -> list[str | dict[str, str]]:
    """Names between `and`s; an `and` inside braces belongs to a name, and in them is a group's."""
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
    told = (name for name in names if name and name.lower() != "others")
    return [{"literal": name[1:-1]} if _is_in_braces(name) else name for name in told]


def _is_in_braces(name: str) -> bool:
    """Return True if one pair of braces stands around all of a name."""
    depth = list(accumulate((sign == "{") - (sign == "}") for sign in name))
    return name.startswith("{") and name.endswith("}") and 0 not in depth[:-1]


def _eprint(fields: dict[str, str]) -> str | None:
    kind = fields.get("archiveprefix") or fields.get("eprinttype") or "arxiv"
    if kind.lower() == "arxiv" and fields.get("eprint"):
        return fields["eprint"]
    # `journal = {arXiv preprint arXiv:2309.06180}`
    journal = f"{fields.get('journal', '')} {fields.get('note', '')}"[:500]
    found = re.search(r"arXiv:\s?(\S{1,40})", journal, re.IGNORECASE)
    return found.group(1).rstrip(".,;") if found else None


def _date(fields: dict[str, str]) -> str | None:
    """As much of a date as `year`, `month` and `day` tell, with `-` between."""
    found, month = _YEAR.search(fields.get("year", "")[:40]), fields.get("month", "").strip()
    if not found:
        return None
    if month[:3].lower() in _MONTHS:
        month = str(_MONTHS.index(month[:3].lower()) + 1)
    if month.lstrip("0") not in _NUMBERS:  # none, or `Spring`
        return found.group()
    day = fields.get("day", "").strip()[:2]
    return "-".join(filter(None, (found.group(), month, day)))
