"""Read what a model writes, as it comes: statements, what they rest on, and how they are laid out.

A paragraph is read sentence by sentence; an item of a list and a field of a table are a statement
each. Headings, the names of columns and fields that rest on nothing are words of the model's own.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from footnote.rag.answering.markers import Ref, SentenceStream, normalise_markers, take_markers

_HEADING = re.compile(r"#{1,6}\s+(.+?)\s*#*$")
_BOLD_LINE = re.compile(r"(?:\*\*|__)([^*_\[\]]+?):?(?:\*\*|__):?$")
_ITEM = re.compile(r"[-*•+]\s|\d{1,2}[.)]\s+(?=\D)")
_RULE = re.compile(r"\|?[\s:|-]*-[\s:|-]*\|?$")
_FENCE = "```"
_EDGE = re.compile(r"(?<!\\)\|")
# A line is known for what it is by its beginning.
_TELLING = 4


class Statement(NamedTuple):
    """What a model says, and what it rests on."""

    text: str
    refs: tuple[Ref, ...] | None
    """None where it names nothing; empty where nothing that it names is there."""
    block: int
    """The part of the answer that it stands in, from 0."""
    form: Literal["prose", "list", "table"]
    row: int = 0
    """Of a table, from 0."""
    column: int = 0


class Label(NamedTuple):
    """Words that state nothing: a heading, the name of a column, a field that rests on nothing."""

    text: str
    block: int
    form: Literal["heading", "column", "field"]
    row: int = 0
    column: int = 0


Written = Statement | Label


class StatementStream:
    """Reads Markdown that arrives in pieces, the same however it is cut into pieces."""

    def __init__(self, sizes: Sequence[int]):
        """Read answers from so many sources, each with so many sentences."""
        self._sizes = sizes
        self._line = ""
        self._sentences: SentenceStream | None = None
        self._block = -1
        self._form: Literal["prose", "list", "table", "heading", ""] = ""
        self._rows = 0
        self._header: list[str] | None = None
        self._is_fenced = False

    @property
    def pending(self) -> str:
        """What has arrived and is not told yet."""
        return self._sentences.pending if self._sentences else self._line

    def feed(self, text: str) -> Iterator[Written]:
        """Yield what is complete with this text."""
        for line in re.split(r"(?<=\n)", text):
            if self._sentences:
                yield from self._run_on(line)
            else:
                self._line += line
                if line.endswith("\n"):
                    yield from self._whole()
                elif self._is_prose():
                    begun, self._line = self._line.lstrip(), ""
                    yield from self._lone_header()
                    self._begin("prose")
                    self._sentences = SentenceStream(len(self._sizes))
                    yield from self._run_on(begun)

    def finish(self) -> Iterator[Written]:
        """Yield what is left, complete or not."""
        if self._sentences:
            yield from self._said(self._sentences.finish())
            self._sentences = None
        else:
            yield from self._whole()
        yield from self._lone_header()

    def _is_prose(self) -> bool:
        """Return True if the line that has begun can be nothing else than running text."""
        begun = self._line.lstrip()
        return len(begun) >= _TELLING and not re.match(r"[#|*_`•+-]|\d{1,2}[.)]?\s?", begun)

    def _run_on(self, text: str) -> Iterator[Written]:
        if self._sentences:
            yield from self._said(self._sentences.feed(text))
            if text.endswith("\n"):
                yield from self._said(self._sentences.finish())
                self._sentences = None

    def _whole(self) -> Iterator[Written]:
        """Read a whole line."""
        raw, self._line = self._line.lstrip(), ""
        line = raw.strip()
        if line.startswith(_FENCE):
            self._is_fenced = not self._is_fenced
            return
        if line.startswith("|") and line != "|":
            yield from self._table_line(line)
            return
        yield from self._lone_header()
        if not line:
            # An empty line between its items does not end a list.
            self._form = self._form if self._form == "list" else ""
        elif heading := _HEADING.match(line) or _BOLD_LINE.match(line):
            self._form = ""
            text, _ = self._taken(heading[1])
            if text:
                yield Label(text, self._block + 1, "heading")
        elif _ITEM.match(line):
            self._begin("list")
            yield from self._stated(*self._taken(line), "list")
        else:
            self._begin("prose")
            stream = SentenceStream(len(self._sizes))
            yield from self._said(stream.feed(raw))
            yield from self._said(stream.finish())

    def _begin(self, form: Literal["prose", "list", "table"]) -> None:
        if self._form != form:
            self._block += 1
            self._form, self._rows = form, 0

    def _said(self, sentences: Iterator[str]) -> Iterator[Written]:
        for sentence in sentences:
            yield from self._stated(*take_markers(sentence, self._sizes), "prose")

    def _stated(
        self, text: str, refs: tuple[Ref, ...] | None, form: Literal["prose", "list"]
    ) -> Iterator[Written]:
        if text.strip(" .:;,"):
            yield Statement(text, refs, self._block, form)

    def _taken(self, text: str) -> tuple[str, tuple[Ref, ...] | None]:
        return take_markers(normalise_markers(text, len(self._sizes)), self._sizes)

    def _table_line(self, line: str) -> Iterator[Written]:
        cells = [cell.strip().replace("\\|", "|") for cell in _EDGE.split(line.strip("|"))]
        if self._header is None and self._form != "table":
            self._header = cells
            return
        if _RULE.match(line) and self._header is not None:
            self._begin("table")
            for column, name in enumerate(self._header):
                yield Label(self._taken(name)[0], self._block, "column", column=column)
            self._header = None
            return
        yield from self._lone_header()
        self._begin("table")
        yield from self._row(cells)

    def _lone_header(self) -> Iterator[Written]:
        """Read a first line of a table that has no names of columns as its first row."""
        if self._header is not None:
            cells, self._header = self._header, None
            self._begin("table")
            yield from self._row(cells)

    def _row(self, cells: Sequence[str]) -> Iterator[Written]:
        """Read a row; a field of markers alone is what the fields without any rest on."""
        taken = [self._taken(cell) for cell in cells]
        alone = [refs for text, refs in taken if refs is not None and not text.strip(" .,;")]
        of_row = tuple(ref for refs in alone for ref in refs) if alone else None
        for column, (text, refs) in enumerate(taken):
            rests = of_row if refs is None and column else refs
            if not text.strip(" .,;"):
                continue
            if rests is None:
                yield Label(text, self._block, "field", self._rows, column)
            else:
                yield Statement(text, rests, self._block, "table", self._rows, column)
        self._rows += 1
