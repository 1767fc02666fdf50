"""How likely it is that the papers found answer a question, from a few signals one can read.

A logistic model over eight signals, fitted to questions over three corpora: those that the papers
answer, those that they do not, and those that they would not if the right papers were taken out;
and to questions of other fields and small talk. `docs/evaluation.md` says what each threshold
refuses and what it costs.
"""

import math
from typing import NamedTuple

# Fitted by maximum likelihood, answerable and unanswerable weighing alike; AUROC on the questions
# of a writer who was left out 0.85 to 0.97, on those of one who wrote for near misses 0.67.
_LEAD, _LIKENESS, _UNMATCHED, _BIAS = 8.1, 3.0, -12.2, -1.25
_ABSENT, _UNHEARD_OF, _UNSTATED, _LACKS = -2.0, -1.25, -3.4, -9.6
# More than the -0.25 that was fitted: to answer about another thing than was named is worse.
_UNKNOWN = -1.0
# Nothing comes near a question whose best paper scores less, as `hello`.
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
    unknown_names: tuple[str, ...]
    """Names that the question has and no paper mentions."""
    absent_name: bool
    """Whether it has a name that none of the best papers mentions."""
    unheard_of: tuple[str, ...]
    """Its unusual words that no paper has, nor the best one anything like them."""
    unstated: str | None
    """What it wants stated and the best papers do not state: `watts`, `learning rate`."""
    asked_for: float | None
    """How well the best papers match the thing asked for (`watts`), in [-1, 1].

    None when the question asks for no particular thing, or names no paper that was found: in
    other words than the papers' it is matched badly, though it is there.
    """


def confidence(signals: Signals) -> float:
    """Probability that the papers answer, in (0, 1), if half of all questions were answerable."""
    lacks = 0.0 if signals.asked_for is None else max(0.0, SAID - signals.asked_for)
    logit = (
        _LEAD * signals.lead
        + _LIKENESS * signals.likeness
        + _UNMATCHED * signals.unmatched
        + _UNKNOWN * bool(signals.unknown_names)
        + _ABSENT * signals.absent_name
        + _UNHEARD_OF * bool(signals.unheard_of)
        + _UNSTATED * (signals.unstated is not None)
        + _LACKS * lacks
        + _FAR_OFF * (signals.standing < _NEAR)
        + _BIAS
    )
    return 1 / (1 + math.exp(-logit))


def is_lacking(signals: Signals) -> bool:
    """Whether what is asked for is what the papers do not say."""
    return signals.asked_for is not None and signals.asked_for < SAID
