"""Whether papers say what a sentence claims: by its words and its numbers."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from llama_index.core.base.embeddings.base import BaseEmbedding

from rag.answer import Lexicon
from rag.schema import Paper, Verdict
from rag.text import Span

_SUPPORTED, _PARTLY = 0.7, 0.45
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class Support(NamedTuple):
    """How far papers support a claim."""

    verdict: Verdict
    score: float
    """In [0, 1]."""
    reason: str | None
    """What is not supported; None for what is."""
    paper: Paper | None
    span: Span | None
    """The sentence of `paper` that supports it."""


class Verifier:
    """Checks claims against abstracts."""

    def __init__(self, lexicon: Lexicon, embedder: BaseEmbedding | None = None):
        self._lexicon = lexicon
        self._embedder = embedder

    def check(self, claim: str, papers: Sequence[Paper], *, context: str = "") -> Support:
        """The sentence of the papers that supports a claim best, and how well."""
        del context
        terms = set(self._lexicon.terms(claim))
        weights = {term: self._lexicon.idf(term) for term in terms}
        total = sum(weights.values())
        best = Support("unsupported", 0.0, "no source says this", None, None)
        for paper in papers:
            named = set(self._lexicon.terms(paper.title))
            for span in paper.sentences:
                said = set(self._lexicon.terms(paper.quote(span))) | named
                score = sum(weights[t] for t in terms & said) / total if total else 0.0
                if not set(_NUMBER.findall(claim)) <= set(
                    _NUMBER.findall(f"{paper.title} {paper.quote(span)}")
                ):
                    score = min(score, _PARTLY - 0.01)
                if score > best.score:
                    best = _judged(score, paper, span)
        return best


def _judged(score: float, paper: Paper, span: Span) -> Support:
    if score >= _SUPPORTED:
        return Support("supported", score, None, paper, span)
    if score >= _PARTLY:
        return Support("partly", score, "the source says part of this", paper, span)
    return Support("unsupported", score, "no source says this", paper, span)
