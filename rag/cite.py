"""Bind every sentence of an answer to its quote, and check that the quote is there."""

import re
from collections.abc import Sequence

from rag.answer import Draft, Evidence
from rag.question import Kind
from rag.schema import Answer, Citation, Sentence, Source
from rag.text import words

# `NanoFlow: Towards…` is called NanoFlow; longer beginnings are not names.
_MAX_NAME_WORDS = 4


def cite(question: str, draft: Draft) -> Answer:
    """Turn a draft into an answer whose every sentence carries its source.

    Markers count the cited papers from 1 in the order in which they are first cited. A sentence
    is shown with its paper's name in front when it does not say it itself.

    Raises:
        ValueError: A piece of evidence lies outside its abstract; nothing of it may be shown.
    """
    markers: dict[str, int] = {}
    sentences: list[Sentence] = []
    for evidence in draft.evidence:
        marker = markers.setdefault(evidence.paper.paper_id, len(markers) + 1)
        sentences.append(_sentence(evidence, marker, survey=draft.kind is Kind.SURVEY))
    titles = {e.paper.paper_id: e.paper.title for e in draft.evidence}
    return Answer(
        question=question,
        answer=render_text(sentences, as_list=draft.kind is Kind.SURVEY),
        refused=False,
        reason=None,
        sentences=tuple(sentences),
        sources=tuple(
            Source(marker=marker, paper_id=paper_id, title=titles[paper_id])
            for paper_id, marker in markers.items()
        ),
        mode="quote",
    )


def refuse(question: str, reason: str) -> Answer:
    """An answer that says why there is none."""
    return Answer(
        question=question,
        answer=reason,
        refused=True,
        reason=reason,
        sentences=(),
        sources=(),
        mode="quote",
    )


def render_text(sentences: Sequence[Sentence], *, as_list: bool) -> str:
    """The sentences with their markers, running on or a line each."""
    marked = [
        f"{s.text} {''.join(f'[{c.marker}]' for c in s.citations)}".rstrip() for s in sentences
    ]
    return "\n".join(f"- {line}" for line in marked) if as_list else " ".join(marked)


def short_name(title: str) -> str | None:
    """What a paper's system is called, when its title begins with a name and a colon."""
    name, colon, _ = title.partition(": ")
    return name if colon and len(name.split()) <= _MAX_NAME_WORDS else None


def _sentence(evidence: Evidence, marker: int, *, survey: bool) -> Sentence:
    paper, span, quote = evidence.paper, evidence.span, evidence.quote
    if not 0 <= span.start < span.end <= len(paper.abstract):
        raise ValueError(f"characters {tuple(span)} are outside the abstract of {paper.paper_id}")
    citation = Citation(
        marker=marker,
        paper_id=paper.paper_id,
        title=paper.title,
        quote=quote,
        start=span.start,
        end=span.end,
        score=evidence.score,
    )
    name = short_name(paper.title) or (paper.title if survey else None)
    named = name is None or _says(quote, name)
    return Sentence(
        text=quote if named else f"{name}: {quote}", verdict="supported", citations=(citation,)
    )


def _says(quote: str, name: str) -> bool:
    said, wanted = " ".join(words(quote)), " ".join(words(name))
    return bool(re.search(rf"\b{re.escape(wanted)}", said))
