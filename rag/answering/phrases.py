"""The phrases that most titles have."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import NamedTuple

from wordfreq import get_frequency_dict

from footnote.rag.core.text import words

_SHORTEST, _LONGEST = 2, 4
# Of all words of English: `from` and `after`, and no noun of a field.
_SO_COMMON = 1e-3


class _Phrase(NamedTuple):
    key: tuple[str, ...]
    """Its words as searched."""
    n: int

    @property
    def weight(self) -> float:
        # One of three words tells more than two of them, which more titles have.
        return self.n * len(self.key)


def common_words(
    titles: Iterable[str], terms: Callable[[str], Sequence[str]], most: int
) -> list[tuple[str, int]]:
    """Return words with how many titles have each as it is, those of most titles first.

    Without numbers, very common words, and what stands in one title alone.

    Args:
        titles: Of papers.
        terms: Returns the words of a text as searched: none of `of`.
        most: How many at most; fewer where titles share no more.
    """
    counts = Counter(word for title in titles for word in dict.fromkeys(words(title)))
    tells = (
        (word, n)
        for word, n in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        if n > 1 and not word[0].isdecimal() and not _is_so_common(word) and terms(word)
    )
    return [*islice(tells, most)]


def common_phrases(
    titles: Iterable[str], terms: Callable[[str], Sequence[str]], most: int
) -> list[tuple[str, int]]:
    """Return phrases of two to four words with how many titles have each, in any form of its words.

    None is a part of another, none begins or ends with a number or a very common word, and each
    stands in two titles at least.

    Args:
        titles: Of papers.
        terms: Returns the words of a text as searched: none of `of`.
        most: How many at most; fewer where titles share no more.

    Returns:
        Each as most titles write it, in small letters; those of most titles first.
    """

    @cache
    def term(word: str) -> str:
        return " ".join(terms(word))

    counts: Counter[tuple[str, ...]] = Counter()
    written: dict[tuple[str, ...], Counter[str]] = {}
    for title in titles:
        said = words(title)
        keys = ["" if _is_so_common(word) else term(word) for word in said]
        found: set[tuple[str, ...]] = set()
        for first, last in _phrases(said, keys):
            pairs = zip(keys[first:last], said[first:last], strict=True)
            key = tuple(stem or word for stem, word in pairs)
            found.add(key)
            written.setdefault(key, Counter())[" ".join(said[first:last])] += 1
        counts.update(found)
    shared = [_Phrase(key, n) for key, n in counts.items() if n > 1]
    chosen: list[_Phrase] = []
    for phrase in sorted(shared, key=lambda p: (-p.weight, p.key)):
        if len(chosen) == most:
            break
        if not any(_overlap(phrase.key, other.key) for other in chosen):
            chosen.append(phrase)
    said_most = [(min(written[p.key].items(), key=_most_first)[0], p.n) for p in chosen]
    return sorted(said_most, key=_most_first)


def _phrases(said: Sequence[str], keys: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where phrases of a title are."""
    for first, word in enumerate(said):
        if keys[first] and not word.isdigit():
            for end in range(first + _SHORTEST, min(first + _LONGEST, len(said)) + 1):
                if keys[end - 1]:
                    yield first, end


def _is_so_common(word: str) -> bool:
    return get_frequency_dict("en", wordlist="small").get(word, 0.0) >= _SO_COMMON


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    short, long = sorted((one, other), key=len)
    return any(long[at : at + len(short)] == short for at in range(len(long) - len(short) + 1))


def _most_first(pair: tuple[str, int]) -> tuple[int, str]:
    name, n = pair
    return -n, name
