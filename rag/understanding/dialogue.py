"""Tell a question that leans on the one before it, and rewrite it to stand alone."""

import re

from footnote.rag.understanding.question import names_in

_BACK = re.compile(
    # pronouns; `it` in `is it possible` stands for nothing
    r"\bit\b(?!\s+(?:is\s+)?(?:possible|true|known|clear|hard|easy|worth|better|common)\b)"
    r"|\b(?:its|itself|they|them|their|theirs|these|those)\b"
    # `that` and `this` when they stand for something: not in `systems that …`
    r"|\b(?:did|does|do|is|was|for|of|with|by|than|to|fix|like|why|how|about|after|beyond)\s+"
    r"(?:that|this)\b|\b(?:that|this|the (?:same|other|first|second|latter|former))\s+"
    r"(?:one|paper|system|method|approach|work|technique|model|idea|result|study|algorithm)\b"
    r"|\bthe (?:former|latter)\b|^\W*(?:this|that)\b",
    re.IGNORECASE,
)
# An opening that goes on from something.
_GOES_ON = re.compile(r"^\W*(?:and|but|so|also|what about|how about)\b", re.IGNORECASE)
# What stands before this in a question can be what its pronouns stand for.
_BREAK = re.compile(r"[.?!:;]\s|,?\s+and\s+(?=what|how|which|why|is|does)\b", re.IGNORECASE)
_SAYS_ENOUGH = 4
# The embedder reads a few hundred words, and the question stands last; no title is as long.
_LONGEST_TOPIC = 500
# A question of fewer words that names nothing says too little to stand alone: `By how much?`
_TOO_SHORT = 6


def leans_back(question: str) -> bool:
    """Return True if a question points to something said before.

    Judged by its own words, in English.

    A pronoun after a name, or after a part that says enough, stands for what the question itself
    says: `NanoFlow: how fast is it?`.
    """
    if _GOES_ON.match(question) or (_n_words(question) < _TOO_SHORT and not names_in(question)):
        return True
    back = _BACK.search(question)
    return bool(back) and not _says_what_it_is_about(question[: back.start()])


def _says_what_it_is_about(before: str) -> bool:
    """Return True if what stands before a pronoun can be what it stands for."""
    breaks = [match.start() for match in _BREAK.finditer(before)]
    said = before[: breaks[-1]] if breaks else ""
    return bool(names_in(f"{before} .")) or _n_words(said) >= _SAYS_ENOUGH


def _n_words(text: str) -> int:
    return len(re.findall(r"\w+", text))


def rewrite(question: str, topic: str) -> str:
    """Rewrite a question to stand alone: with what it is about in front.

    Args:
        question: As it was asked.
        topic: What the conversation is about: a title, or the question before; a long one is cut.
    """
    return f"{topic[:_LONGEST_TOPIC].rstrip()}: {question}"
