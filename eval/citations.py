"""Judge how far citations support what a model wrote (ALCE; Gao et al., 2023), by the verifier."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from footnote.rag.core.records import Answer, Citation, Paper, Sentence
from footnote.rag.core.text import Span
from footnote.rag.verification.verifier import Support


class Judge(Protocol):
    """What tells if papers say a sentence."""

    def check(self, claim: str, papers: Sequence[Paper], *, context: str = "") -> Support:
        """Judge one sentence."""
        ...


class CitationScores(NamedTuple):
    """Of one answer, in [0, 1]."""

    precision: float
    """Share of citations that alone support their sentence, or without which it is not."""
    recall: float
    """Share of sentences that their citations support together."""


def citation_scores(answer: Answer, judge: Judge) -> CitationScores | None:
    """Judge every sentence by its quotes alone.

    None for an answer without sentences, and for one made of quotes: each would be compared with
    itself, and all figures be 1.

    ALCE asks an entailment model. Here a sentence counts as supported when the verifier says so
    of the quotes; `partly` is not enough.
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
    quotes = [_as_paper(citation) for citation in citations]
    return bool(quotes) and judge.check(sentence.text, quotes).verdict == "supported"


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
