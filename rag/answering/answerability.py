"""Judge how likely it is that the papers found answer a question, from a few signals.

A logistic model over signals that a search gives anyway, fitted by `python -m eval.train`.
`docs/evaluation.md` says what each threshold refuses and what it costs.
"""

import math
from typing import NamedTuple

from footnote.rag.answering.weights import load_weights

_FITTED = load_weights("confidence")
# Set by hand: with a lower top score no paper is about the question, as for `hello`. None of the
# questions fitted to is like that, and the fit gave it no weight.
_LEAST_TOP_SCORE, _BESIDE_THE_POINT = 0.27, -2.0
POSITIVE_FEATURES = frozenset({"margin", "likeness"})
"""Features of which more raises the confidence; the others lower it."""
# A word of the question is in a paper, or one like it, when late interaction matches it this well.
SAID = 0.5


class Signals(NamedTuple):
    """What tells an answerable question from another."""

    top_score: float
    """Score of the top-1 paper, in [0, 1]."""
    margin: float
    """How far it is ahead of the mean of the next five, in [0, 1]."""
    likeness: float
    """Largest cosine of a chosen sentence to the question, in [0, 1]."""
    unmatched: float
    """How badly the top paper matches the question's words, by rarity, in [0, 1.5]: 0 is well."""
    missed: float
    """How badly the worst matched word is, in [0, 1.6]; 0 is well. Also 0 where the question names
    none of the top papers: said in other words, much is matched badly though it is there."""
    unknown_names: tuple[str, ...]
    """Names that the question has and no paper mentions."""
    absent_name: bool
    """True where it has a name that none of the top papers mentions."""
    unheard_of: tuple[str, ...]
    """Its unusual words that no paper has, nor the top one anything like them."""
    unstated: str | None
    """The type of answer it expects, where the top papers state none: `watts`, `learning rate`."""


def confidence(signals: Signals) -> float:
    """Return the probability that the papers answer, in (0, 1).

    It is fitted as if half of all questions were answerable.
    """
    fitted = sum(_FITTED[name] * value for name, value in features(signals).items())
    return 1 / (1 + math.exp(-fitted - set_by_hand(signals) - _FITTED["bias"]))


def features(signals: Signals) -> dict[str, float]:
    """Return the features that the fitted weights are for, by name."""
    return {
        "margin": signals.margin,
        "likeness": signals.likeness,
        "unmatched": signals.unmatched,
        "missed": signals.missed,
        "unknown_name": float(bool(signals.unknown_names)),
        "absent_name": float(signals.absent_name),
        "unheard_of": float(bool(signals.unheard_of)),
        "unstated": float(signals.unstated is not None),
    }


def set_by_hand(signals: Signals) -> float:
    """Return what is added to the logit with no fitted weight."""
    return _BESIDE_THE_POINT * (signals.top_score < _LEAST_TOP_SCORE)
