"""An answer as a page, with all that it cites, in whatever style."""

from collections.abc import Iterator, Mapping, Sequence
from string import ascii_lowercase
from typing import NamedTuple, Protocol

from footnote.export.references import Reference
from footnote.rag.core.records import Answer, Block, Cell, Citation, Receipt, Sentence


class Quoted(NamedTuple):
    """A sentence of a paper, and what its marker says: `2a`."""

    label: str
    text: str


class Note(NamedTuple):
    """A cited paper with all that is quoted of it."""

    marker: int
    reference: Reference
    quotes: tuple[Quoted, ...]
    in_table: bool
    """True where a row of a table is about the paper."""


class Style(Protocol):
    """How a page is written. What `text` returns is safe to stand in it, as is all else."""

    def text(self, said: str) -> str:
        """Write a text as it is, whatever signs it holds."""
        ...

    def mark(self, label: str) -> str:
        """Write the marker of a note."""
        ...

    def heading(self, said: str, level: int) -> str:
        """Write a heading; 1 is the page's."""
        ...

    def paragraph(self, said: str) -> str:
        """Write a paragraph."""
        ...

    def items(self, said: Sequence[str]) -> str:
        """Write a list."""
        ...

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
        """Write a table."""
        ...

    def notes(self, notes: Sequence[Note]) -> str:
        """Write the cited papers with their quotes."""
        ...

    def page(self, title: str, parts: Sequence[str]) -> str:
        """Put a page together; `title` is not yet as `text` writes it."""
        ...


def page(answer: Answer, references: Mapping[str, Reference], style: Style) -> str:
    """Write an answer with all that it cites.

    Args:
        answer: What is written.
        references: What it cites, by paper id: all of `answer.sources`.
        style: How it is written.
    """
    return style.page(answer.question, list(filter(None, _parts(answer, references, style))))


def labels(answer: Answer) -> dict[tuple[str, int], str]:
    """Return what the marker of each quote says, by paper id and first offset, in order.

    The number is that of the paper, the letter that of the sentence: `2a`, `2b` … `2z`, `2aa`.
    """
    found: dict[tuple[str, int], str] = {}
    n_quotes: dict[str, int] = {}
    for citation in (c for s in answer.sentences for c in s.citations):
        where = citation.paper_id, citation.start
        if where not in found:
            n_quotes[citation.paper_id] = number = n_quotes.get(citation.paper_id, 0) + 1
            found[where] = f"{citation.marker}{_letters(number)}"
    return found


def _letters(number: int) -> str:
    more, last = divmod(number - 1, len(ascii_lowercase))
    return (_letters(more) if more else "") + ascii_lowercase[last]


def _parts(answer: Answer, references: Mapping[str, Reference], style: Style) -> Iterator[str]:
    yield style.heading(style.text(answer.question), 1)
    if answer.understood_as:
        yield style.paragraph(style.text(f"Understood as: {answer.understood_as}"))
    if answer.refused:
        yield style.paragraph(style.text(answer.reason or answer.answer))
    blocks = answer.blocks or (_running(answer),)
    for block in blocks:
        yield from _Said(answer, style).block(block)
    if answer.nearest:
        yield style.heading(style.text("Nearest to it"), 2)
        yield style.items([style.text(f"{near.title}: {near.quote}") for near in answer.nearest])
    yield style.notes(list(_notes(answer, references)))
    if answer.receipt:
        yield style.paragraph(style.text(_rests_on(answer.receipt)))
        if queries := answer.receipt.queries:
            yield style.paragraph(style.text(f"Also searched for: {'; '.join(queries)}"))


def _running(answer: Answer) -> Block:
    return Block(form="prose", sentences=tuple(range(len(answer.sentences))))


class _Said:
    """Writes the parts of an answer."""

    def __init__(self, answer: Answer, style: Style):
        self._sentences = answer.sentences
        self._titles = {source.marker: source.title for source in answer.sources}
        self._labels = labels(answer)
        self._style = style

    def block(self, block: Block) -> Iterator[str]:
        style = self._style
        said = [self._sentence(self._sentences[at]) for at in block.sentences]
        if block.heading:
            yield style.heading(style.text(block.heading), 2)
        if block.text:
            yield style.paragraph(style.text(block.text))
        if said:
            yield style.items(said) if block.form == "list" else style.paragraph(" ".join(said))
        if block.rows:
            yield self._table(block)
        if block.n_more:
            yield style.paragraph(style.text(f"{block.n_more:,} more are not listed."))

    def _table(self, block: Block) -> str:
        # A column that no row has anything in is left out, as on the page.
        shown = [at for at in range(len(block.columns)) if any(_holds(r[at]) for r in block.rows)]
        columns = [self._style.text(block.columns[at]) for at in shown]
        return self._style.table(columns, [[self._cell(r[at]) for at in shown] for r in block.rows])

    def _cell(self, cell: Cell) -> str:
        text = self._style.text(cell.text or self._titles.get(cell.marker or 0, ""))
        mark = self._style.mark(str(cell.marker)) if cell.marker in self._titles else ""
        said = [self._sentence(self._sentences[at]) for at in cell.sentences]
        return " ".join(filter(None, (f"{text}{mark}", *said)))

    def _sentence(self, sentence: Sentence) -> str:
        """Write a sentence and its markers, and in what it differs from its quotes."""
        style = self._style
        marks = "".join(
            style.mark(label) for label in dict.fromkeys(map(self._label, sentence.citations))
        )
        state = {"unbound": " (uncited)", "differs": f" (differs: {sentence.reason})"}
        return f"{style.text(sentence.text)}{marks}{style.text(state.get(sentence.verdict, ''))}"

    def _label(self, citation: Citation) -> str:
        return self._labels[citation.paper_id, citation.start]


def _holds(cell: Cell) -> bool:
    return bool(cell.text or cell.sentences or cell.marker)


def _notes(answer: Answer, references: Mapping[str, Reference]) -> Iterator[Note]:
    quotes = {(c.paper_id, c.start): c.quote for s in answer.sentences for c in s.citations}
    in_tables = {c.marker for b in answer.blocks for row in b.rows for c in row}
    quoted: dict[str, list[Quoted]] = {}
    for where, label in labels(answer).items():
        quoted.setdefault(where[0], []).append(Quoted(label, quotes[where]))
    for source in answer.sources:
        own = tuple(quoted.get(source.paper_id, ()))
        yield Note(source.marker, references[source.paper_id], own, source.marker in in_tables)


def _rests_on(receipt: Receipt) -> str:
    model = f", {receipt.setup.model}" if receipt.setup.model else ""
    lacking = f", of which {receipt.n_not_asked:,} did not answer" if receipt.n_not_asked else ""
    return (
        f"Asked on {receipt.asked_at:%Y-%m-%d %H:%M} UTC of {receipt.n_papers:,} papers"
        f"{lacking} (corpus {receipt.corpus}), Footnote {receipt.setup.footnote}{model}."
    )
