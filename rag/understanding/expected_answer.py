"""Tell the type of answer that a question expects, beyond its subject, and find it in a text."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from footnote.rag.core.quantity import measure_of, quantities

Terms = Callable[[str], list[str]]
"""The stemmed words of a text, in order."""

_TIME = frozenset({"s", "month"})
_MONEY = frozenset({"$", "€", "£"})


class ExpectedAnswer(NamedTuple):
    """Something that an answer must state: a quantity of some unit, or a count of something."""

    words: str
    """As a refusal says it after `does not`: `say how many layers`."""
    measures: frozenset[str] = frozenset()
    """What fitting quantities measure (`rag.core.quantity`)."""
    counted: str = ""
    """The noun that a number must stand beside: `layers`, `rate`."""


# `in us` is no unit; what is asked for in points may be given in percent, or in BLEU.
_IN_UNITS = re.compile(
    r"\b(?:how many|in|of) (?:US |U\.S\. )?"
    r"((?!points\b)[A-Za-z]{4,}|[mn]s|[kmgt]i?b|[mk]g|k[wm]h?)\b",
    re.IGNORECASE,
)
# Few write of these without a number but to ask for one: `energy per token, in joules`.
_BARE_UNITS = re.compile(
    r"(?<![\d.] )(?<!a few )\b((?:nano|micro|milli)seconds|(?:kilo|mega)?watts|(?:kilo)?joules|"
    r"(?:mega|giga|tera)bytes|(?:milli|centi|kilo)met(?:er|re)s|(?:milli|kilo)grams|tonnes|dollars|"
    r"euros|seconds(?= (?:per|needed)\b))\b",
    re.IGNORECASE,
)
# `How many transformer layers does …`, `number of layers in …`: what is counted ends before a word
# that is no part of it.
_AFTER = (
    r"(?= (?:do|does|did|is|are|was|were|be|been|can|could|will|would|has|have|had|should|may|"
    r"might|must|of|on|in|to|for|per|from|that|at|with|by|and|or|when|where|than|before|after|during|the|"
    r"an?|each|use[ds]?|using|it|they|we|you|its|their|need(?:ed)?|required)\b|[,;?.:)]|$)"
)
# `By how many points` asks for a difference, `how many tokens per second` for a rate.
_COUNTED = re.compile(
    rf"\b(?:(?<!\bby )how many|number of) ((?:[\w-]+ ){{0,3}}?[\w-]+){_AFTER}"
    r"(?! (?:per|a|each|every) second\b)|(?<![\w-])([\w-]+) count\b",
    re.IGNORECASE,
)
# `How many times faster` and `how many of the` count nothing that is named.
_NOT_COUNTED = re.compile(r"times?\b|of\b|more\b|fold\b|percent\b", re.IGNORECASE)
# A number of what is counted that is no figure: `a single GPU`, `thousands of users`.
_SOME = re.compile(
    r"one|single|couple|pair|both|dozens|hundreds|thousands|millions|billions", re.IGNORECASE
)
# A time without a figure: `in under a day`; `within minutes` is none.
_SOME_TIME = re.compile(
    r"\b(?:in|within|under|over|than|about|only|just|almost|nearly|after|for|tak(?:es?|en)|took)"
    r"(?: an?| one| a single| a few| several) "
    r"(?:minutes?|hours?|days?|weeks?|months?|years?|(?:micro|milli)?seconds)\b",
    re.IGNORECASE,
)
# What has a number of its own, which stands beside it: `learning rate`, `batch size`; not the
# `learning rate schedule`.
_SET = re.compile(
    r"\b(?:what|which)(?:['’]s| (?:is|was|are|were))?(?: the| an?)? ((?:[\w-]+ ){0,3}?"
    r"(?:rate|size|rank|length|depth|width|dimension(?:ality)?|thickness|angle|temperature|"
    r"threshold|diameter|distance|concentration|score|number(?! of\b))s?)"
    r"\b(?! (?:schedul|decay|polic|control|anneal|adapt|estimat|predict|function|metric|method|"
    r"strateg))",
    re.IGNORECASE,
)
# A number so many words away from a noun is taken to be its own.
_BESIDE = 4
# And so many before it where it is written as a word.
_BEFORE = 2


def expected_answers(question: str) -> list[ExpectedAnswer]:
    """List what a question asks for by a unit or by counting it.

    Often nothing: `how much faster` and `what speedup` give none.
    """
    by_unit = [
        ExpectedAnswer(f"state a number in “{match[1]}”", _alike(measures))
        for match in (*_IN_UNITS.finditer(question), *_BARE_UNITS.finditer(question))
        if (measures := measure_of(match[1]))
    ]
    asked = [
        (match[1], f"say how many {match[1]}")
        if match[1]
        else (match[2], f"state a “{match[2]} count”")
        for match in _COUNTED.finditer(question)
        if not _NOT_COUNTED.match(match[1] or match[2])
    ]
    asked += [(match[1], f"state a number for “{match[1]}”") for match in _SET.finditer(question)]
    counted = [
        ExpectedAnswer(said, counted=re.split(r"[\s-]", phrase)[-1])
        for phrase, said in asked
        if not measure_of(phrase.split()[-1])
    ]
    return by_unit + counted


def states(sentences: Iterable[str], expected: ExpectedAnswer, terms: Terms) -> bool:
    """Return True if one of the sentences states something of the type expected."""
    return any(_states(sentence, expected, terms) for sentence in sentences)


def _states(sentence: str, expected: ExpectedAnswer, terms: Terms) -> bool:
    if expected.counted:
        return _has_number_beside(sentence, terms(expected.counted), terms)
    if expected.measures >= _TIME and _SOME_TIME.search(sentence):
        return True
    return any(quantity.measures in expected.measures for quantity in quantities(sentence))


def _has_number_beside(sentence: str, nouns: Sequence[str], terms: Terms) -> bool:
    """Return True if a number stands within a few words of one of these stems."""
    if not set(nouns) & set(terms(sentence)):
        return False
    places = list(re.finditer(r"[^\W_]+", sentence))
    named = [at for at, place in enumerate(places) if set(terms(place.group())) & set(nouns)]
    if any(_is_numbered(sentence, places, at) for at in named):
        return True
    return any(
        abs(at - number) <= _BESIDE
        for quantity in quantities(sentence)
        for number in (sum(place.end() <= quantity.start for place in places),)
        for at in named
    )


def _is_numbered(sentence: str, places: Sequence[re.Match[str]], at: int) -> bool:
    """Return True if a word is given a number that is no quantity: `rank-1`, `a single GPU`."""
    before = (place.group() for place in places[max(at - _BEFORE, 0) : at])
    return bool(re.match(r"-\d", sentence[places[at].end() :])) or any(map(_SOME.fullmatch, before))


def _alike(measures: str) -> frozenset[str]:
    """Return all that measures the same: months and seconds are both times."""
    return next((group for group in (_TIME, _MONEY) if measures in group), frozenset({measures}))
