"""Score classes by trained linear heads: what a text is, and what its words are.

Each head is a multinomial logistic regression over features that are strings, such as the words of
a text and rows of them. `python -m footnote.eval.train_heads` fits them to labelled questions and
writes them to `heads/`, each with a card that says of what data, how good, and when.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from footnote.rag.core.text import Span, fold

FOLDER = Path(__file__).with_name("heads")
_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_")
# Rows of so many words are features, and pieces of so many letters.
_LONGEST_ROW, _PIECE = 3, 4
# What begins and ends a text.
BEGIN, END = "<", ">"
# Words of a longer text say no more of what it is.
_MOST_WORDS = 60
# Words around one that is labelled which speak for its label.
_AROUND = 2
NO_LABEL = ""


class LinearHead(NamedTuple):
    """A multinomial logistic regression over features that are there or not."""

    classes: tuple[str, ...]
    weights: Mapping[str, np.ndarray]
    """By feature; float32, (n_classes,)."""
    bias: np.ndarray
    """float32, (n_classes,)."""
    of_vector: np.ndarray | None = None
    """Weights of the bundled embedder's vector of the text; float32, (dimension, n_classes)."""

    def probabilities(
        self, features: Iterable[str], vector: Sequence[float] | None = None
    ) -> np.ndarray:
        """Return the probability of each class, in their order; float32, (n_classes,).

        Unknown features count for nothing; each known one counts once, by the length of all.
        """
        known = [self.weights[f] for f in dict.fromkeys(features) if f in self.weights]
        logits = self.bias + sum(known, np.zeros_like(self.bias)) / np.sqrt(max(len(known), 1))
        if self.of_vector is not None and vector is not None:
            logits = logits + np.asarray(vector, np.float32) @ self.of_vector
        exp = np.exp(logits - logits.max())
        return exp / exp.sum()

    def best(self, features: Iterable[str], vector: Sequence[float] | None = None) -> str:
        """Return the most probable class; of equal ones the first."""
        return self.classes[int(self.probabilities(features, vector).argmax())]


class Token(NamedTuple):
    """A word or a mark, and where it stands."""

    text: str
    span: Span


@cache
def load_head(name: str, *, with_vector: bool = False) -> LinearHead:
    """Load a head by name, as `python -m footnote.eval.train_heads` wrote it.

    Args:
        name: Of the head.
        with_vector: For those that read a line: the one that was fitted with its vector too, by the
            bundled embedder. Another embedder's vectors mean something else.
    """
    file = FOLDER / f"{name}{'_vector' if with_vector else ''}.json"
    written = json.loads(file.read_text(encoding="utf-8"))
    classes, scale = tuple(written["classes"]), written["scale"]

    def dense(sparse: Mapping[str, int]) -> np.ndarray:
        row = np.zeros(len(classes), np.float32)
        for at, weight in sparse.items():
            row[int(at)] = weight * scale
        return row

    weights = {feature: dense(sparse) for feature, sparse in written["weights"].items()}
    of_vector = np.array(written["vector"], np.float32) * scale if with_vector else None
    return LinearHead(classes, weights, dense(written["bias"]), of_vector)


def tokens_of(text: str) -> list[Token]:
    """Return the words and marks of a text, in order."""
    return [Token(m.group(), Span(*m.span())) for m in _TOKEN.finditer(text)]


def text_features(text: str) -> Iterator[str]:
    """Yield what a text is told by: its words, rows of up to three, and pieces of its words."""
    said = [fold(token.text) for token in tokens_of(text)][:_MOST_WORDS]
    yield f"length:{min(len(said).bit_length(), 6)}"
    framed = [BEGIN, *said, END]
    for size in range(1, _LONGEST_ROW + 1):
        for at in range(len(framed) - size + 1):
            yield " ".join(framed[at : at + size])
    for word in said:
        yield from _pieces(word)
    # Told by what surrounds it, whatever it is about: `how many * does`.
    for one, _, other in zip(framed, framed[1:], framed[2:], strict=False):
        yield f"{one} * {other}"


def turn_features(text: str, before: str) -> Iterator[str]:
    """Yield what tells what a line does after the one before it."""
    yield from text_features(text)
    said, earlier = set(_words(text)), set(_words(before))
    yield f"words:{min(len(said), 12)}"
    shared = len(said & earlier)
    yield f"shared:{min(shared, 4)}"
    yield f"new:{min(len(said - earlier), 8)}"
    yield f"name:{any(map(_is_name, tokens_of(text)))}"


def token_features(tokens: Sequence[Token], at: int, label_before: str) -> Iterator[str]:
    """Yield what tells the label of a word: itself, its shape, and those around it."""
    yield f"before={label_before}"
    yield f"at:{min(at, 6)}"
    yield f"left:{min(len(tokens) - at, 6)}"
    for step in range(-_AROUND, _AROUND + 1):
        there = at + step
        if 0 <= there < len(tokens):
            word = fold(tokens[there].text)
            yield f"{step}:{word}"
            yield f"{step}~{_shape(tokens[there].text)}"
        else:
            yield f"{step}:{BEGIN if there < 0 else END}"
    word = fold(tokens[at].text)
    yield f"ends:{word[-3:]}"
    yield f"begins:{word[:3]}"
    if at:
        yield f"-1,0:{fold(tokens[at - 1].text)} {word}"
        yield f"before,0:{label_before} {word}"
    if at + 1 < len(tokens):
        yield f"0,1:{word} {fold(tokens[at + 1].text)}"
    if at > 1:
        yield f"-2,-1:{fold(tokens[at - 2].text)} {fold(tokens[at - 1].text)}"


def label_tokens(head: LinearHead, tokens: Sequence[Token]) -> list[str]:
    """Return the label of each word, chosen from left to right; `NO_LABEL` for none."""
    labels: list[str] = []
    for at in range(len(tokens)):
        labels.append(head.best(token_features(tokens, at, labels[-1] if labels else BEGIN)))
    return labels


def _words(text: str) -> list[str]:
    return [fold(t.text) for t in tokens_of(text) if t.text[0].isalnum()]


def _pieces(word: str) -> Iterator[str]:
    framed = f"_{word}_"
    for at in range(len(framed) - _PIECE + 1):
        yield f"#{framed[at : at + _PIECE]}"


def _is_name(token: Token) -> bool:
    return any(map(str.isupper, token.text[1:])) or (
        any(map(str.isdigit, token.text)) and any(map(str.isalpha, token.text))
    )


def _shape(word: str) -> str:
    """Return how a word is written: `Xx`, `x`, `9`, `X9`, each run of a kind once."""
    kinds = [
        "X" if c.isupper() else "x" if c.isalpha() else "9" if c.isdigit() else c for c in word
    ]
    return "".join(c for at, c in enumerate(kinds) if not at or c != kinds[at - 1])
