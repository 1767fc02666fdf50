"""Find papers by vectors and by words, and fuse the scores of both."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import fsum
from typing import Protocol

from footnote.rag.core.errors import EmbeddingError
from footnote.rag.core.stages import stage
from footnote.rag.index.chunking import paper_of_chunk, place_of_chunk
from footnote.rag.index.query import Query
from footnote.rag.retrieval.found import Found

Scores = Mapping[str, float]
Fusion = Callable[[Scores, Scores], list[tuple[str, float]]]
"""Scores by vectors and by words, by paper id, to all papers with one score, best first."""


class VectorSearch(Protocol):
    """A search of all sentences by their vectors."""

    def nearest(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> list[tuple[str, float]]:
        """Find the nearest chunks: their ids and cosines, best first, at most `depth`.

        Those of the papers in `only` alone, where that is given.
        """
        ...


class WordSearch(Protocol):
    """A search of all papers by their words."""

    def search(
        self, question: str, *, depth: int, only: frozenset[str] | None = None
    ) -> list[tuple[str, float]]:
        """Find papers that share words with a question: ids and scores in (0, 1], best first.

        Of the papers in `only` alone, where that is given; at most `depth`.
        """
        ...


class HybridRetriever:
    """Finds papers with the best passage of each, scored by vectors and words together."""

    def __init__(self, vectors: VectorSearch, words: WordSearch, *, depth: int, fuse: Fusion):
        self._vectors = vectors
        self._words = words
        self._depth = depth
        self._fuse = fuse

    def retrieve(self, query: Query) -> list[Found]:
        """Find papers, each once, best first.

        Raises:
            EmbeddingError: The query's vector cannot be compared with any.
        """
        words = dict(self._by_words(query))
        passages = best_passages(self._by_vectors(query))
        vectors = {paper_id: cosine for paper_id, (_, cosine) in passages.items()}
        found: list[Found] = []
        for paper_id, score in self._fuse(vectors, words):
            told = {"vectors": vectors.get(paper_id), "words": words.get(paper_id)}
            signals = {name: value for name, value in told.items() if value is not None}
            passage, _ = passages.get(paper_id, (None, 0.0))
            place = place_of_chunk(passage) if passage else None
            found.append(Found(paper_id, score, place, signals))
        return found

    @stage("words")
    def _by_words(self, query: Query) -> list[tuple[str, float]]:
        return self._words.search(query.text, depth=self._depth, only=query.only)

    @stage("vectors")
    def _by_vectors(self, query: Query) -> list[tuple[str, float]]:
        if not all(map(math.isfinite, query.vector)):
            raise EmbeddingError("the embedder returned a vector that is not finite")
        return self._vectors.nearest(query.vector, depth=self._depth, only=query.only)


def best_passages(chunks: Iterable[tuple[str, float]]) -> dict[str, tuple[str, float]]:
    """Choose the best chunk of each paper; return it with its score, by paper id.

    Args:
        chunks: Ids of chunks with their scores, best first.

    Returns:
        In the order of `chunks`.
    """
    best: dict[str, tuple[str, float]] = {}
    for chunk, score in chunks:
        best.setdefault(paper_of_chunk(chunk), (chunk, score))
    return best


def fuse_scores(vectors: Scores, words: Scores, *, weight: float) -> list[tuple[str, float]]:
    """Add two sets of scores by weight, each on its own absolute scale.

    A paper that the words did not find has none of them: 0. One that the vectors did not find lies
    below all that they found, so it is given the least of those. Scores are not stretched to what
    was found: that would make the best of a bad lot look as good as the best of a good one, and it
    measured worse on three data sets (`docs/experiments.md`).

    Args:
        vectors: Cosines by id, in [-1, 1]; negative ones count as 0.
        words: Scores by id, in [0, 1].
        weight: Share of the vectors: from 0, `words` alone, to 1, `vectors` alone.

    Returns:
        Every id with its score in [0, 1], best first; ties go to the smaller id.
    """
    least = min(vectors.values(), default=0.0)
    return _best_first(
        {
            key: weight * min(max(vectors.get(key, least), 0.0), 1.0)
            + (1 - weight) * words.get(key, 0.0)
            for key in {*vectors, *words}
        }
    )


def fuse_ranks(one: Scores, other: Scores, *, k: int = 60) -> list[tuple[str, float]]:
    """Merge two sets of scores by reciprocal rank (Cormack et al., 2009).

    An id scores the sum of 1 / (k + rank) over the sets that hold it, with rank counted from 1 in
    the order of the scores, ties by id; of the scores themselves nothing else is read. The sum is
    given as a share of the most there can be, 2 / (k + 1).

    Returns:
        Every id with its score in (0, 1], best first; ties go to the smaller id.

    Raises:
        ValueError: `k` is below 1.
    """
    if k < 1:
        raise ValueError(f"`k` must be at least 1, got {k}")
    shares: defaultdict[str, list[float]] = defaultdict(list)
    for scores in (one, other):
        for rank, (key, _) in enumerate(_best_first(scores), start=1):
            shares[key].append(1 / (k + rank))
    # fsum, not sum: a float sum depends on the order of its terms, which breaks ties at random.
    most = 2 / (k + 1)
    return _best_first({key: min(fsum(terms) / most, 1.0) for key, terms in shares.items()})


def only_vectors(vectors: Scores, _words: Scores) -> list[tuple[str, float]]:
    """Order papers by their vectors alone; negative cosines score 0."""
    return _best_first({key: min(max(score, 0.0), 1.0) for key, score in vectors.items()})


def only_words(_vectors: Scores, words: Scores) -> list[tuple[str, float]]:
    """Order papers by their words alone, those that share some; scores in [0, 1]."""
    return _best_first(words)


def _best_first(scores: Scores) -> list[tuple[str, float]]:
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
