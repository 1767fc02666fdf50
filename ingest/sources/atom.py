"""Atom feeds as the arXiv API answers them, read entry by entry with defusedxml."""

import re
from collections.abc import Iterable, Iterator, Sequence
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from footnote.ingest.lines import Line, undecoded
from footnote.ingest.record import Refusal, SourceRecord, says_withdrawn
from footnote.ingest.sources.blocks import Block, Piece, cut_blocks
from footnote.ingest.sources.objects import RecordError, to_record
from footnote.rag.core.errors import SourceError
from footnote.rag.core.records import Sighting

_ATOM = "{http://www.w3.org/2005/Atom}"
_ARXIV = "{http://arxiv.org/schemas/atom}"
_FEED = re.compile(r"<(?:[A-Za-z]\w{0,20}:)?feed\b[^<>]{0,5000}>")
_START = re.compile(r"<(?:[A-Za-z]\w{0,20}:)?entry(?=[\s/>]|$)")
_END = re.compile(r"</(?:[A-Za-z]\w{0,20}:)?entry\s{0,20}>")
_CUT = re.compile(f"(?={_START.pattern})|{_END.pattern}")
_MAX_HEAD_CHARS = 20_000


def detects(head: Sequence[Line]) -> bool:
    """Return True for any XML: what is no feed is refused by that name."""
    first = next((line.text for line in head if line.text.strip()), "")
    return bool(re.match(r"\s*<(\?xml|!DOCTYPE|(?:[A-Za-z]\w{0,20}:)?feed)\b", first))


def parse(lines: Iterable[Line], source: str) -> Iterator[SourceRecord | Refusal]:
    """Yield a record, or a refusal, for each entry.

    Raises:
        SourceError: It is no Atom feed, or begins with a document type, which no feed has.
    """
    blocks = cut_blocks(_parts(lines))
    head = next(blocks, Block(1, ""))
    feed = _FEED.search(head.text[:_MAX_HEAD_CHARS])
    if not feed or undecoded(feed.group()):
        raise SourceError(undecoded(head.text) or "XML that is no Atom feed")
    if "<!DOCTYPE" in head.text or "<!ENTITY" in head.text:
        raise SourceError("XML with a document type of its own, which no feed has")
    sighting = Sighting(source=source)
    for block in blocks:
        is_orphan = block.text.count("<") > 1 and _END.search(block.text)
        if not _START.match(block.text) and not is_orphan:
            continue  # what the feed says of itself
        try:
            yield _record(_entry(block, feed.group()), sighting)
        except RecordError as error:
            yield Refusal(source=source, record=f"line {block.number}", reason=str(error))


def _parts(lines: Iterable[Line]) -> Iterator[Piece]:
    """Cut before each entry and after it; a feed may be one line."""
    starts = False
    for line in lines:
        text, at = line.text if line.continues else line.text.lstrip(), 0
        for cut in _CUT.finditer(text):
            if cut.end() > at:
                yield Piece(line._replace(text=text[at : cut.end()]), starts)
            starts, at = True, cut.end()
        yield Piece(line._replace(text=text[at:]), starts)
        starts = False


def _entry(block: Block, feed: str) -> Element:
    end = _END.search(block.text)
    text = block.text[: end.end()] if end else block.text
    if fault := (None if end else block.fault) or undecoded(text, block.number):
        raise RecordError(fault)
    try:
        prefix = "".join(re.findall(r"^<(\w+:)", feed))
        found = fromstring(f"{feed}{text}</{prefix}feed>").find(f"{_ATOM}entry")
    except ParseError as error:
        raise RecordError(f"not XML: {error.msg}") from error
    except DefusedXmlException as error:
        raise RecordError(f"XML that declares entities of its own: {error}"[:200]) from error
    except ValueError as error:  # a character that XML cannot hold
        raise RecordError(f"not XML: {error}"[:200]) from error
    if found is None:
        raise RecordError("no entry of an Atom feed")
    return found


def _record(entry: Element, sighting: Sighting) -> SourceRecord:
    address = _text(entry, f"{_ATOM}id")
    if "/api/errors" in address:
        raise RecordError(f"arXiv answers: {_text(entry, f'{_ATOM}summary')}"[:300])
    record = to_record(
        {
            "title": _text(entry, f"{_ATOM}title"),
            "abstract": _text(entry, f"{_ATOM}summary") or _text(entry, f"{_ATOM}content"),
            "authors": [_text(a, f"{_ATOM}name") for a in entry.findall(f"{_ATOM}author")],
            "organisation": _text(entry, f"{_ATOM}author/{_ARXIV}affiliation") or None,
            "arxiv_id": address,
            "doi": _text(entry, f"{_ARXIV}doi") or None,
            "date": _text(entry, f"{_ATOM}published"),
            "url": address,
        },
        sighting,
    )
    comment = _text(entry, f"{_ARXIV}comment")
    if re.search(r"\b(?:withdrawn|retracted)\b", comment[:1_000], re.IGNORECASE) or says_withdrawn(
        comment
    ):
        return record.model_copy(update={"withdrawn": True, "notice": comment[:300]})
    return record


def _text(element: Element, path: str) -> str:
    found = element.find(path)
    return " ".join("".join(found.itertext()).split()) if found is not None else ""
