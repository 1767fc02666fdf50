"""Fuse what was found for a question with what was found for searches beside it."""

from collections.abc import Sequence
from math import fsum

from footnote.rag.retrieval.found import Found, best_first

# Share of the searches beside a question. With 60 questions a fifth gave most of what more gives,
# and of what the question itself finds nothing was lost, however bad half of the searches were
# (`docs/experiments.md`).
_WEIGHT = 0.2
_SIGNAL = "beside the question"


def fuse_queries(own: Sequence[Found], beside: Sequence[Sequence[Found]]) -> list[Found]:
    """Add the mean score by the searches beside a question to its own, by weight.

    A paper that a search did not find lies below all that it found, so it is given the least score
    of those. So one bad search can move little, and scores keep their scale.

    Args:
        own: Papers as they were found for the question itself.
        beside: As they were found for each of the other searches.

    Returns:
        Every paper, best first; ties go to the smaller id. Each has the passage that was found for
        the question, if any.
    """
    searches = [{each.paper_id: each for each in found} for found in (own, *beside)]
    least = [min((each.score for each in by_id.values()), default=0.0) for by_id in searches]
    papers = {paper_id: each for by_id in reversed(searches) for paper_id, each in by_id.items()}
    fused: list[Found] = []
    for paper_id, each in papers.items():
        scores = [
            by_id[paper_id].score if paper_id in by_id else low
            for by_id, low in zip(searches, least, strict=True)
        ]
        mean = fsum(scores[1:]) / len(beside)
        score = (1 - _WEIGHT) * scores[0] + _WEIGHT * mean
        fused.append(each.scored(score, **{_SIGNAL: mean}))
    return best_first(fused)
