"""EndNote XML, as EndNote and Mendeley export it, read record by record."""

import re
from collections.abc import Iterable, Iterator, Sequence
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from footnote.plugins import Line, RecordError, Refusal, Sighting, SourceRecord, to_record

_START, _END = "<record>", "</record>"
_HEAD = re.compile(r"\s*(<\?xml[^>]*>)?\s*<xml>\s*<records>")
_MAX_CHARS = 2_000_000


def detects(head: Sequence[Line]) -> bool:
    """Return True for XML whose first elements are those of EndNote."""
    return bool(_HEAD.match("\n".join(line.text for line in head)))


def parse(lines: Iterable[Line], source: str) -> Iterator[SourceRecord | Refusal]:
    """Yield a record, or a refusal, for each `record` element."""
    for number, text in enumerate(_records(lines), start=1):
        try:
            yield to_record(_fields(text), Sighting(source=source))
        except RecordError as error:
            yield Refusal(source=source, record=f"record {number}", reason=str(error))


def _records(lines: Iterable[Line]) -> Iterator[str]:
    """Yield the text of each record, with no more of the file in memory than one of them."""
    pieces: list[str] = []
    n_chars = 0
    for line in lines:
        pieces.append(line.text if line.continues else f"\n{line.text}")
        n_chars += len(line.text)
        if _END not in line.text and n_chars < _MAX_CHARS:
            continue
        *whole, rest = "".join(pieces).split(_END)
        yield from (f"{text}{_END}" for text in whole)
        # What is longer than any record is none, and is not kept.
        pieces = [rest] if len(rest) < _MAX_CHARS else []
        n_chars = sum(map(len, pieces))
    if _START in (rest := "".join(pieces)):
        yield rest


def _fields(text: str) -> dict[str, object]:
    try:
        record = fromstring(text[max(text.find(_START), 0) :])
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise RecordError(f"not XML: {error}"[:200]) from error
    return {
        "title": _text(record, "titles/title"),
        "abstract": _text(record, "abstract"),
        "authors": [_words(author) for author in record.findall("contributors/authors/author")],
        "date": _text(record, "dates/pub-dates/date") or _text(record, "dates/year"),
        "doi": _text(record, "electronic-resource-num"),
        "url": _text(record, "urls/related-urls/url"),
    }


def _text(record: Element, path: str) -> str:
    found = record.find(path)
    return "" if found is None else _words(found)


def _words(element: Element) -> str:
    """Return the text of an element, whatever `style` elements it is cut into."""
    return " ".join("".join(element.itertext()).split())
