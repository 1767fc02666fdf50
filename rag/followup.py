"""Whether a question is understood only with the one before it."""

import re

from rag.question import names_in

_BACK = re.compile(
    # pronouns; `it` in `is it possible` stands for nothing
    r"\bit\b(?!\s+(?:is\s+)?(?:possible|true|known|clear|hard|easy|worth|better|common)\b)"
    r"|\b(?:its|itself|they|them|their|theirs|these|those)\b"
    # `that` and `this` when they stand for something: not in `systems that …`
    r"|\b(?:did|does|do|is|was|for|of|with|by|than|to|fix|like|why|how|about|after|beyond)\s+"
    r"(?:that|this)\b|\b(?:that|this|the (?:same|other|first|second|latter|former))\s+"
    r"(?:one|paper|system|method|approach|work|technique|model|idea|result|study|algorithm)\b"
    r"|\bthe (?:former|latter)\b|^\W*(?:this|that)\b"
    # an opening that goes on from something
    r"|^\W*(?:and|but|so|also|what about|how about)\b",
    re.IGNORECASE,
)
# A question of fewer words that names nothing says too little to stand alone: `By how much?`
_TOO_SHORT = 6


def leans_back(question: str) -> bool:
    """Whether a question points to something said before; judged by its own words, in English."""
    n_words = len(re.findall(r"\w+", question))
    return bool(_BACK.search(question)) or (n_words < _TOO_SHORT and not names_in(question))


def in_full(question: str, topic: str) -> str:
    """The question, said with what it is about in front.

    Args:
        question: As it was asked.
        topic: What the conversation is about: a title, or the question before.
    """
    return f"{topic}: {question}"
