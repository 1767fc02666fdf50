"""Judge how far citations support what a model wrote (ALCE; Gao et al., 2023)."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from footnote.rag.core.records import Answer, Citation, Paper, Sentence
from footnote.rag.core.text import Span
from footnote.rag.verification.binding import Cited


class Judge(Protocol):
    """What tells if papers say a statement."""

    def stands(self, text: str, cited: Iterable[Cited]) -> bool:
        """Return True if the sentences cited say a statement."""
        ...


class CitationScores(NamedTuple):
    """Of one answer, in [0, 1]."""

    precision: float
    """Share of citations that alone support their statement, or without which it does not stand."""
    recall: float
    """Share of statements that their citations support together."""


def citation_scores(answer: Answer, judge: Judge) -> CitationScores | None:
    """Judge every statement by its quotes alone.

    None for an answer without statements, and for one made of quotes: each would be compared with
    itself, and all figures be 1.

    ALCE asks an entailment model: so does this where a judge is configured. Without one a statement
    counts that nothing in its quotes differs from.
    """
    if answer.mode == "quote" or not answer.sentences:
        return None
    entailed = [_supported(s, s.citations, judge) for s in answer.sentences]
    needed = [
        whole and (_supported(s, [c], judge) or not _supported(s, _without(s, c), judge))
        for s, whole in zip(answer.sentences, entailed, strict=True)
        for c in s.citations
    ]
    precision = sum(needed) / len(needed) if needed else 0.0
    return CitationScores(precision, sum(entailed) / len(entailed))


def _without(sentence: Sentence, left_out: Citation) -> list[Citation]:
    return [c for c in sentence.citations if c is not left_out]


def _supported(sentence: Sentence, citations: Sequence[Citation], judge: Judge) -> bool:
    quotes = [Cited(_as_paper(citation), 0) for citation in citations]
    return bool(quotes) and judge.stands(sentence.text, quotes)


def _as_paper(citation: Citation) -> Paper:
    """Make a paper that says nothing but the quote."""
    return Paper(
        paper_id=citation.paper_id,
        title=citation.title,
        abstract=citation.quote,
        sentences=(Span(0, len(citation.quote)),),
        titles=(citation.title,),
        original_title=citation.title,
        original_abstract=citation.quote,
    )
