"""Check a question, and tell its names, its unusual words and if it asks for two things."""

import re
from functools import lru_cache
from string import ascii_lowercase

from wordfreq import get_frequency_dict

from footnote.rag.core.errors import QuestionError

_ASKS_AGAIN = re.compile(
    r"(?:[,;?.]|\band\b)\s+(?:and\s+)?(?:what|how|which|why|by how|is|does)\b", re.IGNORECASE
)
_WRITTEN = re.compile(r"[\w-]+", re.ASCII)
# `RWKV`, `QLoRA`, `NF4`, `vLLM`: capitals or digits inside a word.
_LIKE_A_NAME = re.compile(r"[A-Z][\w-]*[A-Z]|[a-z][A-Z]|[A-Za-z]\d|\d[A-Z]", re.ASCII)
# `RAM` is a noun, and so is the `GPU` of `GPU-A100`.
_ABBREVIATION = re.compile(r"-*[A-Z]{1,3}s?\b", re.ASCII)
# `70B` and `4K` are written like names, and are none.
_AMOUNT = re.compile(r"\d+[A-Za-z]{1,2}")
_CAPITALISED = re.compile(r"(?<=[\w,;:] )[A-Z][a-z]{2,}\b")
# Elsewhere ordinary nouns have capitals too, as in German.
_ENGLISH = re.compile(r"\b(?:the|what|how|which|why|does|do|is|are|of|and|for)\b", re.IGNORECASE)

# Words that ask; they are seldom in abstracts, and so would look like rare ones.
_ASKING = re.compile(
    r"what|which|how|who|whom|whose|when|where|why|does|do|did|can|could|would|should|much|many|"
    r"any|anyone|anybody|there|use[ds]?|using|per|via|between|than|about|i|me|my|we|our|you",
    re.IGNORECASE,
)
_MOSTLY = 0.7
_ENDING = re.compile(r"(i(?:er|est|ly|ness))$|(?:ing|ed|er|est|ly|ness)$")
# Shorter ones are one slip away from too many others, longer ones from none.
_SHORTEST_UNUSUAL, _LONGEST_MISSPELT = 4, 20


def check_question(question: str, *, max_chars: int) -> str:
    """Return a question on one line, without what is no text.

    Raises:
        QuestionError: It is empty, or longer than `max_chars`.
    """
    # A terminal may pass bytes that are no text.
    question = " ".join(question.encode(errors="replace").decode().split())
    if not any(character.isalnum() for character in question):
        raise QuestionError("the question is empty; ask it in words")
    if len(question) > max_chars:
        raise QuestionError(
            f"question of {len(question):,} characters, at most {max_chars:,}; "
            "shorten it, or raise `answering.max_question_chars`"
        )
    return question


def asks_twice(question: str) -> bool:
    """Return True if a question asks for two things: `what is it, and how much faster?`."""
    return bool(_ASKS_AGAIN.search(question))


def names_in(question: str) -> list[str]:
    """Return the words of a question that are written like names, in order, each once."""
    found: list[tuple[int, str]] = []
    for written in _WRITTEN.finditer(question):
        abbreviation = _ABBREVIATION.match(written.group())
        name = written.group()[abbreviation.end() if abbreviation else 0 :].strip("-")
        if _LIKE_A_NAME.search(name) and not _AMOUNT.fullmatch(name):
            found.append((written.start(), name))
    if is_english(question):
        found += [(m.start(), m.group()) for m in _CAPITALISED.finditer(question)]
    return list(dict.fromkeys(name for _, name in sorted(found)))


def words_in(question: str) -> list[str]:
    """Return the words of a question that say what it is about, in order, each once."""
    found = re.findall(r"[^\W_]+", question)
    return [word for word in dict.fromkeys(found) if not _ASKING.fullmatch(word)]


def unusual_words(question: str) -> list[str]:
    """Return the words of a question that are seldom written in English, in order, each once.

    Fewer than one word in a million, as `tokamak` and `watermark`, and no slip of the pen of
    another one; numbers and short words are never meant.
    """
    return [word for word in words_in(question) if word.isalpha() and _is_unusual(word.lower())]


def is_english(question: str) -> bool:
    """Return True if a question has one of the words that nearly every English one has.

    One without them, as a row of keywords, is English when most of its words are.
    """
    if _ENGLISH.search(question):
        return True
    plain = re.findall(r"\b[a-z]{4,}\b", question)
    return sum(map(is_common, plain)) >= _MOSTLY * max(len(plain), 1)


@lru_cache(maxsize=4096)
def _is_unusual(word: str) -> bool:
    if len(word) < _SHORTEST_UNUSUAL or is_common(word):
        return False
    if any(map(is_common, _plain_forms(word))):
        return False
    if len(word) > _LONGEST_MISSPELT:
        return True
    ends = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    slips = (
        *(a + b[1:] for a, b in ends if b),
        *(a + b[1] + b[0] + b[2:] for a, b in ends if len(b) > 1),
        *(a + letter + b for a, b in ends for letter in ascii_lowercase),
        *(a + letter + b[1:] for a, b in ends if b for letter in ascii_lowercase),
    )
    return not any(map(is_common, slips))


def _plain_forms(word: str) -> list[str]:
    """Return what a word may be a form of: `sloppy` for `sloppier`, `swap` for `swapping`."""
    ending = _ENDING.search(word)
    if not ending:
        return []
    plain = word[: ending.start()]
    if ending[1]:
        return [f"{plain}y"]
    return [plain, f"{plain}e", plain[:-1] if plain[-1:] == plain[-2:-1] else plain]


def is_common(word: str) -> bool:
    """Return True for one of the words that are at least one in a million written English ones."""
    # The small list ends at one word in a million. Its table, since `zipf_frequency` takes a word
    # apart first: that of one misspelt word took milliseconds.
    return word in get_frequency_dict("en", wordlist="small")
