"""A JSON array of objects: CSL-JSON, what HF Daily Papers answers, exports of other tools."""

import re
from collections.abc import Iterable, Iterator, Sequence

from ingest.lines import Line
from ingest.record import Refusal, SourceRecord
from ingest.sources.blocks import MAX_BLOCK_CHARS, Block
from ingest.sources.objects import RecordError, parse_json, to_record
from rag.schema import Sighting

# A text between quotes, which may lack its end on this line, a bracket, or a bare value.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]|[^\s,:"\[\]{}]++')

_INDENT = re.compile(r"\s*(?=\{)")


def detects(head: Sequence[Line]) -> bool:
    """Whether the file begins with `[`, and then an object, the array's end or the line's."""
    text = " ".join(line.text for line in head[:3]).strip()
    return bool(re.match(r"\[\s*(\{|\]|$)", text))


def parse(lines: Iterable[Line], source: str) -> Iterator[SourceRecord | Refusal]:
    """Yield a record, or a refusal, for each element of the array."""
    sighting = Sighting(source=source)
    for block in _elements(lines):
        try:
            if block.fault:
                raise RecordError(block.fault)
            yield to_record(parse_json(block.text), sighting)
        except RecordError as error:
            yield Refusal(source=source, record=f"line {block.number}", reason=str(error))


def _elements(lines: Iterable[Line]) -> Iterator[Block]:
    """The text of each element of the array.

    JSON has no line breaks inside texts, so a text that lacks its end is over at the line's. A
    line that begins as the first object's did begins another one, even inside a broken one.
    """
    element = _Element()
    indent: str | None = None
    begun = False
    for line in lines:
        if line.fault:
            element.spoil(line, line.fault)
            continue
        before = _INDENT.match(line.text)
        if element.depth and before and before.group() == indent:
            yield from element.cut("not JSON: the object has no end")
        at = 0
        for token in _TOKEN.finditer(line.text):
            sign = token.group()
            if sign in "[{":
                if element.depth:
                    element.depth += 1
                elif begun:
                    element.open(line.number)
                    at = token.start()
                    if before and before.end() == at and indent is None:
                        indent = before.group()
                begun = True
            elif sign in "]}":
                if element.depth:
                    element.depth -= 1
                    if element.depth == 0:
                        element.add(line.text[at : token.end()])
                        yield from element.close()
            elif not element.depth:
                yield Block(line.number, sign)
                break  # one refusal a line, however many words it has
        if element.depth:
            element.add(line.text[at:] + "\n")
    yield from element.cut("not JSON: the file ends inside an object")


class _Element:
    """An object of the array, as far as it is read."""

    def __init__(self) -> None:
        self.depth = 0
        self._number = 0
        self._texts: list[str] = []
        self._n_chars = 0
        self._fault: str | None = None

    def open(self, number: int) -> None:
        self.depth, self._number = 1, number

    def add(self, text: str) -> None:
        self._n_chars += len(text)
        if self._n_chars > MAX_BLOCK_CHARS:
            self._texts.clear()
            self._fault = self._fault or f"an object of more than {MAX_BLOCK_CHARS:,} characters"
        else:
            self._texts.append(text)

    def spoil(self, line: Line, fault: str) -> None:
        if not self.depth:
            self.open(line.number)
        self._fault = self._fault or f"line {line.number}: {fault}"

    def cut(self, fault: str) -> Iterator[Block]:
        if self.depth:
            self._fault = self._fault or fault
            yield from self.close()

    def close(self) -> Iterator[Block]:
        yield Block(self._number, "" if self._fault else "".join(self._texts), self._fault)
        self.__init__()
