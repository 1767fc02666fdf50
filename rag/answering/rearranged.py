"""Say what was said before in another form: shorter, as a table, as a list."""

from collections.abc import Iterable

from footnote.rag.answering.citations import render_blocks
from footnote.rag.core.records import Answer, Block, Cell, Source
from footnote.rag.core.request import Act, Request

REARRANGES = frozenset({Act.SHORTER, Act.TABLE, Act.LIST})
"""Acts that need nothing but the answer before."""
# Rows of a table that a shorter one keeps.
_FEW = 5


def rearrange(last: Answer, request: Request) -> Answer:
    """Return the sentences of an answer in the form that is asked for; a refusal as it was."""
    if last.refused or not last.sentences:
        return last
    match request.act:
        case Act.SHORTER:
            block = _shorter(last)
        case Act.TABLE:
            block = _table(last)
        case _:
            block = Block(form="list", sentences=tuple(range(len(last.sentences))))
    return _laid_out(last, block)


def _laid_out(last: Answer, block: Block) -> Answer:
    """Return an answer of the sentences of a block alone, numbered anew."""
    said = list(dict.fromkeys(_said(block)))
    place = {at: number for number, at in enumerate(said)}
    moved = block.model_copy(
        update={
            "sentences": tuple(place[at] for at in block.sentences),
            "rows": tuple(
                tuple(
                    cell.model_copy(update={"sentences": tuple(place[at] for at in cell.sentences)})
                    for cell in row
                )
                for row in block.rows
            ),
        }
    )
    sentences = tuple(last.sentences[at] for at in said)
    markers = {c.marker for s in sentences for c in s.citations}
    markers |= {cell.marker for row in block.rows for cell in row if cell.marker}
    return last.model_copy(
        update={
            "answer": render_blocks([moved], sentences),
            "sentences": sentences,
            "sources": tuple(s for s in last.sources if s.marker in markers),
            "blocks": (moved,),
        }
    )


def _said(block: Block) -> Iterable[int]:
    yield from block.sentences
    for row in block.rows:
        for cell in row:
            yield from cell.sentences


def _shorter(last: Answer) -> Block:
    """Keep the first sentence of running text, and of a table its first rows and first quotes."""
    first = last.blocks[0] if last.blocks else Block(form="prose", sentences=(0,))
    if not first.rows:
        return Block(form="prose", sentences=first.sentences[:1] or (0,))
    rows = tuple(
        tuple(cell.model_copy(update={"sentences": cell.sentences[:1]}) for cell in row)
        for row in first.rows[:_FEW]
    )
    n_more = first.n_more + len(first.rows) - len(rows)
    return first.model_copy(update={"rows": rows, "n_more": n_more})


def _table(last: Answer) -> Block:
    rows = tuple(
        (Cell(text=source.title, marker=source.marker), Cell(sentences=_of(last, source)))
        for source in last.sources
    )
    return Block(form="table", columns=("Paper", "What it says"), rows=rows)


def _of(last: Answer, source: Source) -> tuple[int, ...]:
    return tuple(
        at
        for at, sentence in enumerate(last.sentences)
        if any(c.paper_id == source.paper_id for c in sentence.citations)
    )
