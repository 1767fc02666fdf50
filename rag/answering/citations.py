"""Bind every sentence of an answer to its quote, and check that the quote is there."""

import re
from collections.abc import Sequence

from footnote.rag.answering.evidence import Draft, Evidence
from footnote.rag.core.records import Answer, Citation, Sentence, Source
from footnote.rag.core.request import Kind
from footnote.rag.core.text import words

# `NanoFlow: Towards…` is called NanoFlow; longer beginnings are not names.
_MAX_NAME_WORDS = 4


def cite(question: str, draft: Draft) -> Answer:
    """Turn a draft into an answer whose every sentence carries its source.

    Markers count the cited papers from 1 in the order in which they are first cited. A sentence
    is shown with its paper's name in front when it does not say it itself.

    Raises:
        ValueError: A piece of evidence lies outside its abstract; nothing of it may be shown.
    """
    sentences, sources = _bind(draft.evidence, survey=draft.kind is Kind.SURVEY)
    return Answer(
        question=question,
        answer=render_text(sentences, as_list=draft.kind is Kind.SURVEY),
        refused=False,
        reason=None,
        sentences=sentences,
        sources=sources,
        mode="quote",
        confidence=draft.confidence,
    )


def refuse(question: str, draft: Draft, reason: str) -> Answer:
    """Say why there is no answer.

    When a paper was found that says everything but what was asked for, its best sentence is shown;
    of a name that nothing mentions there is no such paper.
    """
    near_miss = draft.evidence[:1] if draft.lacking and not _absent(draft) else ()
    sentences, sources = _bind(near_miss, survey=False)
    return Answer(
        question=question,
        answer=" ".join(filter(None, (reason, render_text(sentences, as_list=False)))),
        refused=True,
        reason=reason,
        sentences=sentences,
        sources=sources,
        mode="quote",
        confidence=draft.confidence,
    )


def reason_for_refusal(draft: Draft, n_papers: int, *, filtered: bool = False) -> str:
    """Say what the papers lack, in one sentence.

    Args:
        draft: What could have been said.
        n_papers: That may answer.
        filtered: True where these are not all that are here.
    """
    which = "that the filters let through" if filtered else "here"
    papers = f"the one paper {which}" if n_papers == 1 else f"the {n_papers:,} papers {which}"
    if absent := _absent(draft):
        return f"Nothing in {papers} mentions {' or '.join(absent)}."
    if draft.lacking:
        return f"The nearest of {papers} does not state “{draft.lacking}”."
    return f"Nothing in {papers} answers this."


def _absent(draft: Draft) -> list[str]:
    """Return what the question names and nothing mentions, as it is shown."""
    return [*draft.unknown_names, *(f"“{word}”" for word in draft.unheard_of)]


def render_text(sentences: Sequence[Sentence], *, as_list: bool) -> str:
    """Join sentences with their markers, running on or a line each."""
    marked = [
        f"{s.text} {''.join(f'[{c.marker}]' for c in s.citations)}".rstrip() for s in sentences
    ]
    return "\n".join(f"- {line}" for line in marked) if as_list else " ".join(marked)


def short_name(title: str) -> str | None:
    """Return what a paper's system is called, if its title begins with a name and a colon."""
    name, colon, _ = title.partition(": ")
    return name if colon and len(name.split()) <= _MAX_NAME_WORDS else None


def _bind(
    evidence: Sequence[Evidence], *, survey: bool
) -> tuple[tuple[Sentence, ...], tuple[Source, ...]]:
    """Give sentences their citations, and list the papers that these name."""
    papers = list({e.paper.paper_id: e.paper for e in evidence}.values())
    markers = {paper.paper_id: marker for marker, paper in enumerate(papers, start=1)}
    sentences = (_sentence(e, markers[e.paper.paper_id], survey=survey) for e in evidence)
    sources = (Source.of(paper, marker) for marker, paper in enumerate(papers, start=1))
    return tuple(sentences), tuple(sources)


def _sentence(evidence: Evidence, marker: int, *, survey: bool) -> Sentence:
    paper, span, quote = evidence.paper, evidence.span, evidence.quote
    if not 0 <= span.start < span.end <= len(paper.abstract):
        raise ValueError(f"characters {tuple(span)} are outside the abstract of {paper.paper_id}")
    citation = Citation.of(paper, span, marker=marker, score=evidence.score)
    name = short_name(paper.title) or (paper.title if survey else None)
    named = name is None or _says(quote, name)
    return Sentence(
        text=quote if named else f"{name}: {quote}", verdict="supported", citations=(citation,)
    )


def _says(quote: str, name: str) -> bool:
    said, named = " ".join(words(quote)), " ".join(words(name))
    return bool(re.search(rf"\b{re.escape(named)}", said))
