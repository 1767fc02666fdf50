"""Rank the sentences of the papers found by how likely they answer the question."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from math import fsum
from typing import NamedTuple, Protocol

import numpy as np

from footnote.rag.answering.interaction import KINDS, interaction_scores
from footnote.rag.answering.roles import Role, roles_of
from footnote.rag.answering.weights import load_weights
from footnote.rag.core.records import Hit, Paper
from footnote.rag.core.request import Kind
from footnote.rag.core.text import Span, TermStatistics, words
from footnote.rag.index.query import Query
from footnote.rag.retrieval.found import SentenceSignal
from footnote.rag.understanding.encoder import encode, encode_sentences

# A number that is not part of a name: `1.91×`, `59%`, `8 GPUs`, not `LLaMA-2-70B`.
_QUANTITY = re.compile(r"(?<![\w.-])\d[\d,.]*(?:\s?[×%]|[xX]\b|[-–~]\d|(?![\w-]*[A-Za-z]))")
# What is crossed with the kind of the question: what tells of one kind need not of another.
_PLAIN = (
    "likeness",
    "behind_likeness",
    "late",
    "behind_late",
    "coverage",
    "late_asked",
    "behind_late_asked",
    "coverage_asked",
    "behind",
    "first_paper",
    "rank",
    "quantity",
    "place",
    "begins",
    "ends",
    "length",
    "late_before",
    "likeness_before",
    "late_after",
    "likeness_after",
)
# What answers these is told by what a sentence does in its abstract; of others it is not.
_TOLD_BY_ROLE = frozenset({Kind.EXPLANATION, Kind.DEFINITION})
# What reading word by word counts beside the linear weights. Those know numbers best: of 243 marked
# questions of writers held out 0.77 begin rightly by them alone, with half of the other 0.79, with
# all of it 0.82, and then some that are asked for a factor begin with a share.
_READ_WEIGHT = {Kind.NUMBER: 0.5}
# More than so many take longer than 50 ms to read.
_READ_AGAIN = 6
_CROSSED = ("quantity", "place", "late", "coverage", "behind_late")
_ROLES = tuple(Role)


class Vocabulary(TermStatistics, Protocol):
    """The words of the corpus: how rare each is, and which it lacks."""

    def knows(self, name: str, only: frozenset[str] | None = None) -> bool:
        """Return True if a paper, or one of these, mentions a name, or one spelled nearly so."""
        ...

    def is_misspelt(self, word: str) -> bool:
        """Return True if no paper has a word, but one has a word that is spelled nearly so."""
        ...


class LateInteractionSignal(Protocol):
    """A signal that compares token by token, and so can look at single words."""

    def scores_beside(
        self, query: Query, papers: Sequence[Paper], topic: Collection[str]
    ) -> tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]:
        """Return scores as a `SentenceSignal` does, and such as count the topic's words little.

        Args:
            query: The question.
            papers: Of which all sentences are scored.
            topic: Words, folded.
        """
        ...

    def word_scores(
        self, query: Query, asked: Sequence[str], papers: Sequence[Paper]
    ) -> Mapping[str, float]:
        """Return how well papers match words of the question, in [-1, 1], without unknown words."""
        ...


class Evidence(NamedTuple):
    """A sentence that speaks to the question, and how well."""

    paper: Paper
    number: int
    """Of the sentence in its abstract, from 0."""
    score: float
    """In [0, 1]: how likely it answers the question by itself."""
    belongs: float
    """In [0, 1]: how likely it belongs to the answer."""
    likeness: float
    """In [0, 1]: cosine of its vector to the question's."""
    roles: tuple[float, ...]
    """How likely it has each role, in the order of `Role`."""
    leans: bool
    """True where it cannot be understood without the sentence before it."""
    features: Mapping[str, float]
    """What its score is made of, by the names of the fitted weights."""
    answers: float | None = None
    """Log odds that it answers, read word by word; None where it was not read so."""

    @property
    def span(self) -> Span:
        """Where it is in the abstract."""
        return self.paper.sentences[self.number]

    @property
    def quote(self) -> str:
        """The sentence itself."""
        return self.paper.quote(self.span)

    def chance(self, role: Role) -> float:
        """Return how likely it has a role; in [0, 1]."""
        return self.roles[_ROLES.index(role)]

    @property
    def key(self) -> tuple[str, int]:
        """What no other sentence of the index has: its paper's id, and where it begins."""
        return self.paper.paper_id, self.span.start


class _Candidate(NamedTuple):
    hit: Hit
    rank: int
    """Of its paper, from 0."""
    number: int

    @property
    def quote(self) -> str:
        return self.hit.paper.quote(self.hit.paper.sentences[self.number])


class SentenceRanker:
    """Ranks sentences by weights that were fitted to questions with the sentences that answer."""

    def __init__(
        self, vectors: SentenceSignal, late: LateInteractionSignal, vocabulary: Vocabulary
    ):
        self._vectors = vectors
        self._late = late
        self._vocabulary = vocabulary

    def rank(
        self,
        query: Query,
        hits: Sequence[Hit],
        kind: Kind,
        topic: str = "",
        *,
        word_by_word: bool = True,
    ) -> list[Evidence]:
        """Rank every sentence of the papers that states something, best first.

        Args:
            query: The question, with its vector and its token embeddings.
            hits: The papers, best first.
            kind: Of the question.
            topic: What it is about; what it asks is in its other words.
            word_by_word: Read the likeliest sentences once more, word by word, for kinds that are
                answered by one.
        """
        candidates = [
            _Candidate(hit, rank, number)
            for rank, hit in enumerate(hits)
            for number, span in enumerate(hit.paper.sentences)
            if not hit.paper.quote(span).endswith("?")
        ]
        if not candidates:
            return []
        features = self.features(query, candidates, kind, topic)
        score, belongs = (_probability(head, features) for head in ("answers", "belongs"))
        answers: dict[int, float] = {}
        if word_by_word and kind in KINDS:
            score, answers = _read_again(query.text, candidates, score, kind)
        ranked: list[Evidence] = []
        for at in np.argsort(-score, kind="stable"):
            candidate = candidates[at]
            role = roles_of(candidate.hit.paper)[candidate.number]
            ranked.append(
                Evidence(
                    candidate.hit.paper,
                    candidate.number,
                    float(score[at]),
                    float(belongs[at]),
                    float(features["likeness"][at]),
                    role.probabilities,
                    role.leans,
                    {name: float(found[at]) for name, found in features.items()},
                    answers.get(int(at)),
                )
            )
        return ranked

    def features(
        self, query: Query, candidates: Sequence[_Candidate], kind: Kind, topic: str = ""
    ) -> dict[str, np.ndarray]:
        """Return what tells of each sentence if it answers, by name; float, (n,) each."""
        papers = list({c.hit.paper.paper_id: c.hit.paper for c in candidates}.values())
        by_vectors = self._vectors.sentence_scores(query, papers)
        # An embedder that gives no token embeddings has its vectors stand in for them.
        by_tokens, asked = (
            {**by_vectors, **found}
            for found in self._late.scores_beside(query, papers, frozenset(words(topic)))
        )
        likeness, late, late_asked = (
            _laid_out(scores, candidates) for scores in (by_vectors, by_tokens, asked)
        )
        last = np.array([len(c.hit.paper.sentences) - 1 for c in candidates])
        number = np.array([c.number for c in candidates])
        quotes = [c.quote for c in candidates]
        top = candidates[0].hit.score
        found = {
            "likeness": likeness,
            "behind_likeness": likeness.max() - likeness,
            "late": late,
            "behind_late": late.max() - late,
            "coverage": self._coverage(query.text, quotes),
            "late_asked": late_asked,
            "behind_late_asked": late_asked.max() - late_asked,
            "coverage_asked": self._coverage(query.text, quotes, topic),
            "behind": np.array([top - c.hit.score for c in candidates]),
            "first_paper": np.array([c.rank == 0 for c in candidates], float),
            "rank": np.array([c.rank for c in candidates], float),
            "quantity": np.array([bool(_QUANTITY.search(quote)) for quote in quotes], float),
            "place": number / np.maximum(last, 1),
            "begins": (number == 0).astype(float),
            "ends": (number == last).astype(float),
            "length": np.log([len(quote) for quote in quotes]),
        }
        for name, step in (("before", -1), ("after", 1)):
            found[f"late_{name}"] = _beside(by_tokens, candidates, step)
            found[f"likeness_{name}"] = _beside(by_vectors, candidates, step)
        found |= {f"{name} of {kind}": found[name] for name in _CROSSED}
        if kind in _TOLD_BY_ROLE:
            roles = np.array([roles_of(c.hit.paper)[c.number].probabilities for c in candidates])
            found |= {f"{role} of {kind}": roles[:, at] for at, role in enumerate(Role)}
        return found

    def _coverage(self, question: str, quotes: Sequence[str], topic: str = "") -> np.ndarray:
        """Return the share of the question's words beside a topic, by rarity, in each; (n,)."""
        terms = set(self._vocabulary.terms(question)) - set(self._vocabulary.terms(topic))
        weights = {t: self._vocabulary.idf(t) for t in terms}
        # fsum, not sum: the order of a set is another in every process.
        total = fsum(weights.values()) or 1.0
        said = (set(self._vocabulary.terms(quote)) for quote in quotes)
        return np.array([fsum(weights[t] for t in weights.keys() & own) / total for own in said])


def _read_again(
    question: str, candidates: Sequence[_Candidate], score: np.ndarray, kind: Kind
) -> tuple[np.ndarray, dict[int, float]]:
    """Read the best few word by word.

    Returns:
        The scores, those of the best few given to them in their new order where they have one, and
        the log odds that each of these answers, by its place.
    """
    best = np.argsort(-score, kind="stable")[:_READ_AGAIN]
    states = encode_sentences([candidates[at].quote for at in best])
    found = interaction_scores(encode(question).states, states, kind)
    weight = _READ_WEIGHT.get(kind, 1.0)
    order = np.argsort(-(weight * found.beside + _logit(score[best])), kind="stable")
    changed = score.copy()
    changed[best[order]] = score[best]
    return changed, dict(zip(best.tolist(), found.answers.tolist(), strict=True))


def _logit(chance: np.ndarray) -> np.ndarray:
    chance = np.clip(chance, 1e-6, 1 - 1e-6)
    return np.log(chance / (1 - chance))


def feature_names(kinds: Iterable[Kind]) -> list[str]:
    """Return the names of all features of questions of these kinds."""
    crossed = [
        f"{name} of {kind}"
        for kind in kinds
        for name in (*_CROSSED, *(Role if kind in _TOLD_BY_ROLE else ()))
    ]
    return [*_PLAIN, *crossed]


def _probability(head: str, features: Mapping[str, np.ndarray]) -> np.ndarray:
    weights = load_weights(head)
    logit = weights["bias"] + sum(weights.get(name, 0.0) * x for name, x in features.items())
    return 1 / (1 + np.exp(-np.asarray(logit)))


def _laid_out(scores: Mapping[str, np.ndarray], candidates: Sequence[_Candidate]) -> np.ndarray:
    """Return the score of each candidate in [0, 1], 0 where there is none; float, (n,)."""
    return _beside(scores, candidates, 0)


def _beside(
    scores: Mapping[str, np.ndarray], candidates: Iterable[_Candidate], step: int
) -> np.ndarray:
    """Return the score of the sentence so many places after each, 0 where there is none."""
    found: list[float] = []
    for c in candidates:
        own = scores.get(c.hit.paper.paper_id)
        there = c.number + step
        found.append(float(own[there]) if own is not None and 0 <= there < len(own) else 0.0)
    return np.clip(np.array(found), 0, 1)
