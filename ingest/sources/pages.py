"""Saved listing pages of trending papers, as plain text.

Three layouts occur: title and abstract on lines of their own with blank lines between; the
same without blank lines, the word `Subscribe` glued to the first title; and with the number of
authors or an organisation, a dot, a date and the upvotes after some of the abstracts. All are
one sequence once blank lines are gone, so one parser reads them:

    page    = header, record*
    record  = title, abstract, [authors | organisation], ["·", date [upvotes]]
"""

import datetime
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from footnote.ingest.lines import Line, whole_lines
from footnote.ingest.record import Refusal, SourceRecord
from footnote.rag.core.records import Sighting

_HEADER = re.compile(
    r"new|daily papers|subscribe|by\s?ak and the research community"
    r"|get trending papers in your email inbox.*",
    re.IGNORECASE,
)
_GLUED = re.compile(r"Subscribe(?=[A-Z0-9$\"“(])")
_AUTHORS = re.compile(r"•\s*(\d{1,9}) authors?", re.IGNORECASE)
_DOT = "·"
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DATE = re.compile(
    rf"(?P<month>{'|'.join(_MONTHS)})[a-z]* (?P<day>\d{{1,2}})(?:, (?P<year>\d{{4}}))?"
    r"(?: +(?P<upvotes>\d{1,9}|\d{1,3}(?:,\d{3}){1,2}|\d{1,4}(?:\.\d{1,2})?[kK]))?"
)
# The longest title of the pages at hand has 152 characters, the shortest abstract 597.
_PROSE_CHARS = 250
# A page is held until the newest year on it is known; one of this length is no listing any more.
_MAX_HELD_CHARS = 5_000_000
# About what an entry takes beside its texts.
_ITEM_CHARS = 500
_SENTENCE_END = re.compile(r"[.!?][\"”')\]]*$")


class _Date(NamedTuple):
    month: int
    day: int
    year: int | None
    upvotes: int | None


class _Refused(NamedTuple):
    record: str
    reason: str


class _Entry(NamedTuple):
    title: str
    abstract: str
    n_authors: int | None = None
    organisation: str | None = None
    date: _Date | None = None


def detects(head: Sequence[Line]) -> bool:
    """Return True if it looks like a listing: its header, or a title above a paragraph."""
    texts = [line.text.strip() for line in head if line.text.strip()]
    if any(_HEADER.fullmatch(t) and len(t) > len("subscribe") for t in texts):
        return True
    return any(
        not _is_prose(title) and (_is_prose(text) or _AUTHORS.fullmatch(text))
        for title, text in pairwise(texts)
    )


def parse(lines: Iterable[Line], source: str) -> Iterator[SourceRecord | Refusal]:
    """Yield the records of a page, and a refusal for each thing left out, in order.

    A date without a year is of the page's own year: the year after the newest one that the
    page spells out. On a page that spells out none, such a date stays unknown. Of a page that is
    longer than any is, the newest year is that of what was read so far.
    """
    page = _Page(lines)
    held: list[_Entry | _Refused] = []
    n_held, newest = 0, None
    for item in page.items():
        held.append(item)
        n_held += _ITEM_CHARS + sum(len(text) for text in item[:2])
        if isinstance(item, _Entry) and item.date and item.date.year:
            newest = max(newest or 0, item.date.year)
        if n_held > _MAX_HELD_CHARS:
            yield from _finished(held, source, page.day, newest)
            held, n_held = [], 0
    yield from _finished(held, source, page.day, newest)


def _finished(
    items: Iterable[_Entry | _Refused], source: str, day: _Date | None, newest: int | None
) -> Iterator[SourceRecord | Refusal]:
    page_year = newest + 1 if newest else None
    sighting = Sighting(source=source, day=_page_day(day, page_year))
    for item in items:
        if isinstance(item, _Entry):
            yield _record(item, sighting, page_year)
        else:
            yield Refusal(source=source, record=item.record, reason=item.reason)


class _Page:
    """Walks the lines of a page that are not blank, one record at a time."""

    def __init__(self, lines: Iterable[Line]):
        self.day: _Date | None = None
        self._further = (
            line._replace(text=line.text.strip())
            for line in whole_lines(lines)
            if line.text.strip()
        )
        self._ahead: deque[Line] = deque()
        self._skip_header()

    def items(self) -> Iterator[_Entry | _Refused]:
        while (title := self._peek()) is not None:
            self._ahead.popleft()
            abstract = self._peek()
            if _HEADER.fullmatch(title.text):
                continue
            if _is_prose(title.text):
                reason = title.fault or "a paragraph without a title above it"
                yield _Refused(f"line {title.number}", reason)
                self._details()
            elif abstract is None or self._is_detail() or self._is_title():
                yield _refused(title, title.fault or "a title without an abstract")
                self._details()
            else:
                self._ahead.popleft()
                entry = _Entry(title.text, abstract.text)._replace(**self._details())
                if title.fault:
                    yield _refused(title, title.fault)
                elif abstract.fault:
                    yield _refused(title, f"line {abstract.number}: {abstract.fault}")
                else:
                    yield entry

    def _skip_header(self) -> None:
        seen_header = False
        while (line := self._peek()) is not None:
            if _HEADER.fullmatch(line.text):
                seen_header = True
            elif seen_header and (day := _date(line.text)):
                self.day = day
            else:
                break
            self._ahead.popleft()
        if line and seen_header:
            self._ahead[0] = line._replace(text=_GLUED.sub("", line.text, count=1))

    def _details(self) -> dict[str, object]:
        """Consume what may follow an abstract."""
        details: dict[str, object] = {}
        line = self._peek()
        if line and (authors := _AUTHORS.fullmatch(line.text)):
            details["n_authors"] = int(authors.group(1)) or None
            self._ahead.popleft()
        elif line and line.text and not _is_prose(line.text) and self._text(1) == _DOT:
            # `deepseek-ai DeepSeek`: the handle, then the name it displays.
            if not line.fault:
                details["organisation"] = line.text.split()[0]
            self._ahead.popleft()
        if self._text(0) == _DOT:
            self._ahead.popleft()
            if date := _date(self._text(0)):
                details["date"] = date
                self._ahead.popleft()
        return details

    def _is_detail(self) -> bool:
        text = self._text(0)
        if text == _DOT or _AUTHORS.fullmatch(text):
            return True
        return not _is_prose(text) and self._text(1) == _DOT

    def _is_title(self) -> bool:
        """Return True if this short line, where an abstract should be, is the next title."""
        text, after = self._text(0), self._text(1)
        return not _is_prose(text) and (
            _is_prose(after) or (bool(after) and not _SENTENCE_END.search(text))
        )

    def _peek(self, ahead: int = 0) -> Line | None:
        while len(self._ahead) <= ahead:
            line = next(self._further, None)
            if line is None:
                return None
            self._ahead.append(line)
        return self._ahead[ahead]

    def _text(self, ahead: int) -> str:
        line = self._peek(ahead)
        return line.text if line else ""


def _refused(title: Line, reason: str) -> _Refused:
    """Refuse by the title, or by its line where the title cannot be read."""
    return _Refused(f"line {title.number}" if title.fault else title.text[:80], reason)


def _is_prose(text: str) -> bool:
    return len(text) >= _PROSE_CHARS


def _date(text: str) -> _Date | None:
    match = _DATE.fullmatch(text)
    if not match:
        return None
    month, day, year, upvotes = match.group("month", "day", "year", "upvotes")
    return _Date(
        _MONTHS.index(month) + 1,
        int(day),
        int(year) if year else None,
        _count(upvotes) if upvotes else None,
    )


def _count(text: str) -> int:
    """`1,234` and `1.2k` as numbers."""
    if text[-1] in "kK":
        return round(float(text[:-1]) * 1_000)
    return int(text.replace(",", ""))


def _page_day(day: _Date | None, page_year: int | None) -> str | None:
    if day is None:
        return None
    year = day.year or page_year
    try:
        # 2024 had a February 29, so a page without its year may be of that day.
        datetime.date(year or 2024, day.month, day.day)
    except ValueError:
        return None
    return f"{year:04}-{day.month:02}-{day.day:02}" if year else f"--{day.month:02}-{day.day:02}"


def _record(entry: _Entry, sighting: Sighting, page_year: int | None) -> SourceRecord:
    date, inferred = None, False
    if entry.date and (year := entry.date.year or page_year):
        inferred = entry.date.year is None
        try:
            date = datetime.date(year, entry.date.month, entry.date.day)
        except ValueError:  # Feb 30: the page is wrong, the record is not
            inferred = False
    return SourceRecord(
        title=entry.title,
        abstract=entry.abstract,
        sighting=sighting,
        date=date,
        date_inferred=inferred,
        n_authors=entry.n_authors,
        organisation=entry.organisation,
        upvotes=entry.date.upvotes if entry.date else None,
    )
