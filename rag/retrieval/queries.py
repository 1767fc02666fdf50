"""Fuse what was found for a question with what was found for searches beside it."""

from collections.abc import Sequence
from math import fsum

from llama_index.core.schema import NodeWithScore

# Share of the searches beside a question. With 60 questions a fifth gave most of what more gives,
# and of what the question itself finds nothing was lost, however bad half of the searches were
# (`docs/experiments.md`).
_WEIGHT = 0.2
_SIGNAL = "beside the question"


def fuse_queries(
    own: Sequence[NodeWithScore], beside: Sequence[Sequence[NodeWithScore]]
) -> list[NodeWithScore]:
    """Add the mean score by the searches beside a question to its own, by weight.

    A paper that a search did not find lies below all that it found, so it is given the least score
    of those. So one bad search can move little, and scores keep their scale.

    Args:
        own: Papers, one node each, as they were found for the question itself.
        beside: As they were found for each of the other searches.

    Returns:
        Every paper, best first; ties go to the smaller id. Each has the passage that was found for
        the question, if any.
    """
    found = [_by_paper(nodes) for nodes in (own, *beside)]
    least = [min((node.get_score() for node in nodes.values()), default=0.0) for nodes in found]
    nodes = {paper_id: node for by_paper in reversed(found) for paper_id, node in by_paper.items()}
    fused: list[NodeWithScore] = []
    for paper_id, node in nodes.items():
        scores = [
            by_paper[paper_id].get_score() if paper_id in by_paper else low
            for by_paper, low in zip(found, least, strict=True)
        ]
        mean = fsum(scores[1:]) / len(beside)
        node.node.metadata.setdefault("signals", {})[_SIGNAL] = mean
        score = (1 - _WEIGHT) * scores[0] + _WEIGHT * mean
        fused.append(NodeWithScore(node=node.node, score=score))
    return sorted(fused, key=lambda node: (-node.get_score(), node.node.metadata["paper_id"]))


def _by_paper(nodes: Sequence[NodeWithScore]) -> dict[str, NodeWithScore]:
    return {node.node.metadata["paper_id"]: node for node in nodes}
