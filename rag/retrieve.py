"""Find papers: vectors and words, fused."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from math import fsum

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from rag.lexical import LexicalRetriever
from rag.store import DenseRetriever

Scores = Mapping[str, float]
Fusion = Callable[[Scores, Scores], list[tuple[str, float]]]
"""Scores by vectors and by words, by paper id, to all papers with one score, best first."""


class HybridRetriever(BaseRetriever):
    """One node a paper: its best passage, scored by vectors and words together, best first."""

    def __init__(self, dense: DenseRetriever, lexical: LexicalRetriever, *, fuse: Fusion):
        super().__init__()
        self._dense = dense
        self._lexical = lexical
        self._fuse = fuse

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        by_words = {n.node.node_id: n.get_score() for n in self._lexical.retrieve(query_bundle)}
        passages = best_passages(self._dense.retrieve(query_bundle))
        # Papers found by their words alone still need a passage, and their place among vectors.
        if unplaced := [paper_id for paper_id in by_words if paper_id not in passages]:
            passages |= best_passages(self._dense.search(query_bundle, paper_ids=unplaced))
        by_vectors = {paper_id: node.get_score() for paper_id, node in passages.items()}
        fused = self._fuse(by_vectors, by_words)
        for paper_id, node in passages.items():
            signals = {"vectors": by_vectors[paper_id], "words": by_words.get(paper_id, 0.0)}
            node.node.metadata["signals"] = signals
        return [
            NodeWithScore(node=passages[paper_id].node, score=score)
            for paper_id, score in fused
            if paper_id in passages
        ]


def best_passages(chunks: list[NodeWithScore]) -> dict[str, NodeWithScore]:
    """The best chunk of each paper, by paper id, in the order of `chunks`, which is best first."""
    best: dict[str, NodeWithScore] = {}
    for chunk in chunks:
        best.setdefault(chunk.node.metadata["paper_id"], chunk)
    return best


def fuse_scores(one: Scores, other: Scores, *, weight: float) -> list[tuple[str, float]]:
    """Weighted sum of two sets of scores, each stretched to [0, 1] by its least and largest.

    What one set lacks counts as its least. Measured better than fusing by rank: a rank hides how
    far ahead the first is (`docs/experiments.md`).

    Args:
        one: Scores by id, of any range; `weight` is its share.
        other: Scores by id, of any range.
        weight: From 0, `other` alone, to 1, `one` alone.

    Returns:
        Every id with its score in [0, 1], best first; ties go to the smaller id.
    """
    ones, others = _stretched(one), _stretched(other)
    return _best_first(
        {
            key: weight * ones.get(key, 0.0) + (1 - weight) * others.get(key, 0.0)
            for key in {*one, *other}
        }
    )


def fuse_ranks(one: Scores, other: Scores, *, k: int = 60) -> list[tuple[str, float]]:
    """Merge two sets of scores by reciprocal rank (Cormack et al., 2009).

    An id scores the sum of 1 / (k + rank) over the sets that hold it, with rank counted from 1 in
    the order of the scores, ties by id; of the scores themselves nothing else is read.

    Returns:
        Every id with its score in (0, 2 / (k + 1)], best first; ties go to the smaller id.

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
    return _best_first({key: fsum(terms) for key, terms in shares.items()})


def only_vectors(vectors: Scores, _words: Scores) -> list[tuple[str, float]]:
    """The order of the vectors alone; scores stretched to [0, 1]."""
    return _best_first(_stretched(vectors))


def only_words(_vectors: Scores, words: Scores) -> list[tuple[str, float]]:
    """The order of the words alone, over the papers that share some; scores in [0, 1]."""
    return _best_first(_stretched(words))


def _stretched(scores: Scores) -> dict[str, float]:
    """Scores mapped to [0, 1]; all 1 when they are all equal."""
    if not scores:
        return {}
    least, largest = min(scores.values()), max(scores.values())
    spread = largest - least
    return {key: (s - least) / spread if spread else 1.0 for key, s in scores.items()}


def _best_first(scores: Scores) -> list[tuple[str, float]]:
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
