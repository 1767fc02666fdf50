"""Read text files line by line, in bounded memory, keeping what is wrong with each line."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from rag.errors import SourceError

STDIN = Path("-")
MAX_LINE_BYTES = 2_000_000
_HEAD_BYTES = 8_192
# Of a head that holds a null byte, so many others are control characters too: a damaged table has a
# few, what was never text has 11 in 100 or more.
_MOST_CONTROLS = 0.05
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\f\r")) + b"\x7f"


class Line(NamedTuple):
    """One line without its end; `fault` says why `text` is empty, if it had to be given up."""

    number: int
    text: str
    fault: str | None = None


def load_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a UTF-8 file, or of the standard input for `-`, counted from 1.

    A line that is too long or not UTF-8 comes with its fault and no text; the rest goes on. Null
    bytes, which a damaged disk or a broken export leaves in text, are left out.

    Raises:
        SourceError: The file cannot be opened, is no regular file, or is empty,
            binary or UTF-16; before any line.
    """
    try:
        if path != STDIN and path.is_dir():
            raise SourceError(_why_not_listed(path))
        if path != STDIN and path.exists() and not path.is_file():
            # A pipe without a writer would be waited for without end.
            raise SourceError("not a regular file")
        with open_stdin() if path == STDIN else path.open("rb") as file:
            _check_head(file.peek(_HEAD_BYTES)[:_HEAD_BYTES])
            number = 0
            while raw := file.readline(MAX_LINE_BYTES):
                number += 1
                n_bytes = len(raw)
                end = raw
                while not end.endswith(b"\n") and (end := file.readline(MAX_LINE_BYTES)):
                    n_bytes += len(end)
                yield _line(number, raw, n_bytes)
    except OSError as error:
        raise SourceError(error.strerror or str(error)) from error
    except ValueError as error:  # a name with a null byte
        raise SourceError(str(error)) from error


def open_stdin() -> io.BufferedReader:
    """The standard input, to be closed without closing it for others."""
    if sys.stdin is None:  # a process may be started without one
        raise SourceError("there is no standard input")
    return io.BufferedReader(io.FileIO(sys.stdin.fileno(), closefd=False))


def _why_not_listed(folder: Path) -> str:
    if folder.is_symlink():
        return "a link to a folder; name the folder itself to take it in"
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        return f"a folder that cannot be listed: {error.strerror}"
    return "a folder"


def _check_head(head: bytes) -> None:
    if not head.strip():
        raise SourceError("an empty file")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError("UTF-16 text; save it as UTF-8")
    n_controls = len(head) - len(head.translate(None, _CONTROLS))
    if b"\0" in head and n_controls > _MOST_CONTROLS * len(head):
        raise SourceError("a binary file")


def _line(number: int, raw: bytes, n_bytes: int) -> Line:
    if n_bytes > MAX_LINE_BYTES:
        return Line(number, "", f"a line of {n_bytes:,} bytes, more than {MAX_LINE_BYTES:,}")
    try:
        text = raw.replace(b"\0", b"").decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        bad = raw[error.start]
        return Line(number, "", f"not UTF-8: byte 0x{bad:02x} at column {error.start + 1}")
    return Line(number, text.rstrip("\r\n"))
