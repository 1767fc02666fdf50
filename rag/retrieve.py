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
        words = {n.node.node_id: n for n in self._lexical.retrieve(query_bundle)}
        passages = best_passages(self._dense.retrieve(query_bundle))
        by_words = {paper_id: node.get_score() for paper_id, node in words.items()}
        by_vectors = {paper_id: node.get_score() for paper_id, node in passages.items()}
        # A paper found by its words alone has no passage yet.
        nodes = {paper_id: node.node for paper_id, node in {**words, **passages}.items()}
        for paper_id, node in nodes.items():
            found = {"vectors": by_vectors.get(paper_id), "words": by_words.get(paper_id)}
            node.metadata["signals"] = {k: s for k, s in found.items() if s is not None}
        return [
            NodeWithScore(node=nodes[paper_id], score=score)
            for paper_id, score in self._fuse(by_vectors, by_words)
        ]


def best_passages(chunks: list[NodeWithScore]) -> dict[str, NodeWithScore]:
    """The best chunk of each paper, by paper id, in the order of `chunks`, which is best first."""
    best: dict[str, NodeWithScore] = {}
    for chunk in chunks:
        best.setdefault(chunk.node.metadata["paper_id"], chunk)
    return best


def fuse_scores(vectors: Scores, words: Scores, *, weight: float) -> list[tuple[str, float]]:
    """Weighted sum of two sets of scores, each on its own absolute scale.

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
    """The order of the vectors alone; negative cosines score 0."""
    return _best_first({key: min(max(score, 0.0), 1.0) for key, score in vectors.items()})


def only_words(_vectors: Scores, words: Scores) -> list[tuple[str, float]]:
    """The order of the words alone, over the papers that share some; scores in [0, 1]."""
    return _best_first(words)


def _best_first(scores: Scores) -> list[tuple[str, float]]:
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
