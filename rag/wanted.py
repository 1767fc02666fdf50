"""The quantity that a question wants, and whether a text states one like it."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from rag.quantity import measure_of, quantities

_TIME = frozenset({"s", "month"})
_MONEY = frozenset({"$", "€", "£"})
_RELATIVE = frozenset({"x", "share", "points"})
_RATE = "/s"
# What can be asked for by its name, and what it is measured in.
_BY_NAME: tuple[tuple[re.Pattern[str], frozenset[str]], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), measures)
    for pattern, measures in (
        (r"\bpower (?:draw|consumption)\b", frozenset({"w", "mw"})),
        (r"\bhow much (?:energy|electricity)\b", frozenset({"j", "kwh"}) | _RELATIVE),
        (r"\bhow long (?:do|did|does|is|was|were|are|will|can|must|has|have)\b", _TIME),
        (r"\b(?:dose|dosage)\b", frozenset({"g"})),
        (r"\bhow much (?:do|did|does|would|will)\b[^,;]*\bcost\b|\bcost per\b", _MONEY),
        (r"\b\w+ per second\b|\b\w+/s(?:ec)?\b|\bfps\b", frozenset({_RATE})),
    )
)
# `in us` is no unit.
_IN_UNITS = re.compile(
    r"\b(?:how many|in|of) (?:US |U\.S\. )?([A-Za-z]{4,}|[mn]s|[kmgt]i?b|[mk]g|k[wm]h?)\b",
    re.IGNORECASE,
)
# `225 TFLOPs/s`, `30 FPS`, `5 tokens per second`.
_A_SECOND = re.compile(
    r"\d[^.]{0,30}?(?:/s(?:ec)?\b|\b(?:per|a|each) second\b|fps\b)", re.IGNORECASE
)


class Wanted(NamedTuple):
    """What an answer must state a quantity of."""

    words: str
    """As the question says it: `watts`, `power draw`."""
    measures: frozenset[str]
    """What fitting quantities measure (`rag.quantity`), or `/s` for a rate."""


def wanted(question: str) -> list[Wanted]:
    """The quantities that a question asks for by a unit or by what has one; often none.

    `How much faster`, `what speedup` and `how many layers` give none.
    """
    by_name = [
        Wanted(match.group().strip(), measures)
        for pattern, measures in _BY_NAME
        if (match := pattern.search(question))
    ]
    by_unit = [
        Wanted(match[1], _alike(measures))
        for match in _IN_UNITS.finditer(question)
        if (measures := measure_of(match[1]))
    ]
    return by_name + by_unit


def states(sentences: Iterable[str], want: Wanted) -> bool:
    """Whether one of the sentences states a quantity of the kind that is wanted."""
    return any(_states(sentence, want) for sentence in sentences)


def _states(sentence: str, want: Wanted) -> bool:
    if _RATE in want.measures and _A_SECOND.search(sentence):
        return True
    return any(quantity.measures in want.measures for quantity in quantities(sentence))


def _alike(measures: str) -> frozenset[str]:
    """Months and seconds are both times."""
    return next((group for group in (_TIME, _MONEY) if measures in group), frozenset({measures}))
