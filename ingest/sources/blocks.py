"""Cut a file into the text of its records, so that what is wrong with one costs that one alone."""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from ingest.lines import Line

MAX_BLOCK_CHARS = 300_000


class Block(NamedTuple):
    """Lines that belong together, joined by line breaks."""

    number: int
    """Of its first line."""
    text: str
    fault: str | None = None
    """Why `text` is not to be read: it is too long, or one of its lines has a fault."""


def cut_blocks(lines: Iterable[Line], starts: Callable[[str], bool]) -> Iterator[Block]:
    """Yield a block from each line that starts one to the next such line.

    What stands before the first start is a block too.
    """
    block = _Open(1)
    for line in lines:
        if not line.fault and starts(line.text):
            yield from block.close()
            block = _Open(line.number)
        block.add(line)
    yield from block.close()


class _Open:
    """A block that may still grow, in bounded memory."""

    def __init__(self, number: int):
        self._number = number
        self._texts: list[str] = []
        self._n_chars = 0
        self._fault: str | None = None

    def add(self, line: Line) -> None:
        self._n_chars += len(line.text) + 1
        if line.fault:
            self._fault = self._fault or f"line {line.number}: {line.fault}"
        elif self._n_chars > MAX_BLOCK_CHARS:
            self._texts.clear()
            self._fault = f"a record of more than {MAX_BLOCK_CHARS:,} characters"
        else:
            self._texts.append(line.text)

    def close(self) -> Iterator[Block]:
        text = "\n".join(self._texts)
        if self._fault or text.strip():
            yield Block(self._number, "" if self._fault else text, self._fault)
