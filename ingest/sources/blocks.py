"""Cut a file into the text of its records, so that what is wrong with one costs that one alone."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from footnote.ingest.lines import Line

MAX_BLOCK_CHARS = 300_000


class Block(NamedTuple):
    """Lines that belong together, joined by line breaks."""

    number: int
    """Of its first line."""
    text: str
    fault: str | None = None
    """Why `text` is not all of it."""


class Piece(NamedTuple):
    """A line, or a part of one, as a format cuts it."""

    line: Line
    starts: bool
    """A block begins here."""


def cut_blocks(parts: Iterable[Piece]) -> Iterator[Block]:
    """Yield a block from each part that starts one to the next such part, blank blocks left out.

    What stands before the first start is a block too. A block that is too long comes with its
    beginning: what stands after a record's end is no fault of the record.
    """
    block = _Open()
    for line, starts in parts:
        if starts:
            yield from block.close()
            block = _Open()
        block.add(line)
    yield from block.close()


class _Open:
    """A block that may still grow, in bounded memory."""

    def __init__(self) -> None:
        self._number = 0
        self._texts: list[str] = []
        self._n_chars = 0

    def add(self, line: Line) -> None:
        text = line.text
        if not self._texts:
            if not text.strip():
                return
            self._number = line.number
        elif not line.continues:
            text = f"\n{text}"
        room = MAX_BLOCK_CHARS - self._n_chars
        self._n_chars += len(text)
        if room > 0:
            self._texts.append(text[:room])

    def close(self) -> Iterator[Block]:
        if self._texts:
            is_whole = self._n_chars <= MAX_BLOCK_CHARS
            fault = None if is_whole else f"a record of more than {MAX_BLOCK_CHARS:,} characters"
            yield Block(self._number, "".join(self._texts), fault)
