"""Read the numbers that upvotes, authors and sources are compared with: `at least 2 upvotes`."""

import unicodedata
from collections.abc import Sequence

from footnote.rag.core.request import MOST_COUNTED
from footnote.rag.core.text import fold
from footnote.rag.understanding.encoder import Token

_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
    "twenty",
)  # fmt: skip
_LARGER = {"dozen": 12, "thirty": 30, "forty": 40, "fifty": 50, "hundred": 100, "thousand": 1_000}
_NONE, _ONE = "no", ("a", "an", "single", "sole", "solo")
_BOUNDS = ("over", "least", "under", "most", "exactly")
_COUNTED = ("of_upvotes", "of_authors", "of_sources")


def read_count(text: str) -> int | None:
    """Read a whole number, in figures or as one word; None for what is none, or far too large."""
    word = fold(text).replace(",", "").rstrip("+")
    if len(word) == 1 and (value := unicodedata.numeric(word, None)) is not None:
        return int(value) if value == int(value) else None
    if word.isdecimal():
        n = int(word) if len(word) <= len(str(MOST_COUNTED)) else MOST_COUNTED + 1
        return n if n <= MOST_COUNTED else None
    if word in _WORDS:
        return _WORDS.index(word)
    if word in _LARGER:
        return _LARGER[word]
    return 0 if word == _NONE else 1 if word in _ONE else None


def bounds_of(text: str, tokens: Sequence[Token], labels: Sequence[str]) -> dict[str, int]:
    """Return the least and the most upvotes, authors and sources that a line asks for.

    A number is of what is counted next after it, or else of what was counted last before it;
    one that cannot be read asks for nothing.

    Args:
        text: The line.
        tokens: Its words.
        labels: Of each word, what it names.

    Returns:
        By the names of the fields of `Filters`: `min_upvotes` and the like.
    """
    found: dict[str, int] = {}
    counted = [
        (at, label.removeprefix("of_")) for at, label in enumerate(labels) if label in _COUNTED
    ]
    for at, label in enumerate(labels):
        if label not in _BOUNDS or not counted:
            continue
        span = tokens[at].span
        n = read_count(text[span.start : span.end])
        if n is None:
            continue
        what = next((name for place, name in counted if place >= at), counted[-1][1])
        if label in ("over", "least", "exactly"):
            found[f"min_{what}"] = n + (label == "over")
        if label in ("under", "most", "exactly"):
            found[f"max_{what}"] = max(n - (label == "under"), 0)
    return found
