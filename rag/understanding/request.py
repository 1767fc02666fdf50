"""Read what a person typed into the record of what is asked, by the trained heads."""

import datetime
import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from footnote.rag.core.request import Act, Filters, Kind, Operation, Request
from footnote.rag.core.text import Span, fold
from footnote.rag.understanding.dates import is_month_of, is_year, read_days
from footnote.rag.understanding.heads import (
    BEGIN,
    NO_LABEL,
    Token,
    label_tokens,
    load_head,
    text_features,
    token_features,
    tokens_of,
    turn_features,
)

# These ask for papers by what their records say. `In 2020` of another question is a part of it.
_FILTERED = frozenset({Kind.SURVEY, Kind.CATALOGUE})
# What a line with one of these acts is about was said before it.
ON_THE_LAST = frozenset({Act.MORE, Act.SHORTER, Act.SIMPLER, Act.TABLE, Act.LIST, Act.SUMMARISE})
_DATES = ("since", "until", "during")
# A filter has two ends; to read each year of a long text takes seconds.
_MOST_YEARS = 4
_TWO = 2
_NUMBERED = re.compile(r"([1-9]\d?)(?:st|nd|rd|th)?")
_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "last",
)  # fmt: skip

Vector = Sequence[float]


class Spans(NamedTuple):
    """What the words of a line say of the request, each as it is written; in order."""

    topic: tuple[str, ...] = ()
    sides: tuple[str, ...] = ()
    since: tuple[str, ...] = ()
    until: tuple[str, ...] = ()
    during: tuple[str, ...] = ()
    organisation: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    author: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()


def read_request(
    text: str,
    before: Request | None = None,
    vector: Vector | None = None,
    *,
    today: datetime.date | None = None,
) -> Request:
    """Read a line: its kind, its act after the one before it, its topic, sides and filters.

    Args:
        text: One line, not empty.
        before: How the line before it in the conversation was understood; None at its beginning.
        vector: The bundled embedder's vector of the line, unit norm; None where another is in use.
        today: What `last year` counts from; the day it is when it is not given.
    """
    act = read_act(text, before.question if before else None, vector)
    if act is Act.MORE and _nth(text):
        act = Act.NTH  # more of one of them
    if before and act in ON_THE_LAST:
        return before.model_copy(update={"act": act, "by": "heads"})
    if act is Act.THANKS:
        return Request(question=text, kind=Kind.CHAT, act=act)
    kind = read_kind(text, vector)
    spans = read_spans(text, with_dates=kind in _FILTERED)
    if kind is Kind.COMPARISON and len(spans.sides) < _TWO:
        # What is named twice or more is what is compared, whatever it was taken for.
        named = sorted((*spans.topic, *spans.sides), key=text.find)
        spans = spans._replace(topic=(), sides=tuple(named) if len(named) >= _TWO else ())
    return Request(
        question=text,
        kind=kind,
        act=act,
        topic=" ".join(spans.topic),
        sides=spans.sides if kind is Kind.COMPARISON else (),
        filters=_filters(spans, today or datetime.datetime.now().astimezone().date())
        if kind in _FILTERED
        else Filters(),
        operation=Operation(_best("operation", text_features(text), vector))
        if kind is Kind.CATALOGUE
        else None,
        nth=_nth(text) if act is Act.NTH else None,
    )


def read_kind(text: str, vector: Vector | None = None) -> Kind:
    """Read what would answer a line, of whatever it is about."""
    return Kind(_best("kind", text_features(text), vector))


def read_act(text: str, before: str | None, vector: Vector | None = None) -> Act:
    """Read what a line does after the line before it; None where there is none."""
    if before is None:
        return Act.NEW
    return Act(_best("act", turn_features(text, before), vector))


def _best(head: str, features: Iterable[str], vector: Vector | None) -> str:
    return load_head(head, with_vector=vector is not None).best(features, vector)


def read_spans(text: str, *, with_dates: bool = False) -> Spans:
    """Read which words of a line name its topic, its sides and its filters.

    Args:
        text: The line.
        with_dates: True where each year of it is a date of papers, and not a part of the topic.
    """
    tokens = tokens_of(text)
    found: dict[str, list[str]] = {}
    labelled = zip(tokens, _labels(tokens, with_dates=with_dates), strict=True)
    for label, run in groupby(labelled, key=lambda pair: pair[1]):
        if label != NO_LABEL:
            span = _joined([token.span for token, _ in run])
            found.setdefault(label, []).append(text[span.start : span.end])
    return Spans(**{label: tuple(texts) for label, texts in found.items()})


def _labels(tokens: Sequence[Token], *, with_dates: bool) -> list[str]:
    """Label each word; with dates, a year that was taken for none as the likeliest of them.

    The month before it goes with it.
    """
    head = load_head("spans")
    labels = label_tokens(head, tokens)
    years = [at for at, token in enumerate(tokens) if is_year(token.text)] if with_dates else []
    for at in years[:_MOST_YEARS]:
        if labels[at] in _DATES:
            continue
        features = token_features(tokens, at, labels[at - 1] if at else BEGIN)
        likely = dict(zip(head.classes, head.probabilities(features), strict=True))
        with_month = at > 0 and is_month_of(tokens[at - 1].text, tokens[at].text)
        first = at - 1 if with_month else at
        labels[first : at + 1] = [max(_DATES, key=likely.__getitem__)] * (at + 1 - first)
    return labels


def _joined(spans: Sequence[Span]) -> Span:
    return Span(spans[0].start, spans[-1].end)


def _filters(spans: Spans, today: datetime.date) -> Filters:
    since = [days.first for text in spans.since if (days := read_days(text, today))]
    until = [days.last for text in spans.until if (days := read_days(text, today))]
    during = [days for text in spans.during if (days := read_days(text, today))]
    return Filters(
        since=max([*since, *(days.first for days in during[:1])], default=None),
        until=min([*until, *(days.last for days in during[:1])], default=None),
        organisation=spans.organisation[0] if spans.organisation else None,
        source=spans.source[0] if spans.source else None,
        author=spans.author[0] if spans.author else None,
        withdrawn=True if spans.withdrawn else None,
    )


def _nth(text: str) -> int | None:
    """Return which of the things listed a line means, from 1, -1 the last; None if unclear."""
    for token in tokens_of(text):
        word = fold(token.text)
        if match := _NUMBERED.fullmatch(word):
            return int(match[1])
        if word in _ORDINALS:
            return (*range(1, len(_ORDINALS)), -1)[_ORDINALS.index(word)]
    return None
