"""Find the nearest sentences of more papers than can all be compared: papers first.

Chroma has a row a paper, the mean of its sentences. What is nearest among those is not certain, but
the sentences of the papers that it gives are then compared one by one.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from footnote.rag.core.records import Paper
from footnote.rag.index.query import Query

# Chroma's hosted servers give no more a query. Of 5,183 abstracts they hold 99.97% of the nearest
# ten sentences and 97% of the nearest 200 (`docs/experiments.md`).
CANDIDATES = 300
"""Papers whose sentences are compared."""
# Papers up to which all their sentences are compared. Of 100,000 papers Chroma takes 70 ms to
# search among 1,000 that it is told, and their sentences are found and compared in less.
_NAMED = 1_000


class Nearest(Protocol):
    """Finds what is nearest to a vector: ids with cosines, best first, at most `depth`."""

    def __call__(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> list[tuple[str, float]]:
        """Find it among the papers in `only`; None for all."""
        ...


class Sentences(Protocol):
    """The vectors of all sentences; see `DenseIndex`."""

    @property
    def nearest(self) -> Nearest:
        """Finds sentences."""
        ...

    def sentence_scores(self, query: Query, papers: Sequence[Paper]) -> Mapping[str, np.ndarray]:
        """Return cosines of sentences to a question, by paper id."""
        ...


class TwoStageSearch:
    """Finds sentences among those of the papers whose means are nearest."""

    def __init__(self, nearest_papers: Nearest, sentences: Sentences):
        """Look for papers by the first, and for sentences in the second."""
        self._nearest_papers = nearest_papers
        self._sentences = sentences

    def nearest(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> list[tuple[str, float]]:
        """Find sentences near to a vector: ids with cosines, best first, at most `depth`.

        Args:
            vector: Of the index's dimension.
            depth: Sentences at most.
            only: Ids of the papers whose sentences are looked at; None for all. So few as are
                compared anyway are all compared.
        """
        if only is None or len(only) > _NAMED:
            near = self._nearest_papers(vector, depth=CANDIDATES, only=only)
            only = frozenset(paper_id for paper_id, _ in near)
        return self._sentences.nearest(vector, depth=depth, only=only)

    def sentence_scores(self, query: Query, papers: Sequence[Paper]) -> Mapping[str, np.ndarray]:
        """Return cosines of sentences to a question; see `DenseIndex.sentence_scores`."""
        return self._sentences.sentence_scores(query, papers)
