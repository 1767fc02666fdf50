"""Find papers: vectors and words, fused by their scores."""

from collections.abc import Mapping

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from rag.lexical import LexicalRetriever
from rag.store import DenseRetriever


class HybridRetriever(BaseRetriever):
    """One node a paper: its best passage, scored by vectors and BM25 together, best first."""

    def __init__(self, dense: DenseRetriever, lexical: LexicalRetriever, *, dense_weight: float):
        super().__init__()
        self._dense = dense
        self._lexical = lexical
        self._dense_weight = dense_weight

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        by_words = {n.node.node_id: n.get_score() for n in self._lexical.retrieve(query_bundle)}
        passages = best_passages(self._dense.retrieve(query_bundle))
        # Papers found by their words alone still need a passage, and their place among vectors.
        if unplaced := [paper_id for paper_id in by_words if paper_id not in passages]:
            passages |= best_passages(self._dense.search(query_bundle, paper_ids=unplaced))
        by_vectors = {paper_id: node.get_score() for paper_id, node in passages.items()}
        fused = fuse_scores(by_vectors, by_words, weight=self._dense_weight)
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


def fuse_scores(
    one: Mapping[str, float], other: Mapping[str, float], *, weight: float
) -> list[tuple[str, float]]:
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
    fused = {
        key: weight * ones.get(key, 0.0) + (1 - weight) * others.get(key, 0.0)
        for key in {*one, *other}
    }
    return sorted(fused.items(), key=lambda item: (-item[1], item[0]))


def _stretched(scores: Mapping[str, float]) -> dict[str, float]:
    """Scores mapped to [0, 1]; all 1 when they are all equal."""
    if not scores:
        return {}
    least, largest = min(scores.values()), max(scores.values())
    spread = largest - least
    return {key: (s - least) / spread if spread else 1.0 for key, s in scores.items()}
