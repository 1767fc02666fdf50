"""Quote-only answers: choose the sentences of the found papers that answer the question."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from llama_index.core.schema import QueryBundle

from rag.question import Kind, kind_of, names_in
from rag.schema import Hit, Paper
from rag.text import Span, words

# A second sentence must come this close to the first to be said as well.
_NEARLY_AS_GOOD = {Kind.NUMBER: 0.85, Kind.FACT: 0.85, Kind.EXPLANATION: 0.75}
# A survey lists the papers whose best sentence has this share of the best one's score.
_ON_TOPIC = 0.62
# How much each signal counts in a sentence's score, and what is added or taken off; chosen on the
# tune questions (`docs/experiments.md`).
_LATE, _LIKENESS, _COVERAGE, _STANDING = 0.43, 0.14, 0.14, 0.29
# Abstracts begin with what is known and end with what was found.
_LAST = 0.043
_NO_QUANTITY = 0.143
_ASIDE = 0.107
_DEFINES_IT = 0.107
# Share of common words above which two sentences say the same.
_REPEATS = 0.6
# A number that is not part of a name: `1.91×`, `59%`, `8 GPUs`, not `LLaMA-2-70B`.
_QUANTITY = re.compile(r"(?<![\w.-])\d[\d,.]*(?:\s?[×%]|[xX]\b|[-–~]\d|(?![\w-]*[A-Za-z]))")
# Where the code is and what is hoped for answers few questions.
_ASIDES = re.compile(
    r"https?://|\b(?:code|models?|data|implementation)\b[^.]*\b(?:available|released)\b"
    r"|\bopen[- ]sourced?\b|\bwe (?:believe|hope)\b|\bfuture (?:work|research)\b",
    re.IGNORECASE,
)
_ASKS_FOR_ASIDES = re.compile(r"\b(?:code|open|source|available|github|url|link|future)", re.I)
# `What is NanoFlow?` wants the sentence that introduces it.
_ASKS_WHAT_IT_IS = re.compile(
    r"^\W*(?:what(?:'s| is| are)|explain|describe)\s+[^\w+-]*[\w+-]+"
    r"(?:[^\w+-]+[\w+-]+){0,3}[^\w+-]*$",
    re.IGNORECASE,
)
_DEFINES = re.compile(
    r"\b(?:we|paper|work|study)\b[^.]{0,40}\b(?:propose|introduce|present|develop|describe)"
    r"|\b(?:is|are) (?:an?|the)\b",
    re.IGNORECASE,
)


class Lexicon(Protocol):
    """What the words of a text are, and how rare each is in the corpus."""

    def terms(self, text: str) -> list[str]:
        """Stemmed words without stop words, in order."""
        ...

    def idf(self, term: str) -> float:
        """Above 0; larger for a rarer term."""
        ...

    def knows(self, name: str) -> bool:
        """Whether the corpus mentions a name, or one spelled nearly so."""
        ...


class SentenceSignal(Protocol):
    """How well each sentence of a paper speaks to a question, by one way of looking at it."""

    def sentence_scores(
        self, query: QueryBundle, papers: Sequence[Paper]
    ) -> Mapping[str, np.ndarray]:
        """Scores in [-1, 1] by paper id, float, (n_sentences,); unknown papers are left out."""
        ...


class Evidence(NamedTuple):
    """A sentence that speaks to the question, and how well."""

    paper: Paper
    span: Span
    score: float
    """In [0, 1]: what it was chosen by."""
    likeness: float
    """In [0, 1]: cosine of its vector to the question's."""

    @property
    def quote(self) -> str:
        """The sentence itself."""
        return self.paper.quote(self.span)


class Draft(NamedTuple):
    """What the answer shall say, in order, before it is bound to its sources."""

    kind: Kind
    evidence: tuple[Evidence, ...]
    confidence: float
    """In [0, 1]: likeness of the sentence nearest the question."""


_Candidate = tuple[Hit, int, Span]


class QuoteAnswerer:
    """Answers with sentences of the papers themselves, so nothing can be said that is not there."""

    def __init__(
        self,
        vectors: SentenceSignal,
        late: SentenceSignal,
        lexicon: Lexicon,
        *,
        papers: int,
        max_sentences: int,
        survey_papers: int,
    ):
        self._vectors = vectors
        self._late = late
        self._lexicon = lexicon
        self._papers = papers
        self._max_sentences = max_sentences
        self._survey_papers = survey_papers

    def draft(self, query: QueryBundle, hits: Sequence[Hit]) -> Draft:
        """Choose what to say from the papers found.

        Args:
            query: The question, with its embedding.
            hits: The papers, best first.

        Returns:
            The sentences, most relevant first; none when no paper was found.
        """
        kind = kind_of(query.query_str)
        considered = hits[: self._survey_papers if kind is Kind.SURVEY else self._papers]
        ranked = self._rank(query, considered, kind)
        if not ranked:
            return Draft(kind, (), 0.0)
        if kind is Kind.SURVEY:
            chosen = self._one_a_paper(ranked, considered)
        elif kind is Kind.COMPARISON:
            chosen = self._two_sided(ranked)
        else:
            limit = self._max_sentences if kind is Kind.EXPLANATION else 2
            floor = ranked[0].score * _NEARLY_AS_GOOD[kind]
            chosen = _distinct([e for e in ranked if e.score >= floor], limit)
        return Draft(kind, tuple(chosen), max(e.likeness for e in ranked))

    def unknown_names(self, question: str) -> list[str]:
        """Names that the question asks about and no paper mentions, in order."""
        return [name for name in names_in(question) if not self._lexicon.knows(name)]

    def _rank(self, query: QueryBundle, hits: Sequence[Hit], kind: Kind) -> list[Evidence]:
        """Every sentence of the papers, best first."""
        sentences = [(h, n, span) for h in hits for n, span in enumerate(h.paper.sentences)]
        if not sentences:
            return []
        papers = [hit.paper for hit in hits]
        by_vectors = self._vectors.sentence_scores(query, papers)
        likeness = _laid_out(by_vectors, sentences)
        # An embedder that gives no pieces has its vectors stand in for them.
        late = _laid_out({**by_vectors, **self._late.sentence_scores(query, papers)}, sentences)
        score = (
            _LATE * late
            + _LIKENESS * likeness
            + _COVERAGE * self._coverage(query.query_str, sentences)
            + _STANDING * np.array([hit.score for hit, _, _ in sentences])
            + _LAST * np.array([n / len(hit.paper.sentences) for hit, n, _ in sentences])
        )
        quotes = [hit.paper.quote(span) for hit, _, span in sentences]
        if kind is Kind.NUMBER:
            score -= _NO_QUANTITY * np.array([not _QUANTITY.search(quote) for quote in quotes])
        if _ASKS_WHAT_IT_IS.search(query.query_str):
            score += _DEFINES_IT * np.array([bool(_DEFINES.search(quote)) for quote in quotes])
        if not _ASKS_FOR_ASIDES.search(query.query_str):
            score -= _ASIDE * np.array([bool(_ASIDES.search(quote)) for quote in quotes])
        score = np.clip(score, 0, 1)
        return [
            Evidence(sentences[i][0].paper, sentences[i][2], float(score[i]), float(likeness[i]))
            for i in np.argsort(-score, kind="stable")
        ]

    def _coverage(self, question: str, sentences: Sequence[_Candidate]) -> np.ndarray:
        """Share of the question's words, by rarity, in each sentence; shape (n,), in [0, 1]."""
        weights = {t: self._lexicon.idf(t) for t in set(self._lexicon.terms(question))}
        total = sum(weights.values()) or 1.0
        said = (set(self._lexicon.terms(hit.paper.quote(span))) for hit, _, span in sentences)
        return np.array([sum(weights[t] for t in weights.keys() & terms) / total for terms in said])

    def _one_a_paper(self, ranked: Sequence[Evidence], hits: Sequence[Hit]) -> list[Evidence]:
        best: dict[str, Evidence] = {}
        for evidence in ranked:
            best.setdefault(evidence.paper.paper_id, evidence)
        floor = ranked[0].score * _ON_TOPIC
        in_order = (best[hit.paper.paper_id] for hit in hits)
        return [evidence for evidence in in_order if evidence.score >= floor]

    def _two_sided(self, ranked: Sequence[Evidence]) -> list[Evidence]:
        """The best sentences of the two best papers, side by side."""
        sides = list(dict.fromkeys(e.paper.paper_id for e in ranked))[:2]
        chosen: list[Evidence] = []
        for side in sides:
            chosen += _distinct([e for e in ranked if e.paper.paper_id == side], 2)
        return chosen


def _laid_out(scores: Mapping[str, np.ndarray], sentences: Sequence[_Candidate]) -> np.ndarray:
    """The score of each candidate in [0, 1], 0 where there is none; float, (n,)."""
    found = (
        scores[hit.paper.paper_id][number] if hit.paper.paper_id in scores else 0.0
        for hit, number, _ in sentences
    )
    return np.clip(np.fromiter(found, float, len(sentences)), 0, 1)


def _distinct(evidence: Sequence[Evidence], limit: int) -> list[Evidence]:
    """The first `limit` that do not repeat one before them."""
    chosen: list[Evidence] = []
    for candidate in evidence:
        if len(chosen) == limit:
            break
        if not any(_repeats(candidate.quote, e.quote) for e in chosen):
            chosen.append(candidate)
    return chosen


def _repeats(one: str, other: str) -> bool:
    ones, others = set(words(one)), set(words(other))
    return len(ones & others) > _REPEATS * min(len(ones), len(others))
