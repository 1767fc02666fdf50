"""How likely it is that the papers found answer a question, from a few signals one can read.

A logistic model over eight signals, fitted to questions over two corpora: those that the papers
answer, those that they do not, and those that they would not if the right papers were taken out;
and to questions of other fields and small talk. `docs/evaluation.md` says what each threshold
refuses and what it costs.
"""

import math
from typing import NamedTuple

# Fitted by maximum likelihood, answerable and unanswerable weighing alike; cross-validated AUROC
# 0.88, of a model of sixteen signals no more (docs/experiments.md).
_STANDING, _LEAD, _LIKENESS, _UNMATCHED, _BIAS = 1.83, 7.26, 3.06, -13.9, -1.95
# More than the -1.97 that was fitted: to answer about another thing than was named is worse.
_UNKNOWN, _ABSENT, _UNSTATED, _LACKS = -3.0, -2.06, -5.5, -25.0
# Nothing comes near a question whose best paper scores less, as `hello`; of 411 answerable ones 4
# have such a paper, and none of them is refused for it.
_NEAR, _FAR_OFF = 0.27, -2.0
# A word that is asked for is in a paper, or something like it is, when its piece matches this well.
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
    unknown_name: bool
    """Whether the question names something that no paper mentions."""
    absent_name: bool
    """Whether it has rare names, and the best papers mention none of them."""
    unstated: str | None
    """What it wants a quantity of, in units that the best papers do not state (`watts`)."""
    asked_for: float | None
    """How well the best papers match the thing asked for (`watts`), in [-1, 1].

    None when the question asks for no particular thing, or names no paper that was found: in
    other words than the papers' it is matched badly, though it is there.
    """


def confidence(signals: Signals) -> float:
    """Probability that the papers answer, in (0, 1), if half of all questions were answerable."""
    lacks = 0.0 if signals.asked_for is None else max(0.0, SAID - signals.asked_for)
    logit = (
        _STANDING * signals.standing
        + _LEAD * signals.lead
        + _LIKENESS * signals.likeness
        + _UNMATCHED * signals.unmatched
        + _UNKNOWN * signals.unknown_name
        + _ABSENT * signals.absent_name
        + _UNSTATED * (signals.unstated is not None)
        + _LACKS * lacks
        + _FAR_OFF * (signals.standing < _NEAR)
        + _BIAS
    )
    return 1 / (1 + math.exp(-logit))


def is_lacking(signals: Signals) -> bool:
    """Whether what is asked for is what the papers do not say."""
    return signals.asked_for is not None and signals.asked_for < SAID
