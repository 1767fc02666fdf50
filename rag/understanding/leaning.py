"""Judge if a line of a conversation leans on what was said before it, or stands alone.

What the words of a line tell of that (`reader`) is not enough: `HybridFlow throughput?` leans on
nothing when another paper is about HybridFlow. A logistic model joins it to what a search gives.
`python -m footnote.eval.train_leaning` fits it, and writes its card.
"""

import json
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

FILE = Path(__file__).parent / "weights" / "leaning.json"
# Of lines that lean and lines that do not, about as many are taken for the others.
_LEAST = 0.4


class Leaning(NamedTuple):
    """What tells if a line leans; the best paper is the one found for the line as it stands."""

    odds: float
    """Log-odds that it stands alone and is no follow-up, by its words."""
    in_title: float
    """Rarity of the rarest word, in [0, 1], that it has and those said before lack, and that the
    title of the best paper has."""
    in_abstract: float
    """Sum of the rarity of all such words that the abstract of the best paper has."""
    rarest: float
    """Rarity of the rarest word that it has and those said before lack, in [0, 1]."""
    is_said: float
    """1 where the best paper is one that was cited before, 0 for another."""
    ahead: float
    """How far the best paper is ahead of those that were cited before, in [0, 1]."""
    above: float
    """How far its score is above that of the best paper for the line with what it would lean on, in
    [-1, 1]."""


def leans(leaning: Leaning, weights: Mapping[str, float] | None = None) -> bool:
    """Return True if a line leans on what was said before it.

    Args:
        leaning: What tells.
        weights: By the names of its fields, and `bias`; the fitted ones when not given.
    """
    weights = weights or _fitted()
    logit = sum(weights[name] * value for name, value in leaning._asdict().items())
    return 1 / (1 + math.exp(-logit - weights["bias"])) >= _LEAST


@cache
def _fitted() -> dict[str, float]:
    return json.loads(FILE.read_text(encoding="utf-8"))["weights"]
