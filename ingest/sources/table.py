"""CSV and TSV with a header, in the dialects that spreadsheets write."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from footnote.ingest.lines import MAX_LINE_BYTES, Line, whole_lines
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources.objects import ABSTRACTS, TITLES, RecordError, to_record
from footnote.rag.core.records import Sighting

_DELIMITERS = "\t,;|"
# A quote that is not closed would take the rest of the file for one field.
_MAX_ROW_LINES = 200
_MAX_ROW_CHARS = 200_000
# The apostrophe by which what begins like a formula is kept a text.
_DEFUSED = re.compile(r"^'(?='*[=+\-@＝＋－＠])")
# A text that is too long is refused as that, and not for its quotes.
csv.field_size_limit(max(csv.field_size_limit(), MAX_LINE_BYTES))


def detects(head: Sequence[Line]) -> bool:
    """Return True if the first line names the columns of titles and abstracts."""
    return _header(next((line.text for line in head if line.text.strip()), "")) is not None


def parse(lines: Iterable[Line], source: str) -> Iterator[SourceRecord | Refusal]:
    """Yield a record, or a refusal, for each row below the header."""
    sighting = Sighting(source=source)
    rows = whole_lines(lines)
    first = next((line for line in rows if line.text.strip()), None)
    found = _header(first.text) if first else None
    if not found:
        return
    delimiter, names = found
    for number, row, fault in _rows(rows, delimiter):
        try:
            if fault:
                raise RecordError(fault)
            while len(row) > len(names) and not row[-1].strip():
                row.pop()
            if len(row) > len(names):
                raise RecordError(f"{len(row)} fields, the header names {len(names)}")
            cells = (_DEFUSED.sub("", cell) for cell in row)
            fields = {n: v for n, v in zip(names, cells, strict=False) if n and v.strip()}
            yield to_record(_required(fields), sighting)
        except RecordError as error:
            yield Refusal(source=source, record=f"line {number}", reason=str(error))


def _header(text: str) -> tuple[str, list[str]] | None:
    if len(text) > 10_000:
        return None
    for delimiter in _DELIMITERS:
        try:
            row = next(csv.reader([text], delimiter=delimiter), [])
        except csv.Error:
            continue
        names = ["_".join(name.lower().split()) for name in row]
        if any(n in names for n in TITLES) and any(n in names for n in ABSTRACTS):
            return delimiter, names
    return None


def _rows(lines: Iterator[Line], delimiter: str) -> Iterator[tuple[int, list[str], str | None]]:
    """Each row with the number of its first line, and what is wrong with it.

    A row whose quotes do not fit is refused as one line, and the next line begins a row again.
    """
    waiting: list[Line] = []  # lines of a broken row, the next one last
    while line := waiting.pop() if waiting else next(lines, None):
        if not line.text.strip():
            continue
        if line.n_bytes > MAX_LINE_BYTES:
            yield line.number, [], line.fault
            continue
        taken, row, misfit = [line], list[str](), None
        try:
            row = _row(_take(chain(reversed(waiting), lines), taken), delimiter)
        except csv.Error as error:
            misfit = f"quotes that do not fit: {error}"
        del waiting[max(0, len(waiting) - len(taken) + 1) :]
        if misfit:
            waiting += reversed(taken[1:])
        fault = next((f"line {part.number}: {part.fault}" for part in taken if part.fault), None)
        yield line.number, row, misfit or fault


def _take(further: Iterator[Line], taken: list[Line]) -> Iterator[str]:
    """The texts of a row's lines, each with its line break, noted in `taken`."""
    n_chars = len(taken[0].text)
    yield taken[0].text + "\n"
    for line in further:
        taken.append(line)
        n_chars += len(line.text)
        if line.n_bytes > MAX_LINE_BYTES or len(taken) > _MAX_ROW_LINES or n_chars > _MAX_ROW_CHARS:
            raise csv.Error("a field that does not end")
        yield line.text + "\n"


def _row(texts: Iterator[str], delimiter: str) -> list[str]:
    return next(csv.reader(texts, delimiter=delimiter, strict=True))


def _required(fields: dict[str, str]) -> dict[str, object]:
    """The row with an empty text where a title or an abstract is left out."""
    row: dict[str, object] = dict(fields)
    for names in (TITLES, ABSTRACTS):
        if not any(name in fields for name in names):
            row[names[0]] = ""
    return row
