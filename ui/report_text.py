"""Write a report in Markdown, with the sentences that it rests on below; and what it would cost."""

from collections.abc import Iterator, Sequence

from footnote.rag.core.records import Block, Cell, Report, Sentence, Source
from footnote.rag.report import Estimate
from footnote.ui.render import not_asked_note, sentence_text, source_text, writing_note


def report_markdown(report: Report) -> str:
    """Write a report: its sections, then each paper it cites with the sentences cited."""
    return "\n\n".join(filter(None, _paragraphs(report))) + "\n"


def estimate_text(estimate: Estimate) -> str:
    """Say in a line what is still to be asked of the model, and what that costs."""
    if estimate.model is None:
        return "No language model is asked: the report is made of quotes, and costs nothing."
    kept = f"{estimate.kept:,} steps are finished. " if estimate.kept else ""
    cost = "at a price not known (set llm.price_in and llm.price_out)"
    if estimate.cost is not None:
        cost = f"for about {estimate.cost:,.2f}"
    return (
        f"{kept}{estimate.model} is asked up to {estimate.calls:,} times: up to about "
        f"{estimate.tokens_in:,} tokens in and {estimate.tokens_out:,} out, {cost}."
    )


def _paragraphs(report: Report) -> Iterator[str]:
    answer = report.answer
    yield f"# {report.title}"
    if answer.refused:
        yield answer.reason or answer.answer
        yield "\n".join(f"- {near.title}: {near.quote}" for near in answer.nearest)
    for section in report.sections:
        heading, *blocks = (answer.blocks[at] for at in section.blocks)
        yield f"## {heading.heading}"
        for block in blocks:
            yield from _block_paragraphs(block, answer.sentences)
    if answer.sources:
        yield "## Sources"
    for source in answer.sources:
        yield _source_paragraph(source, answer.sentences)
    yield not_asked_note(answer.receipt) or ""
    yield writing_note(answer) or ""


def _block_paragraphs(block: Block, sentences: Sequence[Sentence]) -> Iterator[str]:
    if block.heading:
        yield f"### {block.heading}"
    yield block.text or ""
    said = [sentence_text(sentences[at]) for at in block.sentences]
    yield "\n".join(f"- {each}" for each in said) if block.form == "list" else " ".join(said)
    if block.rows:
        rows = [[_cell_text(cell, sentences) for cell in row] for row in block.rows]
        lines = [block.columns, ["---"] * len(block.columns), *rows]
        yield "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell_text(cell: Cell, sentences: Sequence[Sentence]) -> str:
    marker = f" [{cell.marker}]" if cell.marker else ""
    said = " ".join(sentence_text(sentences[at]) for at in cell.sentences)
    return f"{cell.text}{marker} {said}".strip().replace("|", "\\|")


def _source_paragraph(source: Source, sentences: Sequence[Sentence]) -> str:
    """List the sentences that are cited of a paper, each once, as they stand in it."""
    cited = {c.start: c.quote for s in sentences for c in s.citations if c.marker == source.marker}
    quotes = (f"- “{cited[start]}”" for start in sorted(cited))
    return "\n".join([source_text(source), "", *quotes])
