"""Read text files line by line, in bounded memory, keeping what is wrong with each line."""

import io
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from footnote.ingest.opening import Meter, opened
from footnote.ingest.storage import Place
from footnote.rag.core.errors import SourceError

# A line that is a record is refused if it is longer; a line of many records may be.
MAX_LINE_BYTES = 2_000_000
_PIECE_BYTES = 100_000
_HEAD_BYTES = 8_192
# Of a head that holds a null byte, so many others are control characters too: a damaged table has a
# few, what was never text has 11 in 100 or more.
_MOST_CONTROLS = 0.05
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\f\r")) + b"\x7f"
# Further blank lines in a row are passed over; a file may be nothing else.
_MAX_BLANK_LINES = 100
# Where a long line is cut: not inside a word, a tag or an escape, if that can be had.
_SEAMS = (b" ", b",", b">", b"}")
# So many of every other byte are null in UTF-16 text of Western letters.
_UTF_16_NULLS = 0.7
_UNDECODED = re.compile("[\udc80-\udcff]")


class Span(NamedTuple):
    """Some of the lines of a file."""

    begin: int
    """Bytes before the first."""
    end: int
    """Bytes up to the end of the last."""
    number: int
    """Of the first line, from 1."""

    @property
    def n_bytes(self) -> int:
        """Bytes that they take."""
        return self.end - self.begin


class Line(NamedTuple):
    """One line without its end, or a piece of a long one."""

    number: int
    text: str
    """A byte that is not UTF-8 stands in it as a lone surrogate, as `surrogateescape` has it."""
    n_bytes: int
    fault: str | None = None
    """Why `text` is not what was written down."""
    continues: bool = False
    """It goes on with the line of the piece before."""


def load_lines(path: Place, span: Span | None = None) -> Iterator[Line]:
    """Yield the lines of a file, or of the standard input for `-`, as `read_lines` does.

    Raises:
        SourceError: The file cannot be opened or is no regular file, before any line; or as
            `read_lines` says.
    """
    with opened(path, Meter()) as file:
        yield from read_lines(file, span)


def read_lines(file: io.BufferedReader, span: Span | None = None) -> Iterator[Line]:
    """Yield the lines of UTF-8 text, counted from 1; with a `span` those lines alone.

    A long line comes in pieces, see `whole_lines`; one that is not UTF-8 comes with its
    fault. Null bytes, which a damaged disk or a broken export leaves in text, are left out, and so
    are the marks of byte order that remain where files were joined, and blank lines after many.

    Raises:
        SourceError: It is empty, binary or UTF-16, before any line; or it cannot be read on.
    """
    _check_head(file.peek(_HEAD_BYTES)[:_HEAD_BYTES])
    if span:
        file.seek(span.begin)
    yield from _lines(file, span)


def whole_lines(pieces: Iterable[Line]) -> Iterator[Line]:
    """Yield one line for all its pieces; one that is too long comes with its beginning and a fault.

    A line that is blank, however long, is no fault.
    """
    line: Line | None = None
    texts: list[str] = []
    for piece in pieces:
        if line and not piece.continues:
            yield _joined(line, texts)
            line = None
        if line is None:
            line, texts = piece, [piece.text]
            continue
        line = line._replace(n_bytes=line.n_bytes + piece.n_bytes)
        if len(texts) == 1 and not texts[0].strip():
            texts = [piece.text]
        elif line.n_bytes <= MAX_LINE_BYTES:
            texts.append(piece.text)
        else:
            del texts[1:]
    if line:
        yield _joined(line, texts)


def undecoded(text: str, first_line: int | None = None) -> str | None:
    """Say which byte of a text is not UTF-8, and on which line if the first one's number is given.

    None when all of it is.
    """
    found = _UNDECODED.search(text)
    if not found:
        return None
    before = text[: found.start()]
    n_breaks = before.count("\n")
    where = "" if first_line is None else f"line {first_line + n_breaks}: "
    column = len(before) - before.rfind("\n")
    return f"{where}not UTF-8: byte 0x{ord(found.group()) - 0xDC00:02x} at column {column}"


def cut_lines(path: Place, n_bytes: int) -> Iterator[Span]:
    """Cut a file at ends of lines, each span as short as it can be from `n_bytes` on."""
    begin, number, n_lines, at = 0, 1, 0, 0
    with opened(path, Meter()) as file:
        while piece := file.readline(_PIECE_BYTES):
            at += len(piece)
            n_lines += piece.endswith(b"\n")
            if at - begin >= n_bytes and piece.endswith(b"\n"):
                yield Span(begin, at, number)
                begin, number, n_lines = at, number + n_lines, 0
    if at > begin:
        yield Span(begin, at, number)


def _lines(file: io.BufferedReader, span: Span | None) -> Iterator[Line]:
    number, rest, n_blank = span.number if span else 1, b"", 0
    continues = False

    def read(n_bytes: int) -> bytes:
        # No line goes over the end of a span, and only blank ones are passed over unread.
        return b"" if span and file.tell() >= span.end else file.readline(n_bytes)

    while raw := rest + read(_PIECE_BYTES - len(rest)):
        is_end = raw.endswith(b"\n") or len(raw) < _PIECE_BYTES
        at = len(raw) if is_end else _seam(raw)
        raw, rest = raw[:at], raw[at:]
        is_blank = raw.isspace()
        # Of padding, however long, one sign is kept; above a text it is no part of the line.
        yield _line(number, raw if is_end or not is_blank else b" ", continues)
        continues = not is_end and (continues or not is_blank)
        number += is_end
        n_blank = n_blank + 1 if is_end and is_blank else 0
        if n_blank >= _MAX_BLANK_LINES:
            number += _skip_blank_lines(file)


def _skip_blank_lines(file: io.BufferedReader) -> int:
    """Pass over blank lines as far as the file is buffered; how many there were."""
    ahead = file.peek()
    end = ahead.rfind(b"\n", 0, len(ahead) - len(ahead.lstrip())) + 1
    file.read(end)
    return ahead.count(b"\n", 0, end)


def _seam(raw: bytes) -> int:
    """Where to cut a piece: after the last seam of its later half, or else between letters."""
    at = max(raw.rfind(seam) for seam in _SEAMS) + 1
    if at > len(raw) // 2:
        return at
    for at in range(len(raw) - 1, len(raw) - 4, -1):
        if raw[at] >= 0xC0:
            return at
    return len(raw)


def _line(number: int, raw: bytes, continues: bool) -> Line:
    text = raw.replace(b"\0", b"").decode(errors="surrogateescape").rstrip("\r\n")
    return Line(number, text.removeprefix("\ufeff"), len(raw), undecoded(text), continues)


def _joined(line: Line, texts: list[str]) -> Line:
    text = "".join(texts)
    if line.n_bytes > MAX_LINE_BYTES and text.strip():
        fault = f"a line of {line.n_bytes:,} bytes, more than {MAX_LINE_BYTES:,}"
    else:
        fault = undecoded(text) if len(texts) > 1 else line.fault
    return line._replace(text=text, fault=fault)


def _check_head(head: bytes) -> None:
    if not head.strip():
        raise SourceError("an empty file")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError("UTF-16 text; save it as UTF-8")
    if _is_utf_16(head):
        raise SourceError("UTF-16 text; save it as UTF-8")
    n_controls = len(head) - len(head.translate(None, _CONTROLS))
    if b"\0" in head and n_controls > _MOST_CONTROLS * len(head):
        raise SourceError("a binary file")


def _is_utf_16(head: bytes) -> bool:
    """Return True if every other byte is null and the others are text, as without a mark."""
    halves = head[0::2], head[1::2]
    return any(
        nulls.count(0) > _UTF_16_NULLS * len(nulls)
        and len(letters) - len(letters.translate(None, _CONTROLS)) < _MOST_CONTROLS * len(letters)
        for nulls, letters in (halves, halves[::-1])
    )
