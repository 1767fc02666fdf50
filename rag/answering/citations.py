"""Bind every sentence of an answer to its quote, and check that the quote is there."""

import re
from collections.abc import Iterable, Sequence

from footnote.rag.answering.draft import Draft
from footnote.rag.answering.plans import Field, Part
from footnote.rag.answering.sentences import Evidence
from footnote.rag.core.records import Answer, Block, Cell, Citation, Paper, Sentence, Source
from footnote.rag.core.request import Act, Kind, Request
from footnote.rag.core.text import short_name, words


def cite(request: Request, draft: Draft) -> Answer:
    """Turn a draft into an answer whose every sentence carries its source.

    Markers count the cited papers from 1 in the order in which they are first cited. The first of
    the sentences in a row of one paper is shown with the paper's name in front when it does not
    say it itself.

    Raises:
        ValueError: A piece of evidence lies outside its abstract; nothing of it may be shown.
    """
    binding = _Binding()
    blocks = tuple(map(binding.block, draft.parts))
    sentences = tuple(binding.sentences)
    return Answer(
        question=request.question,
        answer=render_blocks(blocks, sentences),
        refused=False,
        reason=None,
        sentences=sentences,
        sources=tuple(binding.sources.values()),
        mode="quote",
        confidence=draft.confidence,
        blocks=blocks,
    )


def refuse(request: Request, draft: Draft, reason: str) -> Answer:
    """Say why there is no answer, with the papers that come nearest."""
    return Answer(
        question=request.question,
        answer=reason,
        refused=True,
        reason=reason,
        sentences=(),
        sources=(),
        mode="quote",
        confidence=draft.confidence,
        nearest=tuple(
            Citation.of(e.paper, e.span, marker=marker, score=e.score)
            for marker, e in enumerate(draft.nearest, start=1)
        ),
    )


def reason_for_refusal(
    draft: Draft,
    n_papers: int,
    *,
    filtered: bool = False,
    n_coming: int = 0,
    n_by_words: int = 0,
) -> str:
    """Say what the papers lack, in one sentence, and how many are not there yet, or not whole.

    Args:
        draft: What could have been said.
        n_papers: That may answer.
        filtered: True where these are not all that are here.
        n_coming: That are being taken in.
        n_by_words: Of those that are here, that are found by their words alone so far.
    """
    reason = _lack(draft, n_papers, filtered=filtered)
    if n_coming:
        reason += f" {n_coming:,} more are being taken in."
    if n_by_words:
        reason += f" {n_by_words:,} are found by their words alone so far; ask again in a while."
    return reason


def _lack(draft: Draft, n_papers: int, *, filtered: bool) -> str:
    which = "here"
    if filtered:
        days = ("since", "until", "undated")
        others = draft.request.filters.model_copy(update=dict.fromkeys(days))
        which = "that the filters let through" if others else "of these days"
    papers = f"the one paper {which}" if n_papers == 1 else f"the {n_papers:,} papers {which}"
    if draft.n_shown:
        return f"Those were all: {draft.n_shown:,} papers here come near."
    if signals := draft.signals:
        if absent := [*signals.unknown_names, *(f"“{word}”" for word in signals.unheard_of)]:
            return f"Nothing in {papers} mentions {' or '.join(absent)}."
        if signals.unstated:
            return f"The nearest of {papers} does not {signals.unstated}."
    request = draft.request
    if request.kind is Kind.SURVEY and (topics := [*filter(None, [request.topic]), *request.sides]):
        return (
            f"Nothing in {papers} is clearly about {' or '.join(f'“{topic}”' for topic in topics)}."
        )
    return f"Nothing in {papers} answers this."


def hello(request: Request, n_papers: int) -> Answer:
    """Answer what asks nothing of the papers: with a friendly line that says what can be asked."""
    papers = "one paper" if n_papers == 1 else f"{n_papers:,} papers"
    said = "You are welcome. " if request.act is Act.THANKS else "Hello. "
    said += (
        f"I answer from {papers} here, each sentence with its source. Ask what something is, why "
        "or how it works, which papers deal with it, or how two things compare; ask how many "
        "papers there are on a topic or which are the newest; then ask for more, for less, or for "
        "a table."
    )
    return Answer(
        question=request.question,
        answer=said,
        refused=False,
        reason=None,
        sentences=(),
        sources=(),
        mode="quote",
        blocks=(Block(form="prose", text=said),),
    )


def render_blocks(blocks: Iterable[Block], sentences: Sequence[Sentence]) -> str:
    """Write an answer as plain text: paragraphs, and a line a row of each table."""
    return "\n\n".join(filter(None, (_block_text(block, sentences) for block in blocks)))


def _block_text(block: Block, sentences: Sequence[Sentence]) -> str:
    said = [sentences[at] for at in block.sentences]
    lines = [f"{block.heading}:"] if block.heading else []
    if block.text:
        lines.append(block.text)
    if said:
        lines.append(render_text(said, as_list=block.form == "list"))
    lines += _table_lines(block, sentences)
    if block.n_more:
        lines.append(f"… and {block.n_more:,} more; ask for more to see them.")
    return "\n".join(lines)


def _table_lines(block: Block, sentences: Sequence[Sentence]) -> Iterable[str]:
    """Yield a line a row, or, where the columns are what is compared, a paragraph a column."""
    if block.columns[:1] == ("",):
        for at, name in enumerate(block.columns[1:], start=1):
            yield f"{name}:"
            yield from (
                f"- {row[0].text}: {text}"
                for row in block.rows
                if (text := _cell_text(row[at], sentences))
            )
        return
    for first, *others in block.rows:
        cells = zip(block.columns[1:], others, strict=True)
        said = [text for column, cell in cells if (text := _labelled(column, cell, sentences))]
        yield f"- {_cell_text(first, sentences)}{': ' * bool(said)}{' · '.join(said)}"


def _labelled(column: str, cell: Cell, sentences: Sequence[Sentence]) -> str:
    """Return what a cell says, a number with what it counts."""
    text = _cell_text(cell, sentences)
    what = column.lower()
    return f"{text} {what.removesuffix('s') if text == '1' else what}" if text.isdigit() else text


def _cell_text(cell: Cell, sentences: Sequence[Sentence]) -> str:
    marker = f" [{cell.marker}]" if cell.marker else ""
    said = render_text([sentences[at] for at in cell.sentences], as_list=False)
    return " ".join(filter(None, (f"{cell.text}{marker}", said))).strip()


def render_table(block: Block, sentences: Sequence[Sentence]) -> str:
    """Write a table as Markdown."""
    rows = [block.columns, ["---"] * len(block.columns)]
    rows += [
        [_cell_text(cell, sentences).replace("|", "\\|") for cell in row] for row in block.rows
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def render_text(sentences: Sequence[Sentence], *, as_list: bool) -> str:
    """Join sentences with their markers, running on or a line each."""
    marked = [f"{s.text} {markers_of(s)}".rstrip() for s in sentences]
    return "\n".join(f"- {line}" for line in marked) if as_list else " ".join(marked)


def markers_of(sentence: Sentence) -> str:
    """Write the number of each source that a sentence cites, once."""
    return "".join(f"[{n}]" for n in dict.fromkeys(c.marker for c in sentence.citations))


class _Binding:
    """Numbers the sentences and the sources of an answer as they are first said."""

    def __init__(self) -> None:
        self.sentences: list[Sentence] = []
        self.sources: dict[str, Source] = {}

    def block(self, part: Part) -> Block:
        said: list[int] = []
        before: str | None = None
        for evidence in part.evidence:
            said.append(self._said(evidence, named=evidence.paper.paper_id != before))
            before = evidence.paper.paper_id
        return Block(
            form=part.form,
            heading=part.heading,
            text=part.text,
            sentences=tuple(said),
            columns=part.columns,
            rows=tuple(tuple(map(self._cell, row)) for row in part.rows),
            n_more=part.n_more,
        )

    def _cell(self, field: Field) -> Cell:
        return Cell(
            text=field.text,
            sentences=tuple(self._said(e, named=False) for e in field.evidence),
            marker=self._source(field.paper).marker if field.paper else None,
        )

    def _source(self, paper: Paper) -> Source:
        return self.sources.setdefault(
            paper.paper_id, Source.of(paper, marker=len(self.sources) + 1)
        )

    def _said(self, evidence: Evidence, *, named: bool) -> int:
        """Add a sentence and return its place; with the name of its paper where that is asked."""
        paper, span, quote = evidence.paper, evidence.span, evidence.quote
        if not 0 <= span.start < span.end <= len(paper.abstract):
            raise ValueError(f"{tuple(span)} is outside the abstract of {paper.paper_id}")
        marker = self._source(paper).marker
        citation = Citation.of(paper, span, marker=marker, score=evidence.score)
        name = short_name(paper.title) if named else None
        text = quote if name is None or _says(quote, name) else f"{name}: {quote}"
        self.sentences.append(Sentence(text=text, verdict="quoted", citations=(citation,)))
        return len(self.sentences) - 1


def _says(quote: str, name: str) -> bool:
    said, named = " ".join(words(quote)), " ".join(words(name))
    return bool(re.search(rf"\b{re.escape(named)}", said))
