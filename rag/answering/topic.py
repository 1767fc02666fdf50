"""Choose which of the papers found are about a topic, for surveys and reports."""

from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np

from footnote.rag.core.records import Hit

VectorsOf = Callable[[Sequence[str]], np.ndarray]
"""Gives what papers are about as a whole, by their ids: float32, (n, width), zeros for unknown."""

# A paper is on topic from this far on the way from the background up to the best: by its own score,
# and by that which its likeness to the best few has raised. Chosen on 261 judged requests.
_OWN, _DRAWN = 0.5, 0.55
# One that says most of a topic's words, by how rare they are, is on it from less far on: of those
# added so 0.71 belong, of 40 topics that were typed in few words; few others say so much of theirs.
_SAYS, _SAYING = 0.7, 0.3
# How much likeness to the best few counts beside the score, and how many they are: weights from 0.1
# to 0.3, and 3, 5 or 8 of them, do about as well.
_WEIGHT, _BEST = 0.2, 5
# The least share of one of the best few in what they are about together.
_LEAST = 0.01


def on_topic(
    hits: Sequence[Hit], vectors: VectorsOf | None = None, said: Sequence[float] = ()
) -> list[Hit]:
    """Return the papers that are about what was asked, best first.

    These are the ones nearer to the best than to the background, which is what the worse half of
    the papers found score. A paper that says in other words what the best few say is drawn up to
    them (pseudo relevance feedback; Rocchio, 1971).

    Args:
        hits: Best first; none for none.
        vectors: Gives what papers are about as a whole; None to go by their scores alone.
        said: How much of the topic's words each paper says, in [0, 1]; empty where that tells
            nothing.
    """
    if not hits:
        return []
    scores = np.array([hit.score for hit in hits])
    likeness = _likeness(scores, vectors([hit.paper.paper_id for hit in hits])) if vectors else None
    least = _OWN
    if likeness is not None:
        scores, least = scores + _WEIGHT * likeness, _DRAWN
    order = np.argsort(-scores, kind="stable").tolist()
    background = fmean(scores[order[len(order) // 2 :]].tolist())
    ahead = scores[order[0]] - background
    floors = [_SAYING if share >= _SAYS else least for share in said] or [least] * len(hits)
    return [hits[at] for at in order if scores[at] >= background + floors[at] * ahead]


def _likeness(scores: np.ndarray, vectors: np.ndarray) -> np.ndarray | None:
    """Return how like each paper is to the best few others, weighed by their scores.

    What the better half have in common, which is mostly the field that all papers are of, does not
    count.

    Returns:
        In [-1, 1]; float, (n,). None where nothing is known of the papers.
    """
    is_known: np.ndarray = np.any(vectors, axis=1)
    if not is_known.any():
        return None
    half = max(1, len(scores) // 2)
    better = vectors[:half][is_known[:half]]
    common = better.mean(axis=0) if len(better) else np.float32(0)
    apart = (vectors - common) * is_known[:, None]
    apart /= np.linalg.norm(apart, axis=1, keepdims=True).clip(1e-6)
    background = scores[half:].mean() if len(scores) > half else 0.0
    shares = np.maximum(scores[:_BEST] - background, _LEAST)
    weights = np.tile(shares, (len(scores), 1))
    np.fill_diagonal(weights, 0)  # a paper is like itself
    total = weights.sum(axis=1)
    return (apart @ apart[:_BEST].T * weights).sum(axis=1) / np.where(total > 0, total, 1)
