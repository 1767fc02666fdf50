"""Find where a claim does not match the sentences that should support it."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from footnote.rag.core.quantity import Agreement, Quantity, agreement, derivable
from footnote.rag.verification.reading import NEXT_SENTENCE, Token
from footnote.rag.verification.wording import (
    COSTS,
    FILLER,
    GAINS,
    HEDGES,
    LIMITS,
    NEGATORS,
    OF_TIME,
    OTHERS,
    SELF,
    SWAPS,
    UNSETTLED,
    listed,
)

# A word is said of what stands this near to it.
_REACH = 6
# A preposition stands this near to the first word of its phrase.
_LED = 4
# How far a `may` reaches.
_HEDGED = 8
# A count up to this, said as a word, may be the reader's own: `three steps: a, b and c`.
_COUNTABLE = 10
# Where this much of a claim is in the quote, what differs is the point.
_NEARLY_ALL = 0.7
# How much of a claim the title may say for the quote.
_FROM_TITLE = 0.34
_COMPARED = listed("than over against versus vs compared")
_VERBS_OF_RANK = listed("outperform surpass beat exceed underperform")
_SET_ASIDE = listed("while whereas but although though unlike")
_BE = listed("is are was were be been being gets got")


# `Finnish` may be what the source calls `in Finland`.
_OF_A_COUNTRY = re.compile(r"[A-Z][a-z]+(?:ish|ese|ian|ean|ican|nch|wiss|eek|utch)")


class Mismatch(NamedTuple):
    """One thing in which a claim differs from the passage that should support it."""

    contradicts: bool
    """True when the source says otherwise or holds no ground for it; False when in doubt."""
    reason: str
    """One line for a person."""
    of_words: bool = False
    """True where only a word is missing: an entailment model may know that it is meant."""


class Match(NamedTuple):
    """Where the source says what a token of the claim says."""

    source: int | None
    """Index of the source's token; None for what only its surroundings say."""
    agreement: Agreement = Agreement.SAME


class Comparison(NamedTuple):
    """A claim beside the passage that may support it, token by token."""

    claim: Sequence[Token]
    source: Sequence[Token]
    matches: Mapping[int, Match]
    elsewhere: Collection[str]
    """Keys of words and names that the paper holds outside the passage."""
    numbers: Sequence[Quantity]
    """All the paper's quantities."""

    @property
    def said(self) -> list[int]:
        """List the indices of the claim's tokens that a source must hold."""
        return [i for i, token in enumerate(self.claim) if token.tells]

    @property
    def coverage(self) -> float:
        """Return the share of the claim, by weight, that the passage says."""
        total = sum(self.claim[i].weight for i in self.said)
        return sum(self.claim[i].weight for i in self.said if i in self.matches) / (total or 1.0)

    def source_of(self, at: int) -> int | None:
        """Return the index of the source's token for one of the claim."""
        match = self.matches.get(at)
        return match.source if match else None


def mismatches(comparison: Comparison) -> list[Mismatch]:
    """List the mismatches of a claim with a passage; none when the passage supports it."""
    found: list[Mismatch] = []
    for check in (
        _missing, _numbers, _moved_numbers, _polarity, _directions, _sides, _order, _strength,
        _subjects, _contrasts, _ranges, _left_out_directions, _two_sentences, _only_in_title,
        _degrees, _conditions, _amounts,
    ):  # fmt: skip
        found.extend(check(comparison))
    return found


def _unsaid(text: str) -> Mismatch:
    return Mismatch(False, f"the quote does not say “{text}”", of_words=True)


def _missing(c: Comparison) -> Iterator[Mismatch]:
    """Find words and names of the claim that the passage lacks."""
    source_stems = {key for t in c.source for key in t.meaning.keys}
    for at in c.said:
        token = c.claim[at]
        if at in c.matches or token.quantity or _before_number(c.claim, at):
            continue
        if token.kind == "name":
            if token.meaning.keys & set(c.elsewhere):
                yield Mismatch(False, f"the quote does not mention {token.text}")
            else:
                yield Mismatch(not _may_be_known(c, at), f"{token.text} is not in this paper")
        elif (
            token.meaning.opposed & source_stems
            and c.coverage >= _NEARLY_ALL
            and not _reverses(c, token)
        ):
            yield Mismatch(True, f"says “{token.text}”, the quote says the opposite")
        else:
            yield _unsaid(token.text)


def _only_in_title(c: Comparison) -> Iterator[Mismatch]:
    """Find a claim of which the title says more than the quote."""
    around = [c.claim[at].weight for at, m in c.matches.items() if m.source is None]
    total = sum(c.claim[at].weight for at in c.said)
    if sum(around) > _FROM_TITLE * total:
        yield Mismatch(False, "the quote says only part of it, the title the rest")


def _may_be_known(c: Comparison, at: int) -> bool:
    """Return True if the paper may mean by other words what the claim calls by a name."""
    text = c.claim[at].text
    if _OF_A_COUNTRY.fullmatch(text):
        return True
    letters = "".join(ch for ch in text if ch.isupper()).lower()
    if len(letters) > 2 and initials(letters) in c.elsewhere:
        return True
    # `vesicles (EVs)`: the claim itself says what it stands for.
    in_brackets = at > 0 and c.claim[at - 1].text == "("
    before = {t.folded[0] for t in c.claim[max(0, at - _REACH) : at] if t.tells}
    return in_brackets and text[0].lower() in before


def initials(letters: str) -> str:
    """Return the key under which a run of words is known by its first letters."""
    return f"~{letters}"


def _reverses(c: Comparison, token: Token) -> bool:
    """Return True if a denial or a comparison turned round may make up for an opposite."""
    opposed = [t for t in c.source if t.meaning.keys & token.meaning.opposed]
    return any(t.negated != token.negated for t in opposed) or token.meaning.sign != 0


def _numbers(c: Comparison) -> Iterator[Mismatch]:
    """Find numbers of the claim that the passage lacks, or says otherwise."""
    here = [t.quantity for t in c.source if t.quantity]
    for at in c.said:
        token = c.claim[at]
        match = c.matches.get(at)
        if token.quantity is None:
            continue
        if match is None:
            yield _unfounded(c, token, token.quantity, here)
        elif match.agreement is Agreement.DOUBTFUL and match.source is not None:
            stated = _in_full(c.source, match.source)
            yield Mismatch(False, f"says {_in_full(c.claim, at)}, the quote says {stated}")


def _amounts(c: Comparison) -> Iterator[Mismatch]:
    """Find `by 160 ms` for `to 160 ms`."""
    for at in c.said:
        source = c.source_of(at)
        if source is None or not c.claim[at].quantity:
            continue
        mine, theirs = _led_by(c.claim, at), _led_by(c.source, source)
        if mine and theirs and mine != theirs:
            text = c.claim[at].text
            yield Mismatch(True, f"says {mine} {text}, the quote says {theirs} {text}")


def _led_by(tokens: Sequence[Token], at: int) -> str:
    """Return `from`, `to` or `by` before a number, whatever bound stands between."""
    for token in reversed(tokens[max(0, at - _LED) : at]):
        if token.folded in {"from", "by"}:
            return token.folded
        if token.folded == "to":
            before = tokens[max(0, at - _LED) : at]
            return "" if any(t.folded in {"up", "close"} for t in before) else "to"
        if token.kind != "grammar":
            return ""
    return ""


def _in_full(tokens: Sequence[Token], at: int) -> str:
    quantity = tokens[at].quantity
    bound = {"most": "at most ", "peak": "up to ", "least": "over ", "about": "about ", "": ""}
    return f"{bound[quantity.bound] if quantity else ''}{tokens[at].text}"


def _unfounded(
    c: Comparison, token: Token, claimed: Quantity, here: Sequence[Quantity]
) -> Mismatch:
    for t in c.source:
        if t.quantity and agreement(claimed, t.quantity) is Agreement.CLASH:
            return Mismatch(True, f"says {token.text}, the quote says {t.text}")
    if any(agreement(claimed, q) >= Agreement.DOUBTFUL for q in c.numbers):
        return Mismatch(False, f"{token.text} is not in the quote, but elsewhere in the abstract")
    if derivable(claimed, list(here)):
        return Mismatch(False, f"{token.text} follows only by reckoning")
    rivals = [t.text for t in c.source if t.quantity and t.quantity.measures == claimed.measures]
    small = claimed.in_words and (
        not claimed.measures or claimed.measures == "share" or claimed.turn == 0
    )
    if small and claimed.value <= _COUNTABLE and not (rivals and _same_thing_counted(c, token)):
        return Mismatch(False, f"the quote does not say {token.text}")
    if rivals:
        return Mismatch(True, f"says {token.text}, the quote says {', '.join(rivals[:3])}")
    return Mismatch(True, f"{token.text} is not in this abstract")


def _same_thing_counted(c: Comparison, token: Token) -> bool:
    """Return True if the quote gives another number of what the claim counts."""
    after = next((t for t in c.claim if t.start >= token.end and t.tells), None)
    if after is None:
        return True
    for i, t in enumerate(c.source):
        if t.quantity:
            following = [s for s in c.source[i + 1 : i + 4] if s.tells]
            if any(s.meaning.keys & after.meaning.keys for s in following):
                return True
    return False


def _moved_numbers(c: Comparison) -> Iterator[Mismatch]:
    """Find numbers that the passage says of something else than the claim does."""
    steps: dict[int, list[int]] = {}
    for i, token in enumerate(c.source):
        steps.setdefault(token.step, []).append(i)
    numbered = {
        step: members for step, members in steps.items() if any(c.source[i].figure for i in members)
    }
    if len(numbered) < 2:
        return
    where = {i: step for step, members in numbered.items() for i in members}
    own = {
        step: _only_here(c, members, [m for s, m in numbered.items() if s != step])
        for step, members in numbered.items()
    }
    for part in _claim_parts(c):
        sources = {at: c.source_of(at) for at in part}
        steps_of_numbers = {
            where[s]
            for at, s in sources.items()
            if s is not None and s in where and c.claim[at].figure
        }
        if not steps_of_numbers:
            continue
        yield from _from_two_steps(c, part, where, numbered)
        said = [s for at, s in sources.items() if s is not None and not c.claim[at].figure]
        foreign = [
            s
            for s in said
            if s in where
            and where[s] not in steps_of_numbers
            and s in own[where[s]]
            and not _shared_head(c, s, numbered[where[s]], steps_of_numbers, numbered)
        ]
        if not foreign:
            continue
        at_home = [s for s in said if where.get(s) in steps_of_numbers and s in own[where[s]]]
        expected = [i for step in steps_of_numbers for i in own[step]]
        number = next(c.claim[at].text for at in part if c.claim[at].figure)
        reason = f"the quote says {number} of something else than “{c.source[foreign[0]].text}”"
        yield Mismatch(bool(expected) and not at_home and c.coverage >= _NEARLY_ALL, reason)


def _from_two_steps(
    c: Comparison,
    part: Sequence[int],
    where: Mapping[int, int],
    numbered: Mapping[int, Sequence[int]],
) -> Iterator[Mismatch]:
    """Find `A takes 3 s on 8 cores and B 5 s on 4` told as `A takes 5 s on 8 cores`."""
    homes = {
        at: where[s] for at in part if c.claim[at].figure and (s := c.source_of(at)) in where and s
    }
    for one, home in homes.items():
        for other, elsewhere in homes.items():
            if home == elsewhere:
                continue
            rivals = [c.source[i].quantity for i in numbered[home] if c.source[i].figure]
            claimed = c.claim[other].quantity
            if claimed and any(r and r.measures == claimed.measures for r in rivals):
                reason = f"the quote says {c.claim[one].text} apart from {c.claim[other].text}"
                yield Mismatch(False, reason)
                return


def _only_here(
    c: Comparison, members: Sequence[int], others: Sequence[Sequence[int]]
) -> frozenset[int]:
    elsewhere = {key for other in others for i in other for key in c.source[i].meaning.keys}
    return frozenset(
        i
        for i in members
        if (c.source[i].tells or (c.source[i].negated and c.source[i].folded in {"it", "them"}))
        and not c.source[i].figure
        and not c.source[i].meaning.keys & elsewhere
    )


def _shared_head(
    c: Comparison,
    at: int,
    members: Sequence[int],
    homes: Collection[int],
    numbered: Mapping[int, Sequence[int]],
) -> bool:
    """Return True if a token may go for another number too: X in `X raises A by 2×, B by 3×`."""
    first_number = next(i for i in members if c.source[i].figure)
    if at > first_number:
        return False
    matched = {m.source for m in c.matches.values()}
    for home in homes:
        opening = next(i for i in numbered[home] if c.source[i].tells)
        if opening not in matched:
            return False
        # `Trained on 40 million sessions, Lynx…`: the subject follows what is said of it.
        if opening < at and c.source[at].kind != "name":
            return False
    return True


def _claim_parts(c: Comparison) -> Iterator[list[int]]:
    """Group the claim's telling tokens by its parts that hold a number; the rest goes with them."""
    parts: dict[int, list[int]] = {}
    for i in c.said:
        parts.setdefault(c.claim[i].step, []).append(i)
    with_numbers = [p for p in parts.values() if any(c.claim[i].figure for i in p)]
    if len(with_numbers) <= 1:
        yield c.said
    else:
        yield from with_numbers


def _polarity(c: Comparison) -> Iterator[Mismatch]:
    """Find words that one side denies and the other does not."""
    both = _denies(c.claim) and _denies(c.source)
    # `without transcribing first` may be said of the method where the quote speaks of others.
    mild = not any(t.folded in _DENIERS for t in (*c.claim, *c.source))
    for at in c.said:
        source = c.source_of(at)
        if source is None:
            continue
        token, stated = c.claim[at], c.source[source]
        twins = [t for t in c.source if t.meaning.keys & token.meaning.keys] or [stated]
        if any(t.negated == token.negated for t in twins):
            continue
        if both or mild or c.coverage < _NEARLY_ALL:
            yield Mismatch(False, f"does not deny the same as the quote: “{token.text}”")
        elif token.negated:
            yield Mismatch(True, f"denies “{token.text}”, the quote does not")
        else:
            yield Mismatch(True, f"the quote denies “{stated.text}”")
    yield from _denials(c)


def _denies(tokens: Sequence[Token]) -> bool:
    return any(t.folded in NEGATORS for t in tokens)


def _denials(c: Comparison) -> Iterator[Mismatch]:
    """Find a denial on one side that the other has no counterpart for."""
    matched = {m.source for m in c.matches.values() if m.source is not None}
    mine = [t for t in c.claim if t.folded in _ALL_DENIERS]
    theirs = [t for t in c.source if t.folded in _ALL_DENIERS]
    if len(mine) > len(theirs):
        yield _unsaid(mine[-1].text)
    elif len(mine) < len(theirs):
        for i, token in enumerate(c.source):
            if token.folded not in _DENIERS:
                continue
            reach = range(i + 1, min(i + 1 + _HEDGED, len(c.source)))
            near = [j for j in reach if c.source[j].clause == token.clause and j in matched]
            before = [j for j in matched if j < i and c.source[j].clause == token.clause]
            if near or (before and _verb_denied(c, i)):
                yield Mismatch(False, f"leaves out that the quote says “{token.text}”")
                return


def _verb_denied(c: Comparison, at: int) -> bool:
    """Return True if `not` follows an auxiliary, and so denies the whole clause."""
    after_auxiliary = at > 0 and c.source[at - 1].folded in _AUXILIARIES
    return after_auxiliary or c.source[at].folded == "cannot"


_AUXILIARIES = _BE | listed("do does did has have had can could will would may might")
_DENIERS = listed(
    "not no never neither nor cannot none nothing fail fails failed failing unable hardly barely "
    "lack lacks lacked lacking absence absent missing"
)
_WEAK_DENIERS = listed("without rather instead unaffected unchanged unlike unsupported")
_ALL_DENIERS = _DENIERS | _WEAK_DENIERS


class _Direction(NamedTuple):
    at: int
    axis: str
    sign: int
    metric: frozenset[str]
    goodness: int
    of_time: bool
    adjacent: frozenset[str]


def _directions(c: Comparison) -> Iterator[Mismatch]:
    """Find things that the claim says go up and the quote says go down."""
    claimed, stated = direction_words(c.claim), direction_words(c.source)
    if not stated:
        return
    turned = is_turned(c.claim, c.source)
    taken = {m.source: at for at, m in c.matches.items()}
    for one in claimed:
        token = c.claim[one.at]
        rivals = [s for s in stated if _comparable(one, s) and taken.get(s.at, one.at) == one.at]
        on_same = [s for s in rivals if one.metric & s.metric]
        verdicts = [_agrees(one, s, turned=turned) for s in on_same]
        if any(v is True for v in verdicts):
            continue
        if any(v is False for v in verdicts):
            if not any(c.source[s.at].negated != token.negated for s in on_same):
                other = next(s for s in on_same if _agrees(one, s, turned=turned) is False)
                word = c.source[other.at].text
                sure = c.coverage >= _NEARLY_ALL
                yield Mismatch(sure, f"says “{token.text}”, the quote says “{word}”")
        elif one.at in c.matches and not on_same:
            taken_for = next((s for s in stated if s.at == c.source_of(one.at)), None)
            if taken_for and one.metric and taken_for.metric and not one.metric & taken_for.metric:
                yield Mismatch(False, f"the quote says “{token.text}” of something else")
                continue
            against = [s for s in rivals if _agrees(one, s, turned=turned) is False]
            if against:
                word = c.source[against[0].at].text
                yield Mismatch(False, f"says “{token.text}”, the quote also says “{word}”")
        elif one.at not in c.matches and rivals and c.coverage >= _NEARLY_ALL:
            verdicts = [_agrees(one, s, turned=turned) for s in rivals]
            if verdicts and all(v is False for v in verdicts):
                word = c.source[rivals[0].at].text
                yield Mismatch(not turned, f"says “{token.text}”, the quote says “{word}”")


def _comparable(one: _Direction, other: _Direction) -> bool:
    if one.axis == other.axis:
        return True
    pair = {one.axis, other.axis}
    if pair <= {"amount", "effect", "size"}:
        return True
    return pair <= {"speed", "amount", "quality", "size"} and bool(one.goodness and other.goodness)


def _agrees(one: _Direction, other: _Direction, *, turned: bool) -> bool | None:
    if one.axis == other.axis or {one.axis, other.axis} <= {"amount", "effect", "size"}:
        same = one.sign == other.sign
        if same and turned:
            return None  # `_sides` judges it
    elif one.goodness and other.goodness:
        same = one.goodness == other.goodness
    else:
        return None
    return same != turned


def direction_words(tokens: Sequence[Token]) -> list[_Direction]:
    """Find the words that tell a direction, and what each is said of."""
    found: list[_Direction] = []
    for i, token in enumerate(tokens):
        sign = token.meaning.sign
        if not sign or token.folded in {"up", "over", "most", "least"}:
            continue
        near = [*_until(tokens[i + 1 : i + 1 + _REACH])]
        around = near or [*_until(tokens[max(0, i - _REACH) : i][::-1])]
        folded = {t.folded for t in around}
        cost, gain = folded & COSTS, folded & GAINS
        if token.meaning.axis in {"speed", "quality"}:
            goodness = sign
        else:
            goodness = -sign if cost and not gain else sign if gain and not cost else 0
        found.append(
            _Direction(
                i,
                token.meaning.axis,
                sign,
                frozenset(key for t in around for key in t.meaning.keys),
                goodness,
                bool(folded & OF_TIME),
                frozenset(folded),
            )
        )
    return found


def _until(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield telling tokens up to the end of a phrase."""
    for token in tokens:
        if token.text in {",", ";", ":", "."} or token.folded in _PHRASE_ENDS:
            return
        if token.tells and not token.quantity and not token.meaning.sign:
            yield token


_PHRASE_ENDS = listed(
    "by from to than when while whereas where if but over on with without and at for"
)


def is_turned(claim: Sequence[Token], source: Sequence[Token]) -> bool:
    """Return True if they compare the same two things, the other way round."""
    mine, theirs = _ranked(claim), _ranked(source)
    if mine is None or theirs is None:
        return False
    straight, crossed = _crossing(mine, theirs)
    return crossed > straight


_Side = tuple[frozenset[str], ...]


class _Ranking(NamedTuple):
    """`A is faster than B`: two sides, each the keys of its words, and the word that ranks them."""

    first: _Side
    second: _Side
    axis: str
    sign: int


def _ranked(tokens: Sequence[Token]) -> _Ranking | None:
    """Find who outdoes whom, as in `A outperforms B` and `Compared with B, A is faster`."""
    for i, token in enumerate(tokens):
        if token.meaning.sign and token.meaning.keys & _VERBS_OF_RANK:
            first, second = _side_before(tokens[:i]), _side_after(tokens[i + 1 :])
            if i and tokens[i - 1].folded in _BE:
                first, second = _side_after(tokens[i + 2 :]), first
            if first and second:
                return _Ranking(first, second, token.meaning.axis, token.meaning.sign)
        counts = i + 1 < len(tokens) and tokens[i + 1].quantity
        if token.folded not in _COMPARED or counts:
            continue
        second = _side_after(tokens[i + 1 :])
        if i <= 1:
            comma = next((j for j in range(i, len(tokens)) if tokens[j].text == ","), len(tokens))
            rest = tokens[comma + 1 :]
        else:
            rest = tokens[:i]
        signed = [j for j, t in enumerate(rest) if t.meaning.sign]
        first = _side_after(rest) if i <= 1 else _side_before(rest)
        if signed and first and second:
            word = rest[signed[0] if i <= 1 else signed[-1]]
            return _Ranking(first, second, word.meaning.axis, word.meaning.sign)
    return None


def _side_after(tokens: Sequence[Token]) -> _Side:
    keys: list[frozenset[str]] = []
    for token in tokens:
        if token.text in {",", ";", ":"} or token.folded in _SET_ASIDE | {"on", "at", "by", "in"}:
            break
        if token.tells and not token.quantity and not token.meaning.sign:
            keys.append(token.meaning.keys)
    return tuple(keys)


def _side_before(tokens: Sequence[Token]) -> _Side:
    keys: list[frozenset[str]] = []
    for token in reversed(tokens):
        if token.text in {",", ";", ":"} or token.folded in _SET_ASIDE:
            break
        if token.folded in SELF or (token.tells and not token.quantity and not token.meaning.sign):
            keys.append(token.meaning.keys)
    return tuple(keys)


def _shared(one: _Side, other: _Side) -> int:
    return sum(any(keys & others for others in other) for keys in one)


def _crossing(mine: _Ranking, theirs: _Ranking) -> tuple[int, int]:
    """Count how many words of the lesser side stay there, and how many have changed sides.

    Words of the first side that stay tell nothing: `A cuts time more than B` and `B cuts time more
    than A` share `cuts time`.
    """
    (first, second), (stated_first, stated_second) = _told_apart(mine), _told_apart(theirs)
    straight = _shared(second, stated_second)
    crossed = _shared(second, stated_first) + _shared(first, stated_second)
    return straight, crossed


def _told_apart(ranking: _Ranking) -> tuple[_Side, _Side]:
    """Return the two sides without what both say: `less a day than day workers`."""
    ones, others = frozenset().union(*ranking.first), frozenset().union(*ranking.second)
    return (
        tuple(keys for keys in ranking.first if not keys & others),
        tuple(keys for keys in ranking.second if not keys & ones),
    )


def _sides(c: Comparison) -> Iterator[Mismatch]:
    """Find `A beats B` told as `B beats A`."""
    mine, theirs = _ranked(c.claim), _ranked(c.source)
    if mine is None or theirs is None or mine.axis != theirs.axis or mine.sign != theirs.sign:
        return
    straight, crossed = _crossing(mine, theirs)
    if crossed > straight:
        certain = c.coverage >= _NEARLY_ALL
        yield Mismatch(certain, "the quote has the two sides the other way round")


def _order(c: Comparison) -> Iterator[Mismatch]:
    """Find the same words in an order that no passive or fronted phrase explains."""
    if is_turned(c.claim, c.source):
        return
    anchored = {**{at: m.source for at, m in c.matches.items()}, **_anchors(c)}
    for verb in _agentless(c):
        place = anchored.pop(verb, None)
        done = next(
            (s for at in range(verb - 1, -1, -1) if (s := c.source_of(at)) is not None), None
        )
        if place is not None and done is not None and done < place:
            yield Mismatch(False, f"the quote does not say so of “{c.source[done].text}”")
    fronted = _fronted(c.claim)
    front = [place for at, place in anchored.items() if at < fronted and place is not None]
    rest = [place for at, place in anchored.items() if at >= fronted and place is not None]
    together = front == sorted(front) and not any(front[0] < p < front[-1] for p in rest if front)
    if together and front and _led_alike(c, front[0]):
        anchored = {at: place for at, place in anchored.items() if at >= fronted}
    runs = _runs(_with_phrases_turned(c, anchored))
    passive = _passive(c.claim) is not None, _passive(c.source) is not None
    if passive[0] != passive[1]:
        yield from _voices(c, claim_is_passive=passive[0])
        if len(runs) <= 3:
            return
    if len(runs) <= 1:
        return
    if len(runs) == 2 and _block_moved(*runs) and _movable(c, anchored, len(runs[0])):
        return
    yield Mismatch(_across_a_verb(c), "has the words of the quote in another order")


def _agentless(c: Comparison) -> list[int]:
    """Find verbs of the claim in a passive without agent, which the source has in the active."""
    if _passive(c.claim) is not None:
        return []
    found: list[int] = []
    for i in range(1, len(c.claim)):
        source = c.source_of(i)
        if source is None or c.claim[i - 1].folded not in _BE or not _is_participle(c.claim[i]):
            continue
        if not any(t.folded in _BE for t in c.source[max(0, source - 2) : source]):
            found.append(i)
    return found


def _is_participle(token: Token) -> bool:
    return bool(re.search(r"(?:ed|en|wn|ught|ound|ade|old|lt|pt|id|ost)$", token.folded))


def _fronted(tokens: Sequence[Token]) -> int:
    """Find where the claim goes on after a phrase in front, as `On eight GPUs,`; else 0."""
    if not tokens or tokens[0].folded not in _LEAD_INS | {"compared", "relative", "between"}:
        return 0
    return next((i + 1 for i, t in enumerate(tokens) if t.text == ","), 0)


def _led_alike(c: Comparison, at: int) -> bool:
    """Return True if the source leads in to a phrase by the preposition that begins the claim."""
    return any(t.folded == c.claim[0].folded for t in c.source[max(0, at - _LED) : at])


def _with_phrases_turned(c: Comparison, anchored: Mapping[int, int | None]) -> list[int]:
    """List places in the source, in the claim's order; `cost of training` is `training cost`."""
    ats = [at for at in sorted(anchored) if anchored[at] is not None]
    places = [place for at in ats if (place := anchored[at]) is not None]
    for i in range(len(places) - 1):
        one, other = places[i], places[i + 1]
        if one <= other:
            continue
        here = [t.folded for t in c.claim[ats[i] + 1 : ats[i + 1]]]
        there = [t.folded for t in c.source[other + 1 : one]]
        if (not here and _is_of(there)) or (not there and _is_of(here)):
            places[i], places[i + 1] = other, one
    return places


def _is_of(between: Sequence[str]) -> bool:
    small = {"of", "the", "a", "an", "in", "for", "its", "their"}
    return bool({"of", "in", "for"} & set(between)) and set(between) <= small


def _movable(c: Comparison, anchored: Mapping[int, int | None], first: int) -> bool:
    """Return True if the two blocks that changed places are phrases, not two bare words."""
    ats = [at for at in sorted(anchored) if anchored[at] is not None]
    left, right = ats[first - 1], ats[first]
    one, other = anchored[right], anchored[left]
    if one is None or other is None:
        return True
    if c.claim[left].kind == c.claim[right].kind == "name":
        # Two names change places freely only in a list.
        return any(t.text in {"and", "or", ","} for t in c.claim[left + 1 : right])
    between = [
        *c.claim[left + 1 : right],
        *c.source[min(one, other) + 1 : max(one, other)],
    ]
    return any(t.kind in {"grammar", "mark"} for t in between)


def _anchors(c: Comparison) -> dict[int, int]:
    """Find small words on whose sides things stand, as `than` and `is`, where both have one."""
    found: dict[int, int] = {}
    for i, token in enumerate(c.claim):
        if token.tells or not (token.folded in SWAPS | _BE or token.folded in FILLER):
            continue
        mine = [t for t in c.claim if t.meaning.keys == token.meaning.keys]
        theirs = [j for j, t in enumerate(c.source) if t.meaning.keys == token.meaning.keys]
        if len(mine) == 1 and len(theirs) == 1:
            found[i] = theirs[0]
    return found


def _runs(places: Sequence[int]) -> list[list[int]]:
    runs: list[list[int]] = []
    for place in places:
        if runs and place >= runs[-1][-1]:
            runs[-1].append(place)
        else:
            runs.append([place])
    return runs


def _block_moved(first: Sequence[int], second: Sequence[int]) -> bool:
    """Return True if two rising runs are one rising sequence with a block of it moved."""
    moved = [place for place in first if place > second[0]]
    passed = [place for place in second if place < first[-1]]
    return max(passed) < min(moved)


def _ranges(c: Comparison) -> Iterator[Mismatch]:
    """Find `from 4 to 2` told as `from 2 to 4`."""
    for one, other in pairwise(c.said):
        places = c.source_of(one), c.source_of(other)
        if not (c.claim[one].quantity and c.claim[other].quantity) or None in places:
            continue
        first, second = places
        if first is not None and second is not None and first > second:
            led = any(t.folded == "from" for t in c.claim[max(0, one - 1) : one])
            yield Mismatch(
                led, f"has {c.claim[one].text} and {c.claim[other].text} the other way round"
            )


def _left_out_directions(c: Comparison) -> Iterator[Mismatch]:
    """Find a `less` of the quote that the claim leaves out between two words it takes over."""
    if is_turned(c.claim, c.source):
        return
    matched = {m.source for m in c.matches.values() if m.source is not None}
    telling = [i for i, t in enumerate(c.source) if t.tells]
    for before, at, after in zip(telling, telling[1:], telling[2:], strict=False):
        token = c.source[at]
        if token.meaning.axis in _LOST and at not in matched and {before, after} <= matched:
            yield Mismatch(False, f"leaves out that the quote says “{token.text}”")


_LOST = frozenset({"amount", "speed", "quality", "effect", "keep"})


def _two_sentences(c: Comparison) -> Iterator[Mismatch]:
    """Find half a sentence joined to half of the next, without a word that joins them."""
    numbers = _sentence_numbers(c.source)
    drawn = [(at, numbers[m.source]) for at, m in sorted(c.matches.items()) if m.source is not None]
    for (one, before), (other, after) in pairwise(drawn):
        if before != after and not any(
            t.text in {";", ":", "—"} or t.folded in _JOINS for t in c.claim[one + 1 : other]
        ):
            yield Mismatch(False, "puts together words of two sentences")
            return


_JOINS = listed("and but while whereas which that where when who although though or so")


def _sentence_numbers(tokens: Sequence[Token]) -> list[int]:
    return [token.clause // NEXT_SENTENCE for token in tokens]


def _across_a_verb(c: Comparison) -> bool:
    """Return True if what stood left of a shared verb of effect now stands right of it."""
    for at, match in c.matches.items():
        if match.source is None or c.claim[at].meaning.axis not in {"effect", "amount", "quality"}:
            continue
        left = {m.source for i, m in c.matches.items() if i < at and m.source is not None}
        right = {m.source for i, m in c.matches.items() if i > at and m.source is not None}
        if left and right and min(left) > match.source > max(right):
            return True
    return False


def _passive(tokens: Sequence[Token]) -> tuple[int, int] | None:
    """Find the verb and its `by`, by index, where a clause is passive with its agent."""
    for i, token in enumerate(tokens):
        if token.folded not in _BE:
            continue
        for j in range(i + 1, min(i + 4, len(tokens))):
            if not _is_participle(tokens[j]):
                continue
            for k in range(j + 1, min(j + 10, len(tokens))):
                if tokens[k].folded == "by" and not tokens[min(k + 1, len(tokens) - 1)].quantity:
                    return j, k
    return None


def _voices(c: Comparison, *, claim_is_passive: bool) -> Iterator[Mismatch]:
    """Find a passive whose agent is not what the active has as its subject."""
    found = _passive(c.claim if claim_is_passive else c.source)
    if found is None:
        return
    verb, by = found
    if claim_is_passive:
        done = c.source_of(verb)
        agents = [s for at in range(by, len(c.claim)) if (s := c.source_of(at)) is not None]
        patients = [s for at in range(verb) if (s := c.source_of(at)) is not None]
        if done is None or any(t.folded in {"by", "with", "through"} for t in c.source):
            return
        if agents and patients and min(agents) > done > max(patients):
            yield Mismatch(True, "the quote has the two sides the other way round")
        return
    back = {m.source: at for at, m in c.matches.items() if m.source is not None}
    said = back.get(verb)
    agents = [back[s] for s in range(by, len(c.source)) if s in back]
    patients = [back[s] for s in range(verb) if s in back]
    crossed = said is not None and agents and patients and min(agents) > said > max(patients)
    if crossed and not any(t.folded in {"by", "with", "through"} for t in c.claim):
        yield Mismatch(True, "the quote has the two sides the other way round")


def _strength(c: Comparison) -> Iterator[Mismatch]:
    """Find doubts and limits of the quote that the claim leaves out, and words it adds."""
    matched = {m.source for m in c.matches.values() if m.source is not None}
    clauses = {c.source[i].clause for i in matched}
    claimed = {t.folded for t in c.claim}
    keys = {key for t in c.claim for key in t.meaning.keys}
    hedged = bool(claimed & HEDGES)
    for i, token in enumerate(c.source):
        if token.clause not in clauses:
            continue
        unsettled = token.folded in UNSETTLED and not any(t.negated for t in c.claim)
        reach = range(i + 1, min(i + 1 + _HEDGED, len(c.source)))
        if (
            token.folded in HEDGES
            and not hedged
            and not token.meaning.keys & keys
            and (unsettled or any(j in matched for j in reach))
        ):
            sure = unsettled and c.coverage >= _NEARLY_ALL
            yield Mismatch(sure, f"leaves out that the quote says “{token.text}”")
        if token.folded in LIMITS and not token.meaning.keys & keys and _limits(c, i, matched):
            yield Mismatch(False, f"leaves out that the quote says “{token.text}”")
        if token.folded in OTHERS and not token.meaning.keys & keys and i + 1 in matched:
            yield Mismatch(False, f"leaves out that the quote says “{token.text}”")
    for i, token in enumerate(c.claim):
        if _before_number(c.claim, i):
            continue
        if token.folded in _ADDS and not token.meaning.keys & {
            key for t in c.source for key in t.meaning.keys
        }:
            yield _unsaid(token.text)


def _before_number(tokens: Sequence[Token], at: int) -> bool:
    """Return True for a word that adds nothing to a number: `only 4%` says 4%."""
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    return tokens[at].folded in {"only", "just"} and after is not None and bool(after.quantity)


_ADDS = listed("only because due therefore hence thus")


def _limits(c: Comparison, at: int, matched: Collection[int | None]) -> bool:
    """Return True if a limiting word bears on the claim; `only 0.2` does not limit 0.2."""
    following = [j for j in range(at + 1, min(at + 4, len(c.source))) if c.source[j].tells]
    after = c.source[at + 1].folded if at + 1 < len(c.source) else ""
    counted = after in {"a", "one"} or (following and c.source[following[0]].quantity)
    if c.source[at].folded == "only" and counted:
        return False
    return any(j in matched for j in following)


def _subjects(c: Comparison) -> Iterator[Mismatch]:
    """Find what the quote says of a subject that the claim has dropped or replaced."""
    matched = {m.source for m in c.matches.values() if m.source is not None}
    clauses: dict[int, list[int]] = {}
    for i, token in enumerate(c.source):
        clauses.setdefault(token.clause, []).append(i)
    drawn = [m for m in clauses.values() if matched & set(m)]
    outside = any(m.source is None and c.claim[at].tells for at, m in c.matches.items())
    if len(drawn) < 2 and not outside:
        return
    for members in drawn:
        start = next((i for i in members if c.source[i].tells), None)
        if start is None or start in matched:
            continue
        lead = {c.source[i].folded for i in members if i < start}
        if lead & _LEAD_INS or c.source[start].quantity:
            continue
        if c.source[start].meaning.sign and not lead & {"the", "a", "an", "its", "their"}:
            continue
        if lead & SELF or c.source[start].folded in SELF:
            continue
        yield Mismatch(False, f"the quote says it of “{c.source[start].text}”")


def _contrasts(c: Comparison) -> Iterator[Mismatch]:
    """Find a claim put together from both sides of a `but` that it leaves out."""
    if any(t.folded in _CONTRAST | {"without", "rather", "and"} for t in c.claim):
        return
    keys_of: dict[int, set[str]] = {}
    for token in c.source:
        keys_of.setdefault(token.clause, set()).update(token.meaning.keys)
    for i, token in enumerate(c.source):
        if token.folded not in _CONTRAST:
            continue
        # The clause that `but` opens, or, for `while`, that comes before or after it.
        side = {j for j, t in enumerate(c.source) if t.clause == token.clause and j >= i}
        drawn = {m.source for m in c.matches.values() if m.source is not None}
        own = {
            j
            for j in drawn & side
            if not any(
                c.source[j].meaning.keys & t.meaning.keys
                for k, t in enumerate(c.source)
                if k not in side
            )
        }
        if own and drawn - side:
            others = [
                j
                for j in drawn - side
                if not any(c.source[j].meaning.keys & c.source[k].meaning.keys for k in side)
                and c.source[j].tells
            ]
            if others:
                yield Mismatch(False, f"joins what the quote sets apart by “{token.text}”")
                return


_CONTRAST = listed("; but whereas while although though however yet where")


def _conditions(c: Comparison) -> Iterator[Mismatch]:
    """Find a condition, or the kind of subject it was tried on, that the claim leaves out."""
    matched = {m.source for m in c.matches.values() if m.source is not None}
    sentences = _sentence_numbers(c.source)
    drawn = {sentences[i] for i in matched}
    keys = {key for t in c.claim for key in t.meaning.keys}
    for i, token in enumerate(c.source):
        if sentences[i] not in drawn or token.meaning.keys & keys:
            continue
        members = [j for j, t in enumerate(c.source) if t.step == token.step and j > i]
        of_its_part = [j for j in members if sentences[j] == sentences[i] and c.source[j].tells]
        bare = bool(of_its_part) and not matched & set(of_its_part)
        if token.folded in _TRIED_ON or (token.folded in _IFS and bare):
            yield Mismatch(False, f"leaves out that the quote says “{token.text}”")


_IFS = listed("when whenever if unless provided once until")
_TRIED_ON = listed("mice mouse rats animals vitro simulation simulations simulated")


def _degrees(c: Comparison) -> Iterator[Mismatch]:
    """Find `as fast as` told as `faster than`, or `fast` as `faster`."""
    compares = any(t.folded == "than" for t in c.claim)
    if compares and not any(
        t.folded in _COMPARED | {"relative", "twice"} or t.meaning.keys & _VERBS_OF_RANK
        for t in c.source
    ):
        yield Mismatch(False, "the quote does not compare the two so")
    mine, theirs = _equals(c.claim), _equals(c.source)
    if mine is not None and theirs is None:
        yield _unsaid(f"as {c.claim[mine].text} as")
    elif (
        theirs is not None and mine is None and any(m.source == theirs for m in c.matches.values())
    ):
        yield Mismatch(False, f"the quote says “as {c.source[theirs].text} as”")
    for at, match in c.matches.items():
        if match.source is not None:
            said, stated = sorted((c.claim[at].folded, c.source[match.source].folded), key=len)
            if stated in {f"{said}er", f"{said}r", f"{said}est", f"{said}st"}:
                yield Mismatch(False, f"says “{c.claim[at].text}”, the quote says it otherwise")


def _equals(tokens: Sequence[Token]) -> int | None:
    """Find the word of `as fast as`, by index, unless a factor stands before it."""
    for i, token in enumerate(tokens):
        if token.folded != "as" or (i and tokens[i - 1].quantity):
            continue
        for j in range(i + 2, min(i + 4, len(tokens))):
            if tokens[j].folded == "as" and tokens[j - 1].meaning.sign:
                return j - 1
    return None


_LEAD_INS = listed(
    "in on at for with by when if after before during under from of to as using than while "
    "through without within across over is are was were"
) - {"while", "than"}
