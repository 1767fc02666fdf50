"""Find the nearest sentences of more papers than can all be compared: papers first.

Chroma has a row a paper, the mean of its sentences. What is nearest among those is not certain, but
the sentences of the papers that it gives are then compared one by one.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from llama_index.core.schema import QueryBundle

from footnote.rag.core.records import Paper
from footnote.rag.index.chroma import CosineChroma, ShardedChroma
from footnote.rag.index.dense import DenseIndex

# Chroma's hosted servers give no more a query. Of 5,183 abstracts they hold 99.97% of the nearest
# ten sentences and 97% of the nearest 200 (`docs/experiments.md`).
_CANDIDATES = 300
# Papers up to which all their sentences are compared. Of 100,000 papers Chroma takes 70 ms to
# search among 1,000 that it is told, and their sentences are found and compared in less.
_NAMED = 1_000


class TwoStageSearch:
    """Finds sentences among those of the papers whose means are nearest."""

    def __init__(self, papers: CosineChroma | ShardedChroma, sentences: DenseIndex):
        """Look for papers in one, and for sentences in the other."""
        self._papers = papers
        self._sentences = sentences

    def like(self, paper_id: str) -> list[str]:
        """Return the ids of the papers whose means are nearest to that of one, if it is here."""
        rows = self._papers.rows([paper_id])
        near = [self._papers.nearest(row.vector.tolist(), depth=_CANDIDATES) for row in rows]
        return [found for found, _ in near[0]] if near else []

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
            near = self._papers.nearest(vector, depth=_CANDIDATES, only=only)
            only = frozenset(paper_id for paper_id, _ in near)
        return self._sentences.nearest(vector, depth=depth, only=only)

    def sentence_scores(
        self, query: QueryBundle, papers: Sequence[Paper]
    ) -> Mapping[str, np.ndarray]:
        """Return cosines of sentences to a question; see `DenseIndex.sentence_scores`."""
        return self._sentences.sentence_scores(query, papers)
