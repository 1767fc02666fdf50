"""Encode the words of a line in their context, by the lower layers of the bundled model."""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np

from footnote.rag.core.minilm import MOST_PIECES, Read, read_line, read_lower
from footnote.rag.core.processor import n_threads
from footnote.rag.core.text import Span

# Words of a longer line say no more of what it asks for.
_MOST_WORDS = 128
_MOST_PIECES = 256
# The lines of a conversation are read again at each turn of it.
_KEPT = 64
# A sentence of forty words takes 60 kB.
_KEPT_SENTENCES = 512
# Words of Chinese and Japanese stand side by side: each of their signs is read as one, as the model
# does.
_SIGN = r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]"
_TOKEN = re.compile(rf"{_SIGN}|(?:(?!{_SIGN})[^\W_])+|[^\w\s]|_")


class Token(NamedTuple):
    """A word or a mark, and where it stands."""

    text: str
    span: Span


class Encoded(NamedTuple):
    """The words of a line and their states."""

    tokens: tuple[Token, ...]
    """At most the first 128."""
    states: np.ndarray
    """float32, (n_tokens, 384), unit norm; zeros for what the model does not read."""
    mean: np.ndarray
    """Of all pieces of words; float32, (384,), unit norm."""


def tokens_of(text: str) -> list[Token]:
    """Return the words and marks of a text, in order."""
    return [Token(m.group(), Span(*m.span())) for m in _TOKEN.finditer(text)]


@lru_cache(_KEPT)
def encode(text: str) -> Encoded:
    """Encode the words of a line.

    Raises:
        EmbeddingError: The bundled model is missing or damaged.
    """
    pieces = read_line(text, MOST_PIECES).lower
    width = pieces.states.shape[1]
    mean = pieces.states.mean(0) if len(pieces.states) else np.zeros(width, np.float32)
    return Encoded(*_by_word(text, pieces), _unit(mean[None])[0])


@lru_cache(_KEPT_SENTENCES)
def encode_sentence(text: str) -> np.ndarray:
    """Encode the words of a sentence.

    Returns:
        Their states, as `Encoded` has them; float32, (n_tokens, 384).

    Raises:
        EmbeddingError: The bundled model is missing or damaged.
    """
    return _by_word(text, read_lower(text, _MOST_PIECES))[1]


def encode_sentences(texts: Sequence[str]) -> list[np.ndarray]:
    """Encode the words of some sentences, side by side, each as `encode_sentence` does."""
    return [*_threads().map(encode_sentence, texts)]


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_threads(), thread_name_prefix="sentences")


def _by_word(text: str, pieces: Read) -> tuple[tuple[Token, ...], np.ndarray]:
    """Return the words of a text, and the mean state of the pieces of each."""
    tokens = tuple(tokens_of(text)[:_MOST_WORDS])
    rows = np.zeros((len(tokens), pieces.states.shape[1]), np.float32)
    # Both lie in the order of the text, so the pieces of a word are side by side.
    firsts = np.searchsorted(pieces.ends, [token.span.start for token in tokens], side="right")
    ends = np.searchsorted(pieces.starts, [token.span.end for token in tokens])
    single = ends - firsts == 1
    rows[single] = pieces.states[firsts[single]]
    for at in np.flatnonzero(ends - firsts > 1):
        rows[at] = pieces.states[firsts[at] : ends[at]].mean(0)
    return tokens, _unit(rows)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-6)
