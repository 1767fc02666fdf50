"""Choose of a paper's own sentences those that stand in a row or a column: its idea, its result.

Two listwise models over the sentences of one paper, each fitted by `python -m
footnote.eval.train_ranking`: which shows what is asked of many papers, to marked surveys; and which
states the figure that people ask a paper for, to marked questions for a number.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from footnote.rag.answering.roles import Role
from footnote.rag.answering.sentences import Evidence
from footnote.rag.answering.weights import load_weights

# How far each is behind the best of its paper; so that all weights are of like size.
_BEHIND: Mapping[str, float] = {
    "late": 10.0,
    "likeness": 5.0,
    "coverage": 3.0,
}
_OF_ITSELF = (*Role, "quantity", "place", "begins", "ends", "length", "leans")
NAMES: Mapping[str, Sequence[str]] = {
    "shows": (*_OF_ITSELF, *_BEHIND, "answers"),
    "headline": _OF_ITSELF,
}
"""Of the features of each model."""
_LEAST = 1e-3
_EVEN = 0.5


def idea_of(own: Sequence[Evidence]) -> tuple[Evidence, float]:
    """Return the sentence with the idea of a paper, and how likely it shows what is asked.

    One that leads up to the idea has it only where all do.

    Args:
        own: All sentences of one paper that state something; at least one.
    """
    shown = shares("shows", own)
    best = max(own, key=lambda e: (not leads_up(e), e.chance(Role.IDEA) * shown[e.key]))
    return best, shown[best.key]


def leads_up(e: Evidence) -> bool:
    """Return True if a sentence tells what was there before the paper."""
    return e.chance(Role.BACKGROUND) + e.chance(Role.PROBLEM) > _EVEN


def likeliest_to_show(own: Sequence[Evidence]) -> Evidence:
    """Return the sentence of a paper that is likeliest to show what is asked; of at least one."""
    shown = shares("shows", own)
    return max(own, key=lambda e: shown[e.key])


def result_of(own: Sequence[Evidence]) -> Evidence:
    """Return the sentence with the result of a paper that people ask for; of at least one."""
    stated = shares("headline", own)
    return max(own, key=lambda e: stated[e.key])


def shares(head: str, own: Sequence[Evidence]) -> dict[tuple[str, int], float]:
    """Return how likely each of a paper's sentences is the one, by their keys; 1 together."""
    weights = load_weights(head)
    found = row_features(own, head) @ np.array([weights[name] for name in NAMES[head]])
    odds = np.exp(found - found.max())
    return {e.key: float(share) for e, share in zip(own, odds / odds.sum(), strict=True)}


def row_features(own: Sequence[Evidence], head: str) -> np.ndarray:
    """Return what tells which of a paper's sentences is the one; float, (n, n_names)."""
    score = np.clip([e.score for e in own], _LEAST, 1 - _LEAST)
    roles = np.log(np.clip([e.roles for e in own], _LEAST, 1)).T
    known = dict(zip(Role, roles, strict=True)) | {
        "leans": np.array([e.leans for e in own], float),
        "answers": _behind(np.log(score / (1 - score))),
    }
    columns = [known[name] if name in known else _feature(own, name) for name in NAMES[head]]
    return np.array(columns).T


def _feature(own: Sequence[Evidence], name: str) -> np.ndarray:
    values = np.array([e.features.get(name, 0.0) for e in own])
    return _BEHIND[name] * _behind(values) if name in _BEHIND else values


def _behind(values: np.ndarray) -> np.ndarray:
    return values - values.max()
