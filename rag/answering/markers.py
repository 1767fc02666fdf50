"""Read markers such as `[3.2]` in what a model wrote, in every style, and cut it into sentences.

`3.2` is the second sentence of the third source; a model that names no sentence writes `3`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from footnote.rag.core.text import sentence_spans

_BRACKETS = str.maketrans("【】〔〕［］⟦⟧", "[][][][]")
_ID = r"\d{1,3}(?:\.\d{1,3})?"
_NUMBERS = rf"{_ID}(?:\s*(?:[,;&–—-]|\band\b)\s*(?:sources?\s*|#)?{_ID})*"
_WORD = r"(?:sources?|papers?|refs?|references?|documents?|docs?|citations?|abstracts?)\b[.:#\s]*"
_LINK = r"(?:\([^()\s]*\))?"
_IN_BRACKETS = re.compile(
    rf"\[{{1,2}}\s*(?:{_WORD}|s(?=\d)|[#^])?({_NUMBERS})\s*(?:†[^\[\]]*)?\]{{1,2}}{_LINK}", re.I
)
_AFTER_CARET = re.compile(rf"(?:(?<=[\s.,;:!?)\]\"'”’])|(?<=[^\W\d_]{{3}}))\^\[?({_ID})\b\]?")
_DIGITS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_FOOTNOTE = re.compile(rf"(?<=[.,;:!?)\]])[{_DIGITS}]{{1,2}}(?=\s|$)")
_RAISED = re.compile(rf"<(sup|cite)>\[?\s*({_NUMBERS})\s*\]?</\1>", re.I)
_WORD_IN_PARENS = re.compile(rf"\(\s*{_WORD}({_NUMBERS})\s*\)", re.I)
# `(2)` is a marker where a sentence or clause ends; elsewhere it counts things, as in `(1) tiling`.
_PARENS = re.compile(rf"\(\s*({_NUMBERS})\s*\)(?=\s*(?:[.,;:!?]|$))|(?<=[.!?])\s*\(({_NUMBERS})\)")
_TEXT_LINK = re.compile(r"\[([^\[\]]+)\]\([^()\s]*\)")
_DECORATION = re.compile(r"\*\*|__|`")
_BULLET = re.compile(r"^\s*(?:#{1,6}\s+|[-*•+]\s+|\d{1,2}[.)]\s+(?=\D))+")
_MARKER = re.compile(r"\[(\d{1,3})(?:\.(\d{1,3}))?\]")
_MARKERS = rf"(?:\[{_ID}\])+"
_AFTER_THE_END = re.compile(rf"([.!?][\"'”’)]*)\s*({_MARKERS})\.?(?=\s|$)")
# More than any prompt holds; `[1-999]` is no list of sources.
_MAX_RANGE = 50
# What follows must have begun for good before a sentence is known to have ended.
_BEGUN = re.compile(r"\S+\s+\S+\s")


def normalise_markers(text: str, n_sources: int) -> str:
    """Write every marker as `[n]`, before the full stop; other decoration is taken off.

    `[1,2]`, `[1-3]`, `(1)`, `【1】`, `^1`, `[Source 1]` and `[1](link)` are all read. Brackets that
    hold no number of a source, as in `[0, 1]`, stay as they are.
    """
    text = _BULLET.sub("", text.translate(_BRACKETS))
    text = _FOOTNOTE.sub(lambda m: _spelled("".join(str(_DIGITS.index(d)) for d in m[0])), text)
    text = _RAISED.sub(lambda m: _spelled(m[2]), text)
    text = _IN_BRACKETS.sub(lambda m: _spelled(m[1]) or m[0], text)
    text = _WORD_IN_PARENS.sub(lambda m: _spelled(m[1]) or m[0], text)
    text = _PARENS.sub(lambda m: _in_range(m[1] or m[2], n_sources) or m[0], text)
    text = _AFTER_CARET.sub(lambda m: _spelled(m[1]) or m[0], text)
    text = _DECORATION.sub("", _TEXT_LINK.sub(r"\1", text))
    text = re.sub(rf"\](?:\s*[,;]?\s*)(?=\[{_ID}\])", "]", text)
    # A line that begins with its marker goes on so: `[1] It is fast. [2] It is small.`
    if re.match(rf"\s*{_MARKERS}", text):
        return text
    return _AFTER_THE_END.sub(lambda m: f" {m[2]}{m[1]}", text)


class Ref(NamedTuple):
    """A sentence of a source, or the source."""

    source: int
    """From 1."""
    sentence: int | None = None
    """From 1; None where only the source is named."""


def take_markers(sentence: str, sizes: Sequence[int]) -> tuple[str, tuple[Ref, ...] | None]:
    """Take the markers off a sentence of normalised text.

    Args:
        sentence: The text.
        sizes: How many sentences each source has.

    Returns:
        The text, and what the markers name, in order, without what is not there; None where it has
        no marker.
    """
    named = [
        Ref(int(source), int(number) if number else None)
        for source, number in _MARKER.findall(sentence)
    ]
    bare = re.sub(rf"\s*{_MARKERS}\s*(?:[:–-]\s+)?", " ", sentence)
    bare = re.sub(r"\s+([.,;:!?)])", r"\1", " ".join(bare.split()))
    there = dict.fromkeys(ref for ref in named if _is_there(ref, sizes))
    return bare, tuple(there) if named else None


def _is_there(ref: Ref, sizes: Sequence[int]) -> bool:
    if not 1 <= ref.source <= len(sizes):
        return False
    return ref.sentence is None or 1 <= ref.sentence <= sizes[ref.source - 1]


class SentenceStream:
    """Cuts text that arrives in pieces into sentences, the same however it is cut into pieces."""

    def __init__(self, n_sources: int):
        self._n_sources = n_sources
        self._line = ""

    def feed(self, text: str) -> Iterator[str]:
        """Yield the sentences that are complete with this text, with normalised markers."""
        for character in text:
            self._line += character
            if character == "\n":
                yield from self.finish()
            elif character.isspace():
                yield from self._settled()

    def finish(self) -> Iterator[str]:
        """Yield what is left, complete or not."""
        line = normalise_markers(self._line, self._n_sources)
        self._line = ""
        for start, end in sentence_spans(line):
            yield line[start:end]

    @property
    def pending(self) -> str:
        """Return what has arrived of a sentence that is not complete."""
        return self._line

    def _settled(self) -> Iterator[str]:
        while True:
            line = normalise_markers(self._line, self._n_sources)
            spans = sentence_spans(line)
            if len(spans) < 2:
                return
            first, rest = line[slice(*spans[0])], line[spans[1].start :]
            open_bracket = re.match(r"[\[(^<]", rest) and not re.search(r"[\])>]", rest)
            if open_bracket or not _BEGUN.match(rest) or first.count("(") > first.count(")"):
                return
            yield first
            self._line = rest


def _spelled(numbers: str) -> str:
    """Spell `1, 3-5` as `[1][3][4][5]`, `3.2-3.4` too; empty when it names no source."""
    found: list[str] = []
    for part in re.split(r"[,;&]|\band\b", numbers):
        ends = re.findall(_ID, part)
        found += _range(*ends) if len(ends) == 2 else ends
    return "" if any(each.startswith("0") for each in found) else "".join(f"[{n}]" for n in found)


def _range(first: str, last: str) -> list[str]:
    """Spell out a range of sources, or of sentences of one."""
    source, _, start = first.rpartition(".")
    other, _, end = last.rpartition(".")
    if source != other and other:
        return [first, last]
    if not 0 < int(end) - int(start) <= _MAX_RANGE:
        return [first, last]
    of = f"{source}." if source else ""
    return [f"{of}{n}" for n in range(int(start), int(end) + 1)]


def _in_range(numbers: str, n_sources: int) -> str:
    spelled = _spelled(numbers)
    return spelled if all(int(n) <= n_sources for n, _ in _MARKER.findall(spelled)) else ""
