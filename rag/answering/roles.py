"""Tell the role of each sentence of an abstract, and if it leans on the one before it."""

from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from footnote.rag.answering.heads import load_head
from footnote.rag.core.records import Hit, Paper
from footnote.rag.core.text import fold
from footnote.rag.understanding.encoder import tokens_of

# How far into its abstract a sentence stands is told in so many steps.
_PLACES = 6
# What a sentence begins with says most of what it does.
_OPENING = 4
_LEANS = 0.5


class Role(StrEnum):
    """What a sentence does in its abstract."""

    BACKGROUND = "background"
    PROBLEM = "problem"
    IDEA = "idea"
    MECHANISM = "mechanism"
    RESULT = "result"
    LIMITATION = "limitation"
    ASIDE = "aside"


class SentenceRole(NamedTuple):
    """What a sentence does, and how likely each role is."""

    probabilities: tuple[float, ...]
    """In the order of `Role`; they sum to 1."""
    leans: bool
    """True where it cannot be understood without the sentence before it."""

    @property
    def best(self) -> Role:
        """The most likely role."""
        return max(zip(self.probabilities, Role, strict=True), key=lambda pair: pair[0])[1]


def roles_of(paper: Paper) -> tuple[SentenceRole, ...]:
    """Tell the role of each sentence of a paper, in order."""
    return _roles(tuple(map(paper.quote, paper.sentences)))


def gist(hit: Hit) -> str:
    """Return the sentence of a paper that fits best, and the one with its idea."""
    roles = [role.best for role in roles_of(hit.paper)]
    ideas = [
        span for span, role in zip(hit.paper.sentences, roles, strict=True) if role is Role.IDEA
    ]
    return " ".join(hit.paper.quote(span) for span in sorted({hit.passage, *ideas[:1]}))


@lru_cache(maxsize=1024)
def _roles(sentences: tuple[str, ...]) -> tuple[SentenceRole, ...]:
    role_head, leans_head = load_head("roles"), load_head("leans")
    order = [role_head.classes.index(role) for role in Role]
    leaning = leans_head.classes.index("yes")
    found: list[SentenceRole] = []
    for number, sentence in enumerate(sentences):
        features = list(sentence_features(sentence, number, len(sentences)))
        probabilities = role_head.probabilities(features)[order]
        leans = number > 0 and bool(leans_head.probabilities(features)[leaning] >= _LEANS)
        found.append(SentenceRole(tuple(map(float, probabilities)), leans))
    return tuple(found)


def sentence_features(sentence: str, number: int, n_sentences: int) -> Iterator[str]:
    """Yield what tells a sentence's role: its words, how it begins, and where it stands."""
    said = [fold(token.text) for token in tokens_of(sentence)]
    said = ["0" if any(map(str.isdigit, word)) else word for word in said]
    yield from said
    yield from map(" ".join, pairwise(said))
    for n_words in range(1, _OPENING + 1):
        yield f"^{' '.join(said[:n_words])}"
    place = number * _PLACES // max(n_sentences, 1)
    yield f"place:{place}"
    yield f"from the end:{min(n_sentences - number, 4)}"
    yield f"at:{min(number, 4)}"
    if said:
        yield f"place:{place} ^{said[0]}"
