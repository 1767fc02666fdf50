"""Read a sentence for the verifier: its words with what they mean, its numbers, its clauses."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol

from footnote.rag.core.quantity import Quantity, quantities
from footnote.rag.core.text import fold
from footnote.rag.verification.wording import (
    FILLER,
    FUNCTION,
    NEGATORS,
    PASSED,
    Meaning,
    base,
    groups,
    listed,
    opposites,
    root,
)

TokenKind = Literal["word", "name", "number", "grammar", "mark"]

# A name with hyphens is one token (`LLaMA-7B`, `TensorRT-LLM`, `2:4`), other words are split.
_TOKEN = re.compile(
    r"(?:https?://|www\.)[^\s]{1,200}"
    r"|[^\W_]+(?:[-–_][^\W_]+)+(?=\W|$)|\d+:\d+|\d+(?:[.,]\d+)*[^\W\d_]*"
    r"|[^\W_]+(?:['’][^\W\d_]+)?|[^\w\s]"
)
_PIECE = re.compile(r"[^\W_]+")
# Capitals or digits inside a word.
_NAME_SHAPE = re.compile(r"[^\W\d_]\d|\d[^\W\d_]|[^\W_][A-Z]|\d:\d")
# `GPUs`, `LLMs`
_PLURAL = re.compile(r".*[A-Z]s")
_CLAUSE_WORDS = listed("while whereas but although though where which yet because")
_AFTER_COMMA = listed("and or so with compared against versus unlike")
_STEP_WORDS = listed("and or against compared versus vs")
_NEGATION_REACH = 5
# These deny what stands before them.
_AFTERTHOUGHTS = listed("free unaffected unchanged untouched absent")
_PRONOUNS = listed("it them")
# Words that end what `not` denies.
_NEGATION_ENDS = listed("but and while whereas because when if so that") | {","}


_WORD_LETTERS = 4
# Words that are everywhere still count for something.
_LEAST_WEIGHT = 0.1


# Clauses and steps of a passage's second sentence count from here.
NEXT_SENTENCE = 1_000


class TermStatistics(Protocol):
    """Stems the words of a text, and tells how rare each is in the corpus."""

    def terms(self, text: str) -> list[str]:
        """Stemmed words without stop words, in order."""
        ...

    def idf(self, term: str) -> float:
        """Above 0; larger for a rarer term."""
        ...


class Token(NamedTuple):
    """A word, name, number or mark of a sentence."""

    start: int
    end: int
    text: str
    folded: str
    kind: TokenKind
    meaning: Meaning
    weight: float
    """How much it matters that a source says it too; 0 for what says nothing."""
    quantity: Quantity | None = None
    negated: bool = False
    clause: int = 0
    """Which clause of its sentence it stands in, from 0."""
    step: int = 0
    """Which part between commas and conjunctions."""

    @property
    def figure(self) -> bool:
        """True for a number that is said of something; `1-bit` only qualifies a name."""
        return self.quantity is not None and not re.fullmatch(r"\w+-(?!fold)\D+", self.text)

    @property
    def tells(self) -> bool:
        """True for what says something that a source must hold."""
        return self.weight > 0


class Reader:
    """Reads text, its words weighed by how rare each is in the corpus."""

    def __init__(self, statistics: TermStatistics):
        self._statistics = statistics
        # What no corpus holds is as rare as can be.
        self._rarest = max(statistics.idf("\0"), _LEAST_WEIGHT)
        self._stem = lru_cache(maxsize=65_536)(self._stem_uncached)
        self._meaning = lru_cache(maxsize=65_536)(self._meaning_uncached)
        self._groups: dict[str, list[str]] = {}
        for name, members in groups().items():
            for member in members:
                self._groups.setdefault(self._stem(member), []).append(name)
        self._opposed: dict[str, set[str]] = {}
        for one, other in opposites():
            self._opposed.setdefault(self._stem(one), set()).add(self._stem(other))
            self._opposed.setdefault(self._stem(other), set()).add(self._stem(one))

    def read(self, text: str, *, offset: int = 0) -> tuple[Token, ...]:
        """Split a sentence into its tokens, in order; offsets count from `offset`."""
        numbers = {q.start: q for q in quantities(text)}
        tokens: list[Token] = []
        skip_to = 0
        for start, end, word in _pieces(text):
            if start in numbers:
                quantity = numbers[start]
                tokens.append(self._number(text, quantity))
                skip_to = quantity.end
            elif start >= skip_to:
                tokens.append(
                    self._token(start, end, word, first=not any(t.kind != "mark" for t in tokens))
                )
        tokens = _with_clauses(_with_negation(_joined_names(tokens)))
        return tuple(t._replace(start=t.start + offset, end=t.end + offset) for t in tokens)

    def _number(self, text: str, quantity: Quantity) -> Token:
        said = text[quantity.start : quantity.end]
        meaning = Meaning(frozenset({f"#{said}"}))
        if quantity.turn:
            axis = "amount+" if quantity.turn > 0 else "amount-"
            meaning = Meaning(meaning.keys, axis[:-1], quantity.turn)
        return Token(
            quantity.start, quantity.end, said, fold(said), "number", meaning, 1.0, quantity
        )

    def _token(self, start: int, end: int, word: str, *, first: bool) -> Token:
        folded = fold(word).replace("’", "'")
        bare = folded.removesuffix("'s").replace("'", "")
        if not _PIECE.search(word):
            return Token(start, end, word, folded, "mark", Meaning(frozenset()), 0.0)
        if is_name(word, first=first):
            key = re.sub(r"[\W_]+", "", bare)
            meaning = self._meaning(bare) if bare.isalpha() else Meaning(frozenset())
            keys = meaning.keys | {key}
            if _PLURAL.fullmatch(word):
                keys |= {key[:-1]}
            return Token(start, end, word, bare, "name", meaning._replace(keys=keys), 1.0)
        if bare in FUNCTION or bare in NEGATORS or (len(bare) == 1 and not bare.isdigit()):
            return Token(start, end, word, bare, "grammar", self._meaning(bare), 0.0)
        meaning = self._meaning(bare)
        weight = 0.0 if bare in FILLER else self._weight(bare)
        return Token(start, end, word, bare, "word", meaning, weight)

    def _weight(self, word: str) -> float:
        terms = self._statistics.terms(word)
        rarity = max((self._statistics.idf(term) for term in terms), default=self._rarest)
        return min(max(rarity / self._rarest, _LEAST_WEIGHT), 1.0)

    def _stem_uncached(self, word: str) -> str:
        plain = base(word)
        terms = self._statistics.terms(plain)
        return root(terms[0] if len(terms) == 1 else plain)

    def _meaning_uncached(self, word: str) -> Meaning:
        stem = self._stem(word)
        names = self._groups.get(stem, [])
        directed = next((n for n in names if n.partition("#")[0][-1] in "+-"), "")
        group, _, _ = directed.partition("#")
        return Meaning(
            keys=frozenset({stem, *names}),
            axis=group[:-1],
            sign={"+": 1, "-": -1}.get(group[-1:], 0),
            opposed=frozenset(self._opposed.get(stem, ())),
        )


def joined(first: Sequence[Token], second: Sequence[Token]) -> tuple[Token, ...]:
    """Join two neighbouring sentences to one passage."""
    moved = (
        t._replace(clause=t.clause + NEXT_SENTENCE, step=t.step + NEXT_SENTENCE) for t in second
    )
    return (*first, *moved)


def is_name(word: str, *, first: bool) -> bool:
    """Return True if a word is written like a name.

    A plain capital counts only inside a sentence.
    """
    if word.startswith(("http", "www.")):
        return True
    bare = word.removesuffix("'s").removesuffix("’s")
    if _NAME_SHAPE.search(bare):
        return True
    return not first and len(bare) > 1 and bare[0].isupper()


def _pieces(text: str) -> list[tuple[int, int, str]]:
    """Words and marks; hyphenated words are split unless they are names."""
    found: list[tuple[int, int, str]] = []
    for match in _TOKEN.finditer(text):
        word = match.group()
        if (
            not re.search(r"[-–_]", word)
            or word.startswith(("http", "www."))
            or _is_compound_name(word)
        ):
            found.append((match.start(), match.end(), word))
        else:
            found += [
                (match.start() + p.start(), match.start() + p.end(), p.group())
                for p in _PIECE.finditer(word)
            ]
    return found


def _is_compound_name(word: str) -> bool:
    if word[0].isdigit():
        return False
    pieces = _PIECE.findall(word)
    # `RAS-driven` is RAS and a word.
    if any(p.isalpha() and p.islower() and len(p) >= _WORD_LETTERS for p in pieces):
        return False
    inner = any(_NAME_SHAPE.search(piece) for piece in pieces)
    return (
        inner or any(p[0].isdigit() for p in pieces[1:]) or any(p[0].isupper() for p in pieces[1:])
    )


def _joined_names(tokens: Sequence[Token]) -> list[Token]:
    """`RTX 4090`: a number without a unit after a name in capitals is part of it."""
    joined: list[Token] = []
    for token in tokens:
        last = joined[-1] if joined else None
        bare_number = token.quantity is not None and not token.quantity.measures
        if (
            last is not None
            and bare_number
            and last.kind == "name"
            and token.text[0].isdigit()
            and token.start == last.end + 1
            and re.fullmatch(r"[A-Z]{2,}[A-Za-z]*|[A-Z][a-z]+", last.text)
        ):
            text = f"{last.text} {token.text}"
            keys = frozenset({last.folded + token.folded})
            joined[-1] = last._replace(
                end=token.end, text=text, folded=text.lower(), meaning=Meaning(keys)
            )
        else:
            joined.append(token)
    return joined


def _with_negation(tokens: Sequence[Token]) -> list[Token]:
    """Mark the word that each `not`, `no`, `without`… denies, and what it passes through."""
    denied: set[int] = set()
    for i, token in enumerate(tokens):
        if token.folded not in NEGATORS:
            continue
        if token.folded in _AFTERTHOUGHTS or _ends_its_clause(tokens, i):
            reach = range(i - 1, max(-1, i - 1 - _NEGATION_REACH), -1)
        elif i + 1 < len(tokens) and tokens[i + 1].meaning.sign and _than_follows(tokens, i):
            # `no faster than` is neither faster nor a denial of what is compared.
            continue
        else:
            reach = range(i + 1, min(len(tokens), i + 1 + _NEGATION_REACH))
        for j in reach:
            if tokens[j].folded in _NEGATION_ENDS:
                break
            if tokens[j].kind == "mark":
                continue
            denied.add(j)
            if tokens[j].folded in _PRONOUNS:
                break
            if tokens[j].tells and tokens[j].folded not in PASSED:
                break
    return [t._replace(negated=True) if i in denied else t for i, t in enumerate(tokens)]


def _than_follows(tokens: Sequence[Token], at: int) -> bool:
    return any(t.folded == "than" for t in tokens[at + 1 : at + 1 + 2 * _NEGATION_REACH])


def _ends_its_clause(tokens: Sequence[Token], at: int) -> bool:
    """`…, longer training does not.` denies what stands before it."""
    after = tokens[at + 1].text if at + 1 < len(tokens) else "."
    return tokens[at].folded in {"not", "cannot"} and after in {".", ",", ";", ":", "!"}


def _with_clauses(tokens: Sequence[Token]) -> list[Token]:
    numbered: list[Token] = []
    clause = step = 0
    for i, token in enumerate(tokens):
        after = tokens[i + 1].folded if i + 1 < len(tokens) else ""
        if token.text in {";", ":", "—"} or token.folded in _CLAUSE_WORDS:
            clause, step = clause + 1, step + 1
        elif token.text == ",":
            step += 1
            clause += after in _AFTER_COMMA
        elif token.folded in _STEP_WORDS:
            step += 1
        numbered.append(token._replace(clause=clause, step=step))
    return numbered
