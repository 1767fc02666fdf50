"""Say what was said before in another form: shorter, as a table, as a list."""

from collections.abc import Iterable, Sequence

from footnote.rag.answering.citations import render_blocks, render_table
from footnote.rag.core.records import Answer, Block, Cell, Sentence, Source
from footnote.rag.core.request import Act, Request

REARRANGES = frozenset({Act.SHORTER, Act.TABLE, Act.LIST})
"""Acts that need nothing but the answer before."""
# Rows of a table that a shorter one keeps.
_FEW = 5
_TABLE = ("Paper", "What it says")
_SHORTEST = "This one sentence is the shortest that a quote can be:"
# With fewer papers than this a table has nothing to set side by side.
_TWO = 2


def rearrange(turns: Sequence[Answer], request: Request) -> Answer:
    """Return the sentences said last in the form that is asked for.

    Args:
        turns: Of the conversation, oldest first; at least one.
        request: Its act is one of `REARRANGES`.

    Returns:
        The last turn as it was where nothing was said yet.
    """
    said = [turn for turn in turns if turn.sources and not turn.refused]
    last = said[-1] if said else turns[-1]
    if not last.sentences:
        return last
    match request.act:
        case Act.SHORTER:
            return _laid_out(last, _shorter(last))
        case Act.TABLE:
            whole = _together(said)
            return _laid_out(whole, _table(whole))
        case _:
            return _laid_out(last, Block(form="list", sentences=tuple(range(len(last.sentences)))))


def _together(said: Sequence[Answer]) -> Answer:
    """Return the last answer, with those that it followed on until there are two papers."""
    whole = said[-1]
    for earlier, later in zip(said[-2::-1], said[:0:-1], strict=False):
        follows = later.request and later.request.act not in {Act.NEW, Act.THANKS}
        if len(whole.sources) >= _TWO or not follows or not earlier.sentences:
            break
        whole = _merged(earlier, whole)
    return whole


def _merged(earlier: Answer, later: Answer) -> Answer:
    """Return the later answer behind the earlier one, their sources numbered anew."""
    sources = {s.paper_id: s for s in (*earlier.sources, *later.sources)}
    marker = {paper_id: at for at, paper_id in enumerate(sources, start=1)}

    def numbered(sentence: Sentence) -> Sentence:
        citations = tuple(
            c.model_copy(update={"marker": marker[c.paper_id]}) for c in sentence.citations
        )
        return sentence.model_copy(update={"citations": citations})

    return later.model_copy(
        update={
            "sentences": tuple(map(numbered, (*earlier.sentences, *later.sentences))),
            "sources": tuple(
                s.model_copy(update={"marker": marker[s.paper_id]}) for s in sources.values()
            ),
        }
    )


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
            "answer": render_table(moved, sentences)
            if moved.columns == _TABLE
            else render_blocks([moved], sentences),
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
    """Keep the likeliest sentence of running text; of a table its first rows and first quotes."""
    first = last.blocks[0] if last.blocks else Block(form="prose", sentences=(0,))
    if not first.rows:
        best = max(first.sentences or (0,), key=lambda at: _score(last.sentences[at]))
        text = _SHORTEST if len(last.sentences) == 1 else None
        return Block(form="prose", sentences=(best,), text=text)
    rows = tuple(
        tuple(cell.model_copy(update={"sentences": cell.sentences[:1]}) for cell in row)
        for row in first.rows[:_FEW]
    )
    n_more = first.n_more + len(first.rows) - len(rows)
    return first.model_copy(update={"rows": rows, "n_more": n_more})


def _score(sentence: Sentence) -> float:
    return max((c.score for c in sentence.citations), default=0.0)


def _table(last: Answer) -> Block:
    rows = tuple(
        (Cell(text=source.title, marker=source.marker), Cell(sentences=_of(last, source)))
        for source in last.sources
    )
    return Block(form="table", columns=_TABLE, rows=rows)


def _of(last: Answer, source: Source) -> tuple[int, ...]:
    return tuple(
        at
        for at, sentence in enumerate(last.sentences)
        if any(c.paper_id == source.paper_id for c in sentence.citations)
    )
