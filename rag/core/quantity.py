"""The quantities of a text, and whether one statement of a quantity follows from another."""

import math
import re
from collections.abc import Iterator
from enum import IntEnum
from typing import Literal, NamedTuple

Bound = Literal["", "most", "least", "about", "peak"]

_SECOND, _BYTE, _METRE, _GRAM, _SHARE, _FACTOR = "s", "B", "m", "g", "share", "x"
_POINTS = "points"
# What each unit measures, and how much of its base unit it is. Units that are missing here are
# read as the noun that is counted, and compared as words.
_UNITS: dict[str, tuple[str, float]] = {
    "%": (_SHARE, 0.01), "percent": (_SHARE, 0.01), "per cent": (_SHARE, 0.01),
    "percentage point": (_POINTS, 1), "percentage points": (_POINTS, 1), "pp": (_POINTS, 1),
    "point": (_POINTS, 1), "points": (_POINTS, 1),
    "×": (_FACTOR, 1), "x": (_FACTOR, 1), "fold": (_FACTOR, 1), "times": (_FACTOR, 1),
    "ns": (_SECOND, 1e-9), "nanosecond": (_SECOND, 1e-9), "nanoseconds": (_SECOND, 1e-9),
    "us": (_SECOND, 1e-6), "µs": (_SECOND, 1e-6), "μs": (_SECOND, 1e-6),
    "microsecond": (_SECOND, 1e-6), "microseconds": (_SECOND, 1e-6),
    "ms": (_SECOND, 1e-3), "msec": (_SECOND, 1e-3), "millisecond": (_SECOND, 1e-3),
    "milliseconds": (_SECOND, 1e-3),
    "s": (_SECOND, 1), "sec": (_SECOND, 1), "secs": (_SECOND, 1), "second": (_SECOND, 1),
    "seconds": (_SECOND, 1), "min": (_SECOND, 60), "mins": (_SECOND, 60),
    "minute": (_SECOND, 60), "minutes": (_SECOND, 60), "h": (_SECOND, 3600),
    "hr": (_SECOND, 3600), "hrs": (_SECOND, 3600), "hour": (_SECOND, 3600),
    "hours": (_SECOND, 3600), "day": (_SECOND, 86400), "days": (_SECOND, 86400),
    "week": (_SECOND, 604800), "weeks": (_SECOND, 604800),
    "month": ("month", 1), "months": ("month", 1), "year": ("month", 12),
    "years": ("month", 12), "yr": ("month", 12), "yrs": ("month", 12),
    "decade": ("month", 120), "decades": ("month", 120), "century": ("month", 1200),
    "byte": (_BYTE, 1), "bytes": (_BYTE, 1), "kb": (_BYTE, 1e3), "kib": (_BYTE, 1e3),
    "mb": (_BYTE, 1e6), "mib": (_BYTE, 1e6), "megabytes": (_BYTE, 1e6), "gb": (_BYTE, 1e9),
    "gib": (_BYTE, 1e9), "gigabytes": (_BYTE, 1e9), "tb": (_BYTE, 1e12), "tib": (_BYTE, 1e12),
    "terabytes": (_BYTE, 1e12), "pb": (_BYTE, 1e15),
    "bit": ("bit", 1), "bits": ("bit", 1),
    "nm": (_METRE, 1e-9), "µm": (_METRE, 1e-6), "μm": (_METRE, 1e-6), "um": (_METRE, 1e-6),
    "nanometres": (_METRE, 1e-9), "nanometers": (_METRE, 1e-9), "micrometres": (_METRE, 1e-6),
    "micrometers": (_METRE, 1e-6), "mm": (_METRE, 1e-3), "millimetres": (_METRE, 1e-3),
    "millimeters": (_METRE, 1e-3), "cm": (_METRE, 1e-2), "centimetres": (_METRE, 1e-2),
    "centimeters": (_METRE, 1e-2),
    "m": (_METRE, 1), "metre": (_METRE, 1), "metres": (_METRE, 1), "meter": (_METRE, 1),
    "meters": (_METRE, 1), "km": (_METRE, 1e3), "kilometres": (_METRE, 1e3),
    "kilometers": (_METRE, 1e3),
    "ng": (_GRAM, 1e-9), "µg": (_GRAM, 1e-6), "μg": (_GRAM, 1e-6), "mg": (_GRAM, 1e-3),
    "milligrams": (_GRAM, 1e-3), "g": (_GRAM, 1), "gram": (_GRAM, 1), "grams": (_GRAM, 1),
    "kg": (_GRAM, 1e3), "kilograms": (_GRAM, 1e3), "tonne": (_GRAM, 1e6),
    "tonnes": (_GRAM, 1e6), "tons": (_GRAM, 1e6),
    "ml": ("l", 1e-3), "litre": ("l", 1), "litres": ("l", 1), "liters": ("l", 1),
    "hz": ("hz", 1), "khz": ("hz", 1e3), "mhz": ("hz", 1e6), "ghz": ("hz", 1e9),
    "mw": ("mw", 1), "w": ("w", 1), "watts": ("w", 1), "kw": ("w", 1e3),
    "kilowatts": ("w", 1e3), "j": ("j", 1), "joules": ("j", 1), "kilojoules": ("j", 1e3),
    "kj": ("j", 1e3), "kwh": ("kwh", 1), "mwh": ("kwh", 1e3),
    "k": ("kelvin", 1), "kelvin": ("kelvin", 1), "°c": ("°c", 1), "°f": ("°f", 1),
    "mmhg": ("mmhg", 1), "db": ("db", 1), "v": ("v", 1), "mv": ("v", 1e-3),
    "dollars": ("$", 1), "usd": ("$", 1), "euros": ("€", 1), "euro": ("€", 1),
    "pounds": ("£", 1), "cents": ("$", 0.01),
}  # fmt: skip
_UNIT = re.compile(
    r"[\s-]?(?:of\s)?("
    + "|".join(sorted((re.escape(unit) for unit in _UNITS), key=len, reverse=True))
    + r")(?![^\W_])",
    re.IGNORECASE,
)
_MAGNITUDES = {
    "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12, "hundred": 1e2, "thousand": 1e3, "million": 1e6,
    "billion": 1e9, "trillion": 1e12,
}  # fmt: skip
_NUMBER = re.compile(
    r"(?<![\w.,:/])(?P<currency>[$€£]\s?)?"
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?|\.\d+)(?!:\d)"
    r"(?:/(?P<below>\d{1,4})(?![\d.]))?(?P<plus>\+(?!\d))?"
    r"(?P<magnitude>[kKMBT](?![A-Za-z])|[\s-](?:hundred|thousand|million|billion|trillion)\b)?"
)
_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_SMALL = {word: value for value, word in enumerate(_ONES.split())} | {
    word: 10 * value for value, word in enumerate(_TENS.split(), 2)
}
# The longest first: `ninety` begins with `nine`.
_NUMERALS = "|".join(
    sorted([*_SMALL, "hundred", "thousand", "million", "billion"], key=len, reverse=True)
)
_IN_WORDS = re.compile(
    # The letters that these begin with, so that most words are not compared with all of them.
    rf"\b(?=[{''.join(sorted({word[0] for word in _NUMERALS.split('|')}))}])"
    rf"(?:{_NUMERALS})(?:(?:[\s-]|(?<=hundred)\sand\s|(?<=thousand)\sand\s)(?:{_NUMERALS})\b)*"
    r"(?=\b|fold)",
    re.IGNORECASE,
)
_PARTS = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "tenth": 10}
_FRACTION = re.compile(
    r"\b(?=[aofhnqt])(?:(?P<above>an?|one|two|three|four|nine)[\s-])?"
    r"(?P<part>half|halves|thirds?|quarters?|fourths?|fifths?|tenths?)\b(?!-\w)",
    re.IGNORECASE,
)
# A verb or adverb that is a number: its factor, and whether the thing grew or shrank.
_TURNS = re.compile(
    r"\b(?=[adhqt])(?:(?P<two>doubl(?:e|es|ed|ing)|twice)|(?P<three>tripl(?:e|es|ed|ing)|thrice)"
    r"|(?P<four>quadrupl(?:e|es|ed|ing))|(?P<half>halv(?:e|es|ed|ing))"
    r"|(?P<ten>an? order of magnitude)|(?P<decade>a decade)|(?P<twelve>a dozen)"
    r"|(?<=within )(?P<one>an? (?:second|minute|hour|day|week|month|year))"
    r")\b(?!-\w)",
    re.IGNORECASE,
)
_TURN_VALUES = {"two": 2.0, "three": 3.0, "four": 4.0, "half": 2.0, "ten": 10.0, "twelve": 12.0}
# What may stand between a bound and its number.
_TO_NUMBER = r"\s*(?:(?:an?|about|a factor of)\s|[~≈∼]\s?)?$"
_BOUNDS: tuple[tuple[Bound, re.Pattern[str]], ...] = (
    (
        "least",
        re.compile(
            r"(?:at least|no (?:less|fewer) than|not less than|(?<!no )(?<!not )more than|over"
            r"|above|exceed\w*|beyond|(?:great|high|long|old|larg|heavi|fast)er than"
            r"|minimum of|[>≥])" + _TO_NUMBER,
            re.IGNORECASE,
        ),
    ),
    ("peak", re.compile(r"(?:up to|as (?:much|many|high|long) as)" + _TO_NUMBER, re.IGNORECASE)),
    (
        "most",
        re.compile(
            r"(?:at (?:the )?most|no more than|not more than|less than|fewer than|under"
            r"|(?:low|short|young|small|light)er than|below|within|maximum of|[<≤])" + _TO_NUMBER,
            re.IGNORECASE,
        ),
    ),
    (
        "about",
        re.compile(
            r"(?:about|around|roughly|approximately|approx\.?|nearly|almost|close to|circa|some"
            r"|an estimated|[~≈∼])" + _TO_NUMBER,
            re.IGNORECASE,
        ),
    ),
)
_LONGEST_BOUND = 32
_OR_LONGER = re.compile(r"\s*(?:\w+\s)?or (?:more|longer|higher|greater|above)\b", re.IGNORECASE)
# What stands between the members of a list or range that share the unit of the last.
_LISTED = re.compile(r"\s*(?:,|,?\s?(?:and|or|to)\s|[-–—~]|×)\s*(?:(?:by|about|up to)\s)?")
# A factor may come without a sign: `multiplied throughput by 13`.
_MULTIPLIED = re.compile(r"(?:\bmultipl\w+ (?:[\w-]+ ){0,4}by|\bfactors? of)\s*$", re.IGNORECASE)
_LONGEST_LEAD = 60
# What a number without a unit counts is the word after it: `8 GPUs`.
_COUNTED = re.compile(r"\s([^\W\d_][\w-]*)")
# What stands between two numbers that count the same: `8 to 2 GPUs`, `25 of the 500 runs`.
_OF_THE_SAME = re.compile(r"\s(?:to|(?:out\s)?of)\s(?:the\s)?")
# `RTX 4090` is a name.
_NUMBERED_NAME = re.compile(r"\b[A-Z]{2,}\w* $")
# A rate names what it is per.
_PER = re.compile(
    r"\s?(?:/|per\s|an?\s(?=day|week|month|year|hour|night|second|minute))([a-zA-Z]+)"
)
# And after the noun that is counted: `900 requests/s`.
_RATE = re.compile(r"\s[\w-]+(?:/[a-zA-Z]|\sper\s)")
# Digits that belong to a name: `LLaMA-7B`, `GPT-4`.
_OF_A_NAME = re.compile(r"[^\W\d_][-–]$")
# How near a rounded or `about` value must be.
_NEAR = 0.05
# How near a figure must be that is reckoned from others.
_EXACT = 0.01
# How far beyond a bound the value may lie for the bound to be a fair way to say it.
_FAR = 0.25


class Quantity(NamedTuple):
    """A number with its unit, where a text states it."""

    start: int
    end: int
    value: float
    """In the base unit of what it measures."""
    measures: str
    """What the unit measures, `share`, `x` for a factor, or empty for a count."""
    bound: Bound = ""
    places: int = 0
    """Decimals as written, in the unit as written."""
    scale: float = 1.0
    """Base units in the unit as written."""
    turn: int = 0
    """1 for `doubles`, -1 for `halves`, 0 where the word does not tell."""
    in_words: bool = False
    per: str = ""
    """What a rate is per, its first letter or word: `s` in `tokens/s`."""
    counted: str = ""
    """The word after a number without a unit, in lower case: `gpus` of `8 GPUs`."""


class Agreement(IntEnum):
    """How a claimed quantity stands to one in the source."""

    NONE = 0
    """Another number."""
    CLASH = 1
    """The same digits of another unit, or a bound turned round."""
    DOUBTFUL = 2
    """It follows roughly: rounded, a bound left out, or a unit left out."""
    SAME = 3
    """It follows."""


def quantities(text: str) -> list[Quantity]:
    """Return the quantities of a text, in order, not overlapping.

    Digits inside names (`LLaMA-7B`) and a lone `one` are none.
    """
    found = [*_in_digits(text), *_as_turns(text), *_as_fractions(text), *_in_words(text)]
    chosen: list[Quantity] = []
    for quantity in sorted(found, key=lambda q: (q.start, -q.end)):
        if not chosen or quantity.start >= chosen[-1].end:
            chosen.append(quantity)
    return _sharing_units(text, chosen)


def states_figure(text: str) -> bool:
    """Return True if a text states a measured value: one with a unit, a factor, a rate or decimals.

    A bare count (`three parts`, `on 8 benchmarks`) and a year are none.
    """
    # None of those in digits lies in another: the first few tell it of most texts.
    return any(q.measures or q.places for q in _in_digits(text)) or any(
        q.measures or q.per or q.places or _RATE.match(text, q.end) for q in quantities(text)
    )


def measure_of(unit: str) -> str:
    """Return what a unit measures (`watts`: `w`), as `Quantity.measures`; empty for other words."""
    return _UNITS.get(unit.lower(), ("", 1.0))[0]


def agreement(claimed: Quantity, stated: Quantity) -> Agreement:
    """Judge if a claimed quantity follows from a stated one, whatever they are said of."""
    if claimed.turn and stated.turn and claimed.turn != stated.turn:
        return Agreement.CLASH
    if claimed.measures == stated.measures:
        if claimed.per and stated.per and claimed.per[0] != stated.per[0]:
            return Agreement.CLASH if _equal(claimed, stated) else Agreement.NONE
        return _same_measure(claimed, stated)
    if {claimed.measures, stated.measures} == {_SHARE, _FACTOR}:
        converted = _share_as_factor(claimed, stated)
        if converted is not Agreement.NONE:
            return converted
    unit_left_out = not claimed.measures or (
        not stated.measures and claimed.measures not in {_SHARE, _FACTOR}
    )
    if unit_left_out and _same_digits(claimed, stated):
        return Agreement.DOUBTFUL
    return Agreement.CLASH if _same_digits(claimed, stated) else Agreement.NONE


def derivable(claimed: Quantity, stated: list[Quantity]) -> bool:
    """Return True if a factor or share is the ratio or the change between two stated quantities.

    Both have a unit that measures the same, or count the same thing; of two shares it is the change
    alone, as another share would be read as theirs.
    """
    if claimed.measures not in {_SHARE, _FACTOR}:
        return False
    for i, one in enumerate(stated):
        for other in stated[i + 1 :]:
            if _are_alike(one, other) and one.value > 0 and other.value > 0:
                ratio = max(one.value, other.value) / min(one.value, other.value)
                changes = (ratio - 1, 1 - 1 / ratio)
                shares = changes if one.measures == _SHARE else (1 / ratio, *changes)
                forms = (ratio,) if claimed.measures == _FACTOR else shares
                if any(_roughly(claimed, form) for form in forms):
                    return True
    return False


def _are_alike(one: Quantity, other: Quantity) -> bool:
    """Return True if two quantities may be compared: a year, or a bare number, with none."""
    if one.measures or other.measures:
        return one.measures == other.measures
    return bool(one.counted) and one.counted == other.counted


def _roughly(claimed: Quantity, value: float) -> bool:
    if claimed.in_words and claimed.bound == "most":
        return value <= claimed.value <= value * (1 + _FAR)
    if claimed.in_words and claimed.bound == "least":
        return claimed.value <= value <= claimed.value * (1 + _FAR)
    near = _NEAR if claimed.in_words or claimed.bound == "about" else _EXACT
    return math.isclose(claimed.value, value, rel_tol=near)


def _same_measure(claimed: Quantity, stated: Quantity) -> Agreement:
    if _equal(claimed, stated):
        return _by_bound(claimed.bound, stated.bound)
    exact = stated.bound in {"", "about"}
    gap = stated.value - claimed.value
    if claimed.bound == "least" and exact:
        if 0 <= gap <= _FAR * abs(claimed.value):
            return Agreement.SAME
    elif claimed.bound == "most" and exact:
        if 0 <= -gap <= _FAR * abs(claimed.value):
            return Agreement.SAME
    elif claimed.bound == "about" and exact and abs(gap) <= _NEAR * abs(stated.value):
        return Agreement.SAME
    written = stated.value / claimed.scale
    # 2.9 rounds to 3, and is not over it.
    beyond = exact and {"least": gap < 0, "most": gap > 0}.get(claimed.bound, False)
    if (
        claimed.places < stated.places
        and not beyond
        and math.isclose(round(written, claimed.places), claimed.value / claimed.scale)
    ):
        return Agreement.DOUBTFUL
    return Agreement.CLASH if _same_digits(claimed, stated) else Agreement.NONE


def _by_bound(claimed: Bound, stated: Bound) -> Agreement:
    if claimed == stated or not stated:
        # `3×` may be told as `about 3×` or `up to 3×`, not as `over 3×`.
        return Agreement.DOUBTFUL if claimed == "least" and not stated else Agreement.SAME
    if "least" in {claimed, stated} and {claimed, stated} & {"most", "peak"}:
        return Agreement.CLASH
    return Agreement.DOUBTFUL


def _share_as_factor(claimed: Quantity, stated: Quantity) -> Agreement:
    """Judge if `half` is `halved`, and `140% more` is `2.4×`; only the first is sure."""
    share, factor = (claimed, stated) if claimed.measures == _SHARE else (stated, claimed)
    if factor.value <= 1:
        return Agreement.NONE
    if share.in_words and math.isclose(share.value, 1 / factor.value, abs_tol=0.005):
        halved = factor.turn < 0 and claimed.bound == stated.bound
        return Agreement.SAME if halved else Agreement.DOUBTFUL
    changes = (factor.value - 1, 1 - 1 / factor.value)
    near = any(math.isclose(share.value, change, rel_tol=0.02) for change in changes)
    return Agreement.DOUBTFUL if near else Agreement.NONE


def _equal(one: Quantity, other: Quantity) -> bool:
    if math.isclose(one.value, other.value, rel_tol=1e-6):
        return True
    if one.measures == _SHARE and (one.in_words or other.in_words):
        return math.isclose(one.value, other.value, abs_tol=0.007)
    # 1 GB is 1,000 or 1,024 MB.
    if one.measures == _BYTE and other.value and one.scale != other.scale:
        powers = math.log(max(one.scale, other.scale) / min(one.scale, other.scale), 1000)
        ratio = one.value / other.value
        shift = 1.024 ** round(powers)
        return math.isclose(max(ratio, 1 / ratio) if ratio else 0, shift, rel_tol=1e-6)
    return False


def _same_digits(one: Quantity, other: Quantity) -> bool:
    return math.isclose(one.value / one.scale, other.value / other.scale, rel_tol=1e-6)


def _in_digits(text: str) -> Iterator[Quantity]:
    for match in _NUMBER.finditer(text):
        if _OF_A_NAME.search(text[max(0, match.start() - 2) : match.start()]):
            continue
        if match["below"] and _NUMBERED_NAME.search(_just_before(text, match.start())):
            continue  # `ABC 1/2` names two
        digits = match["number"].replace(",", "")[:300]
        value = float(digits)
        magnitude = (match["magnitude"] or "").strip(" -").lower()
        currency = (match["currency"] or "").strip()
        unit = None if currency else _UNIT.match(text, match.end())
        # `K` after a space is kelvin, attached it is a thousand, as `M` is a million.
        value *= _MAGNITUDES.get(magnitude, 1.0)
        if match["below"] and int(match["below"]):
            value /= int(match["below"])
        end = unit.end() if unit else match.end()
        if not unit and end < len(text) and (text[end].isalpha() or text[end] == "_"):
            continue
        places = len(digits.partition(".")[2])
        measures, scale = _UNITS[unit[1].lower()] if unit else (currency, 1.0)
        if match["below"] and not unit:
            measures = _SHARE
        if not measures and _MULTIPLIED.search(
            text[max(0, match.start() - _LONGEST_LEAD) : match.start()]
        ):
            measures = _FACTOR
        quantity = Quantity(match.start(), end, value * scale, measures, places=places, scale=scale)
        yield quantity._replace(bound="least") if match["plus"] else _bounded(text, quantity)


def _just_before(text: str, start: int) -> str:
    return text[max(0, start - _LONGEST_BOUND) : start]


def _in_words(text: str) -> list[Quantity]:
    found: list[Quantity] = []
    for match in _IN_WORDS.finditer(text):
        numerals = re.findall(rf"{_NUMERALS}", match.group().lower())
        value = _value_of(numerals)
        unit = _UNIT.match(text, match.end())
        if value == 1 and not (unit and unit[1].lower() in {"%", "percent", "per cent"}):
            continue
        measures, scale = _UNITS[unit[1].lower()] if unit else ("", 1.0)
        end = unit.end() if unit else match.end()
        quantity = Quantity(match.start(), end, value * scale, measures, scale=scale, in_words=True)
        found.append(_bounded(text, quantity))
    return found


def _value_of(numerals: list[str]) -> float:
    total = part = 0.0
    for numeral in numerals:
        if numeral in _SMALL:
            part += _SMALL[numeral]
        elif numeral == "hundred":
            part = (part or 1) * 100
        else:
            total += (part or 1) * _MAGNITUDES[numeral]
            part = 0
    return total + part


def _as_fractions(text: str) -> list[Quantity]:
    found: list[Quantity] = []
    for match in _FRACTION.finditer(text):
        above, part = (match["above"] or "").lower(), match["part"].lower()
        # `third` alone counts, as in `the third year`.
        if not above and part != "half":
            continue
        value = _SMALL.get(above, 1) / _PARTS[part if part in _PARTS else part.rstrip("s")]
        quantity = Quantity(match.start(), match.end(), value, _SHARE, in_words=True)
        found.append(_bounded(text, quantity))
    return found


def _as_turns(text: str) -> list[Quantity]:
    found: list[Quantity] = []
    for match in _TURNS.finditer(text):
        name = match.lastgroup or ""
        if name == "one":
            measures, scale = _UNITS[match.group().split()[1].lower()]
            one = Quantity(match.start(), match.end(), scale, measures, scale=scale, in_words=True)
            found.append(_bounded(text, one))
            continue
        if name == "decade":
            found.append(Quantity(match.start(), match.end(), 120, "month", in_words=True))
            continue
        turn = -1 if name == "half" else 1 if match.group()[-1] in "dsg" else 0
        measures = "" if name == "twelve" else _FACTOR
        quantity = Quantity(
            match.start(), match.end(), _TURN_VALUES[name], measures, turn=turn, in_words=True
        )
        found.append(_bounded(text, quantity))
    return found


def _bounded(text: str, quantity: Quantity) -> Quantity:
    before = text[max(0, quantity.start - _LONGEST_BOUND) : quantity.start]
    if _OR_LONGER.match(text, quantity.end):
        return quantity._replace(bound="least")
    for bound, pattern in _BOUNDS:
        if pattern.search(before):
            return quantity._replace(bound=bound)
    return quantity


def _sharing_units(text: str, found: list[Quantity]) -> list[Quantity]:
    """Give `2` and `4` of `2 to 4×` one unit, counts what they count, rates what they are per."""
    shared = [_with_noun(text, quantity) for quantity in found]
    for i in range(len(found) - 2, -1, -1):
        one, after = shared[i], shared[i + 1]
        between = text[one.end : after.start]
        if (
            not one.measures
            and after.measures
            and len(between) < _LONGEST_BOUND
            and _LISTED.fullmatch(between)
            and not _NUMBERED_NAME.search(_just_before(text, one.start))
        ):
            shared[i] = one._replace(
                value=one.value * after.scale, measures=after.measures, scale=after.scale
            )
        elif _OF_THE_SAME.fullmatch(between):
            shared[i] = one._replace(counted=after.counted)
    return [_with_rate(text, quantity) for quantity in shared]


def _with_noun(text: str, quantity: Quantity) -> Quantity:
    counted = None if quantity.measures else _COUNTED.match(text, quantity.end)
    return quantity._replace(counted=counted[1].lower()) if counted else quantity


def _with_rate(text: str, quantity: Quantity) -> Quantity:
    per = _PER.match(text, quantity.end)
    return quantity._replace(per=per[1].lower()) if per else quantity
