"""Tell what an abbreviation stands for, by papers that write it out: `mixture of experts (MoE)`."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

# `(MoE)`, `(LLMs)`, `(KV)`: a word with two capitals or with a digit, alone in its parentheses.
_SHORT = re.compile(r"\(([A-Za-z][\w-]{1,9}?)s?\)")
_CAPITALS = 2
_WORD = re.compile(r"[^\W_]+")
# As many words before it are looked at, and as many more again than it has letters.
_MORE_WORDS = 5


def called_too(name: str, texts: Iterable[str], terms: Callable[[str], list[str]]) -> str | None:
    """Return what most texts that write it out call something too; None where none does.

    Args:
        name: An abbreviation, or what one stands for; in any case.
        texts: Texts that say it.
        terms: Returns the words of a text as searched, by which two names are the same.
    """
    own = terms(name)
    found: Counter[tuple[str, ...]] = Counter()
    written: dict[tuple[str, ...], str] = {}
    for text in texts:
        for short, long in _pairs(text):
            for one, other in ((short, long), (long, short)):
                if terms(one) == own:
                    key = tuple(terms(other))
                    found[key] += 1
                    written.setdefault(key, other)
    return written[found.most_common(1)[0][0]] if found else None


def is_written_out(name: str, title: str) -> bool:
    """Return True if words of a title in a row are those of a name, an abbreviation written out.

    `Zero bubble PP` is `Zero Bubble Pipeline Parallelism`: a word of two capitals or more stands
    for words that begin with its letters. False where the name has no such word.
    """
    typed = _WORD.findall(name)
    if not any(_is_short(word) for word in typed) or all(_is_short(word) for word in typed):
        return False
    entitled = [word.casefold() for word in _WORD.findall(title)]
    return any(_is_at(typed, entitled[at:]) for at in range(len(entitled)))


def _is_at(typed: Sequence[str], entitled: Sequence[str]) -> bool:
    """Return True if a title goes on with these words."""
    at = 0
    for word in typed:
        letters = word.casefold()
        if at < len(entitled) and entitled[at] == letters:
            at += 1
            continue
        initials = "".join(each[0] for each in entitled[at : at + len(letters)])
        if not _is_short(word) or initials != letters:
            return False
        at += len(letters)
    return True


def _is_short(word: str) -> bool:
    return len(word) >= _CAPITALS and word.isupper() and word.isalpha()


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the abbreviations of a text, each with the words before it that it stands for.

    A. Schwartz and M. Hearst, A simple algorithm for identifying abbreviation definitions in
    biomedical text (PSB 2003): the letters are looked for from the last one back, each in a word
    before that of the next or in the same word, the first one at the beginning of a word.
    """
    for match in _SHORT.finditer(text):
        short = match[1]
        if sum(c.isupper() or c.isdigit() for c in short) < _CAPITALS:
            continue
        before = text[: match.start()].rstrip()
        words = list(_WORD.finditer(before))[-len(short) - _MORE_WORDS :]
        if words and (start := _beginning(short, before, words[0].start())) is not None:
            yield short, before[start:]


def _beginning(short: str, text: str, least: int) -> int | None:
    """Return where the words begin that an abbreviation stands for; None for no words."""
    at = len(text)
    letters = [c for c in short.casefold() if c.isalnum()]
    for number, letter in reversed(list(enumerate(letters))):
        at -= 1
        while at >= least and not (
            text[at].casefold() == letter and (number or at == 0 or not text[at - 1].isalnum())
        ):
            at -= 1
        if at < least:
            return None
    return at
