"""How likely it is that the papers found answer a question, from a few signals one can read.

A logistic model over six signals, fitted to the tune questions: those that the corpus answers,
those that it does not, and those that it would not if their papers were taken out of it; and to
questions of other fields and small talk. `docs/evaluation.md` says what each threshold refuses
and what it costs.
"""

import math
from typing import NamedTuple

# Fitted by maximum likelihood, answerable and unanswerable weighing alike; 0.95 AUROC on the tune
# questions, cross-validated. A model of fourteen signals did no better (docs/experiments.md).
_STANDING, _LEAD, _LIKENESS, _BIAS = 2.89, 10.3, 5.54, -3.59
_UNKNOWN, _ABSENT, _LACKS = -2.16, -2.23, -32.0
# A word that is asked for is in a paper, or something like it is, when its piece matches this well.
_SAID = 0.5


class Signals(NamedTuple):
    """What tells an answerable question from another."""

    standing: float
    """Score of the best paper, in [0, 1]."""
    lead: float
    """How far it is ahead of the mean of the next five, in [0, 1]."""
    likeness: float
    """Largest cosine of a chosen sentence to the question, in [0, 1]."""
    unknown_name: bool
    """Whether the question names something that no paper mentions."""
    absent_name: bool
    """Whether it has names, and the best paper mentions none of them."""
    asked_for: float | None
    """How well the best papers match the thing asked for (`watts`), in [-1, 1].

    None when the question asks for no particular thing, or names no paper that was found: in
    other words than the papers' it is matched badly, though it is there.
    """


def confidence(signals: Signals) -> float:
    """Probability that the papers answer, in (0, 1), if half of all questions were answerable."""
    lacks = 0.0 if signals.asked_for is None else max(0.0, _SAID - signals.asked_for)
    logit = (
        _STANDING * signals.standing
        + _LEAD * signals.lead
        + _LIKENESS * signals.likeness
        + _UNKNOWN * signals.unknown_name
        + _ABSENT * signals.absent_name
        + _LACKS * lacks
        + _BIAS
    )
    return 1 / (1 + math.exp(-logit))


def is_lacking(signals: Signals) -> bool:
    """Whether what is asked for is what the papers do not say."""
    return signals.asked_for is not None and signals.asked_for < _SAID
