"""How likely it is that the papers found answer a question, from a few signals one can read.

A logistic model over signals that a search gives anyway, fitted by `python -m eval.train`.
`docs/evaluation.md` says what each threshold refuses and what it costs.
"""

import math
from typing import NamedTuple

from footnote.rag.answering.weights import load_weights

_FITTED = load_weights("confidence")
# By hand: nothing comes near a question whose best paper scores less, as `hello`; none of the
# questions fitted to is like that, and the fit gave 0.
_NEAR, _FAR_OFF = 0.27, -2.0
GOOD = frozenset({"lead", "likeness"})
"""Features of which more raises the confidence; the others lower it."""
# A word that is asked for is in a paper, or something like it is, when its tokens match this well.
SAID = 0.5


class Signals(NamedTuple):
    """What tells an answerable question from another."""

    standing: float
    """Score of the best paper, in [0, 1]."""
    lead: float
    """How far it is ahead of the mean of the next five, in [0, 1]."""
    likeness: float
    """Largest cosine of a chosen sentence to the question, in [0, 1]."""
    unmatched: float
    """How badly the best paper matches the question's words, by rarity, in [0, 1.5]: 0 is well."""
    missed: float
    """How badly the worst matched word is, in [0, 1.6]; 0 is well, or none of the best papers is
    named: in other words than the papers' much is matched badly, though it is there."""
    unknown_names: tuple[str, ...]
    """Names that the question has and no paper mentions."""
    absent_name: bool
    """Whether it has a name that none of the best papers mentions."""
    unheard_of: tuple[str, ...]
    """Its unusual words that no paper has, nor the best one anything like them."""
    unstated: str | None
    """What it wants stated and the best papers do not state: `watts`, `learning rate`."""


def confidence(signals: Signals) -> float:
    """Probability that the papers answer, in (0, 1), if half of all questions were answerable."""
    fitted = sum(_FITTED[name] * value for name, value in features(signals).items())
    return 1 / (1 + math.exp(-fitted - set_by_hand(signals) - _FITTED["bias"]))


def features(signals: Signals) -> dict[str, float]:
    """What the fitted weights are for, by name."""
    return {
        "lead": signals.lead,
        "likeness": signals.likeness,
        "unmatched": signals.unmatched,
        "missed": signals.missed,
        "unknown_name": float(bool(signals.unknown_names)),
        "absent_name": float(signals.absent_name),
        "unheard_of": float(bool(signals.unheard_of)),
        "unstated": float(signals.unstated is not None),
    }


def set_by_hand(signals: Signals) -> float:
    """What is added to the logit with no fitted weight."""
    return _FAR_OFF * (signals.standing < _NEAR)
