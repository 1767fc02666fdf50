"""A JSON array of objects: CSL-JSON, what HF Daily Papers answers, exports of other tools."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import count

from footnote.ingest.lines import Line, undecoded
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources.blocks import MAX_BLOCK_CHARS, Block
from footnote.ingest.sources.objects import RecordError, parse_json, to_record
from footnote.rag.core.records import Sighting

# A text between quotes, which may lack its end on this line, a bracket, or a bare value.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+("?)|[\[\]{}]|[^\s,:"\[\]{}]++')
_REST_OF_TEXT = re.compile(r'(?:[^"\\]|\\.)*+("?)')
_INDENT = re.compile(r"\s*(?=\{)")
_FIRST_KEY = re.compile(r'\{\s*("(?:[^"\\]|\\.){1,200}"\s*:)')
_TOO_LONG = f"an object of more than {MAX_BLOCK_CHARS:,} characters"


def detects(head: Sequence[Line]) -> bool:
    """Return True if it begins with `[`, and then an object, the array's end or the line's."""
    text = " ".join(line.text for line in head[:3]).strip()
    return bool(re.match(r"\[\s*(\{|\]|$)", text))


def parse(lines: Iterable[Line], source: str) -> Iterator[SourceRecord | Refusal]:
    """Yield a record, or a refusal, for each element of the array."""
    sighting = Sighting(source=source)
    numbers = count(1)
    for block in _elements(lines):
        where = f"line {block.number}, element {next(numbers)}"
        try:
            if fault := block.fault or undecoded(block.text):
                raise RecordError(fault)
            yield to_record(parse_json(block.text), sighting)
        except RecordError as error:
            yield Refusal(source=source, record=where, reason=str(error))


def _elements(lines: Iterable[Line]) -> Iterator[Block]:
    """The text of each element of the array."""
    reader = _Reader()
    for line in lines:
        for block in reader.read(line):
            yield from reader.mended(block)
    for block in reader.end("not JSON: the file ends inside an object"):
        yield from reader.mended(block)


class _Reader:
    """Cuts an array into its elements, and keeps no more than one.

    Where an element is broken, the next one is known by what the first one has: a line that begins
    with as much white space before its `{`, or, in arrays of one line, the first key.
    """

    def __init__(self) -> None:
        self._is_begun = False
        self._indent: str | None = None
        self._next: re.Pattern[str] | None = None
        self._bare_line = 0
        self._depth = 0
        self._in_text = False
        self._number = 0
        self._texts: list[str] = []
        self._n_chars = 0

    def read(self, line: Line) -> Iterator[Block]:
        """Yield the elements that end on a line, or on a piece of one."""
        before = None if line.continues else _INDENT.match(line.text)
        if not line.continues:
            self._in_text = False  # JSON has no line breaks inside texts
            if before and before.group() == self._indent:
                yield from self.end("not JSON: the object has no end")
            if self._depth and line.text.strip():
                self._texts.append("\n")
        yield from self._scan(line, before)

    def end(self, fault: str) -> Iterator[Block]:
        """Yield the element that is still open, if one is."""
        if self._depth:
            yield self._closed(fault)

    def mended(self, block: Block) -> Iterator[Block]:
        """Yield the element, or, if it is broken, the elements that it runs over."""
        parts = [part for part in self._split(block.text) if part.strip()]
        if len(parts) < 2 or (not block.fault and _is_json(block.text)):
            yield block
            return
        for part in parts:
            end = "]" if part is parts[-1] and not _is_json(part) else ""
            yield Block(block.number, part.strip().removesuffix(end))

    def _scan(self, line: Line, before: re.Match[str] | None = None) -> Iterator[Block]:
        text, at, begin = line.text, 0, 0
        if self._in_text and (rest := _REST_OF_TEXT.match(text)):
            begin, self._in_text = rest.end(), not rest.group(1)
        for token in _TOKEN.finditer(text, begin):
            sign = token.group()
            self._in_text = sign[0] == '"' and not token.group(1)
            if sign in "[{":
                if self._depth:
                    self._depth += 1
                elif self._is_begun:
                    at = token.start()
                    self._open(line, at)
                    if before and before.end() == at and self._indent is None:
                        self._indent = before.group()
                self._is_begun = True
            elif sign in "]}":
                self._depth -= bool(self._depth)
                if self._depth == 0 and self._number:
                    yield from self._add(text[at : token.end()], line)
                    if self._number:
                        yield self._closed()
            elif not self._depth and line.number > self._bare_line:
                # One refusal a line, however many words it has.
                self._bare_line = line.number
                yield Block(line.number, sign)
        if self._depth:
            yield from self._add(text[at:], line)

    def _open(self, line: Line, at: int) -> None:
        self._depth, self._number = 1, line.number
        if self._next is None and (first := _FIRST_KEY.match(line.text, at)):
            self._next = re.compile(rf"(?:^|,)\s*(?=\{{\s*{re.escape(first.group(1))})")

    def _split(self, text: str) -> list[str]:
        """The text, cut where elements seem to begin; what is before the first of them is first."""
        return self._next.split(text) if self._next else [text]

    def _add(self, text: str, line: Line) -> Iterator[Block]:
        is_known = self._n_chars > MAX_BLOCK_CHARS
        self._n_chars += len(text)
        self._texts.append(text)
        if self._n_chars <= MAX_BLOCK_CHARS:
            return
        head, *parts = self._split("".join(self._texts))
        self._texts.clear()
        if not is_known and not head.strip() and parts:
            head, *parts = parts
        if not parts:
            return
        number, is_open = self._number, bool(self._depth)
        self._reset()
        yield Block(number, head, _TOO_LONG if is_known else None)
        yield from (Block(line.number, part) for part in parts[: -is_open or None])
        if is_open:
            yield from self._scan(line._replace(text=parts[-1]))

    def _closed(self, fault: str | None = None) -> Block:
        if self._n_chars > MAX_BLOCK_CHARS:
            fault = _TOO_LONG
        block = Block(self._number, "".join(self._texts), fault)
        self._reset()
        return block

    def _reset(self) -> None:
        self._depth, self._number, self._n_chars, self._in_text = 0, 0, 0, False
        self._texts.clear()


def _is_json(text: str) -> bool:
    try:
        parse_json(text)
    except RecordError:
        return False
    return True
