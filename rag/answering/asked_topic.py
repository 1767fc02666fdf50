"""What a question about the collection asks papers to say, and which papers say it."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from footnote.rag.answering.abbreviations import called_too
from footnote.rag.core.request import Filters
from footnote.rag.core.text import QUOTED, fold, words
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.understanding.question import is_common

# Of 100, as `rapidfuzz` tells how alike two words are; shorter ones are alike by chance.
_LIKE, _SHORTEST = 80, 4
# Whose words are looked through.
_MOST_TITLES = 20_000
# Abstracts that are looked through for what an abbreviation stands for.
_MOST_ABSTRACTS = 50
# And papers that are read for it; of more most have it.
_MOST_ABSTRACTS_READ = 300
_SHORTEST_OTHER = 3
# No abbreviation stands for more words.
_MOST_WORDS = 5


class Words(Protocol):
    """An index of the words of titles and abstracts."""

    def terms(self, text: str) -> list[str]:
        """Return the words of a text as searched."""
        ...

    def holding(self, text: str) -> list[str]:
        """Return the ids of the papers that hold every word of a text in some form."""
        ...


class Topic(NamedTuple):
    """Words that papers may say."""

    text: str
    terms: frozenset[str]
    """As searched; empty where there is nothing to search for."""
    holding: frozenset[str]
    """Ids of the papers that say all of them, or what it is called too."""
    other: str = ""
    """What it is called too, such as the words that an abbreviation stands for."""
    other_terms: tuple[str, ...] = ()
    phrase: re.Pattern[str] | None = None
    """Finds it to the letter in a folded text, where it is asked for in quotes."""

    def is_said(self, text: str, said: Sequence[str]) -> bool:
        """Return True if a text says it.

        Args:
            text: The text.
            said: Its words, as searched, which hold all of its own, or its other name.
        """
        if self.phrase:
            return bool(self.phrase.search(fold(text)))
        return self.terms.issubset(said) or (
            bool(self.other) and has_in_a_row(said, self.other_terms)
        )


def has_in_a_row(said: Sequence[str], terms: tuple[str, ...]) -> bool:
    """Return True if words as searched have some others among them, in a row."""
    return any(
        tuple(said[at : at + len(terms)]) == terms for at in range(len(said) - len(terms) + 1)
    )


class TopicReader:
    """Reads topics as they are typed, and notes what it looks for in place of them."""

    def __init__(self, catalogue: Catalogue, index: Words):
        """Look in the catalogue for slips of words, and in the words of the same papers."""
        self._catalogue = catalogue
        self._words = index
        self.respelled: list[str] = []
        """What was looked for in place of what is asked, in words."""

    def read(self, text: str, *, is_name: bool = False, whole: bool = False) -> Topic:
        """Find the papers that say a topic, with slips mended by the words of titles.

        Args:
            text: The topic; may be empty.
            is_name: True for the name of a paper, which is no other name of the same thing.
            whole: True where only papers that say each word of it will do.
        """
        if quoted := QUOTED.fullmatch(text):
            return self._to_the_letter(quoted[1])
        holding = self._words.holding(text)
        meant = self.meant(text) if text and not holding else text
        if meant != text and (found := self._words.holding(meant)):
            self.respelled.append(f"No paper says “{text}”; “{meant}” was looked for.")
            text, holding = meant, found
        if not (holding or is_name or whole) and (kept := self._said_part(text)):
            self.respelled.append(f"No paper says each word of “{text}”; “{kept}” was looked for.")
            text, holding = kept, self._words.holding(kept)
        terms = self._words.terms(text)
        if is_name:
            holding = self._saying_name(terms, holding)
        topic = Topic(text, frozenset(terms), frozenset(holding))
        return topic if is_name else self._with_other_name(topic)

    def _said_part(self, text: str) -> str:
        """Return a text without the word that tells least, which the most papers have.

        Empty where papers have no such rest together, or do not have a word of the text: what no
        paper has tells most.
        """
        own = {word: len(self._words.holding(word)) for word in dict.fromkeys(text.split())}
        tells = {word: n for word, n in own.items() if self._words.terms(word)}
        if not 1 < len(tells) <= _MOST_WORDS or not all(tells.values()):
            return ""
        for left in sorted(tells, key=lambda word: -tells[word]):
            kept = " ".join(word for word in tells if word != left)
            if self._words.holding(kept):
                return kept
        return ""

    def _to_the_letter(self, phrase: str) -> Topic:
        """Find the papers that say a phrase as it is, in any case."""
        found = re.compile(rf"(?<!\w){re.escape(fold(phrase))}(?!\w)")
        terms = self._words.terms(phrase)
        # Of a phrase of such words as `is all you` papers are read as they come.
        every = (
            self._words.holding(phrase) if terms else sorted(self._catalogue.matching(Filters()))
        )
        some = every[:_MOST_TITLES]
        papers = self._catalogue.served(some)
        holding = (i for i, p in papers.items() if found.search(fold(f"{p.title}\n{p.abstract}")))
        return Topic(phrase, frozenset(terms or [phrase]), frozenset(holding), phrase=found)

    def _every(self) -> frozenset[str]:
        return self._catalogue.matching(Filters())

    def _saying_name(self, terms: Sequence[str], holding: Sequence[str]) -> Sequence[str]:
        """Return those of the papers whose title has each word of a name, or that say it in a row.

        `FlashAttention-3` is not said by a paper on FlashAttention that is 3 times as fast.
        """
        if not 1 < len(terms) <= _MOST_WORDS or len(holding) > _MOST_ABSTRACTS_READ:
            return holding
        own = tuple(terms)
        papers = self._catalogue.served(holding)
        titles = {each: self._words.terms(paper.title) for each, paper in papers.items()}
        return [
            each
            for each, paper in papers.items()
            if {*own} <= {*titles[each]}
            or has_in_a_row([*titles[each], *self._words.terms(paper.abstract)], own)
        ]

    def _with_other_name(self, topic: Topic) -> Topic:
        if not topic.holding or len(topic.terms) > _MOST_WORDS:
            return topic
        some = self._catalogue.served(sorted(topic.holding)[:_MOST_ABSTRACTS])
        abstracts = (paper.abstract for paper in some.values())
        other = called_too(topic.text, abstracts, self._words.terms)
        terms = tuple(self._words.terms(other or ""))
        # `SD` is short for too much.
        if (
            not other
            or len(other) < _SHORTEST_OTHER
            or frozenset(terms) in (frozenset(), topic.terms)
        ):
            return topic
        found = topic._replace(other=other, other_terms=terms)
        others = sorted({*self._words.holding(other)} - topic.holding)
        if len(terms) > 1 and len(others) <= _MOST_ABSTRACTS_READ:
            # Its words are one name only in a row.
            read = self._catalogue.served(others)
            texts = {each: f"{p.title}\n{p.abstract}" for each, p in read.items()}
            others = [
                each for each, t in texts.items() if has_in_a_row(self._words.terms(t), terms)
            ]
        return found._replace(holding=topic.holding.union(others))

    def meant(self, text: str) -> str:
        """Return a text with words of titles for slips, and words cut short, that no paper has."""
        # `HPCA` is no slip of `HPC`.
        named = {word.casefold() for word in re.findall(r"\w+", text) if word.isupper()}
        told = [w for w in words(text) if len(w) >= _SHORTEST and w not in named]
        # `Medusa` and `marching` are words that no paper has, and no slips of `mesa`, `searching`.
        unsaid = [word for word in told if not (self._words.holding(word) or is_common(word))]
        if not unsaid:
            return text
        from rapidfuzz import fuzz, process  # few questions ask for it

        some = sorted(self._every())[:_MOST_TITLES]
        papers = self._catalogue.facts(some)
        said = Counter(word for p in papers for word in words(p.title))
        for word in unsaid[:_MOST_WORDS]:
            # `disagg` is cut short, and not mistyped.
            whole = max((w for w in said if w.startswith(word)), key=said.__getitem__, default=None)
            found = process.extractOne(word, said.keys(), scorer=fuzz.ratio, score_cutoff=_LIKE)
            meant = whole or (found and found[0])
            if meant and not word.endswith(meant):  # `unlearning` is no slip of `learning`
                text = re.sub(re.escape(word), meant, text, count=1, flags=re.IGNORECASE)
        return text
