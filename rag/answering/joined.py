"""Put several answers together into one, in which each source has one number."""

from collections.abc import Iterator, Sequence

from footnote.rag.answering.citations import render_blocks
from footnote.rag.core.records import Answer, Block, Cell, Citation, Sentence, Source


class NumberedOnce:
    """Sentences and sources of several answers; a paper that two of them cite has one number."""

    def __init__(self) -> None:
        self.sentences: list[Sentence] = []
        self._sources: dict[str, Source] = {}

    @property
    def sources(self) -> tuple[Source, ...]:
        """The papers cited so far, in the order of their numbers."""
        return tuple(self._sources.values())

    def take_in(self, answer: Answer) -> Iterator[Block]:
        """Take in the sentences of an answer, and yield its blocks, both numbered anew."""
        moved = len(self.sentences)
        markers = {source.marker: self._marker(source) for source in answer.sources}
        self.sentences += [
            s.model_copy(update={"citations": tuple(_marked(c, markers) for c in s.citations)})
            for s in answer.sentences
        ]
        for block in answer.blocks:
            rows = [tuple(_moved(cell, moved, markers) for cell in row) for row in block.rows]
            said = tuple(at + moved for at in block.sentences)
            yield block.model_copy(update={"sentences": said, "rows": tuple(rows)})

    def _marker(self, source: Source) -> int:
        marker = len(self._sources) + 1
        numbered = source.model_copy(update={"marker": marker})
        return self._sources.setdefault(source.paper_id, numbered).marker


def with_others(first: Answer, others: Sequence[tuple[str, Answer]]) -> Answer:
    """Return an answer with what else was asked in the same line, each under its words.

    Args:
        first: What the line asks first; where it was refused, its reason stands in its place.
        others: The words of each further question, and its answer or refusal.

    Returns:
        The first answer itself where there are no others, or where all were refused.
    """
    if not others or all(each.refused for each in (first, *(other for _, other in others))):
        return first
    numbered = NumberedOnce()
    blocks = [*_blocks(numbered, first)]
    for words, other in others:
        named, *rest = _blocks(numbered, other)
        blocks += [named.model_copy(update={"heading": words[:1].upper() + words[1:]}), *rest]
    return first.model_copy(
        update={
            "answer": render_blocks(blocks, numbered.sentences),
            "refused": False,
            "reason": None,
            "nearest": (),
            "sentences": tuple(numbered.sentences),
            "sources": numbered.sources,
            "blocks": tuple(blocks),
        }
    )


def _blocks(numbered: NumberedOnce, answer: Answer) -> Sequence[Block]:
    if answer.refused:
        return [Block(form="prose", text=answer.answer)]
    return [*numbered.take_in(answer)]


def _marked(citation: Citation, markers: dict[int, int]) -> Citation:
    return citation.model_copy(update={"marker": markers[citation.marker]})


def _moved(cell: Cell, moved: int, markers: dict[int, int]) -> Cell:
    said = tuple(at + moved for at in cell.sentences)
    marker = markers[cell.marker] if cell.marker else None
    return cell.model_copy(update={"sentences": said, "marker": marker})
