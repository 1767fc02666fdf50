"""Encode the words of a line in their context, by the lower layers of the bundled model.

What the upper layers give is of what the line is about; what it asks for is clearest in the middle.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from footnote.rag.core.bundled import bundled_model
from footnote.rag.core.processor import one_thread
from footnote.rag.core.text import Span

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel

N_LAYERS = 3
"""Of six: see `docs/experiments.md`."""
# Words of a longer line say no more of what it asks for.
_MOST_WORDS = 128
_MOST_PIECES = 256
# The lines of a conversation are read again at each turn of it.
_KEPT = 64
_KEPT_SENTENCES = 512
_TOKEN = re.compile(r"[^\W_]+|[^\w\s]|_")


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
    pieces = _tokenizer().encode(text)
    [states] = _states([pieces.ids])
    # The first piece and the last stand for no word.
    mean = states[1:-1].mean(0) if len(states) > 2 else np.zeros(states.shape[1], np.float32)
    return Encoded(*_by_word(text, pieces.offsets, states), _unit(mean[None])[0])


def encode_sentences(texts: Sequence[str]) -> list[np.ndarray]:
    """Encode the words of sentences, all at once; those that were encoded lately are known.

    Returns:
        The states of each, as `Encoded` has them; float32, (n_tokens, 384).

    Raises:
        EmbeddingError: The bundled model is missing or damaged.
    """
    new = [text for text in dict.fromkeys(texts) if text not in _sentences]
    pieces = [_tokenizer().encode(text) for text in new]
    found = {text: _sentences[text] for text in texts if text in _sentences}
    for text, own, states in zip(new, pieces, _states([p.ids for p in pieces]), strict=True):
        found[text] = _sentences[text] = _by_word(text, own.offsets, states)[1]
    for text in list(_sentences)[:-_KEPT_SENTENCES]:
        _sentences.pop(text, None)
    return [found[text] for text in texts]


# A sentence of forty words takes 60 kB.
_sentences: dict[str, np.ndarray] = {}


def _by_word(
    text: str, offsets: list[tuple[int, int]], states: np.ndarray
) -> tuple[tuple[Token, ...], np.ndarray]:
    """Return the words of a text, and the mean state of the pieces of each."""
    tokens = tuple(tokens_of(text)[:_MOST_WORDS])
    places = np.array(offsets)
    rows = np.zeros((len(tokens), states.shape[1]), np.float32)
    for at, (_, span) in enumerate(tokens):
        own = (places[:, 0] < span.end) & (places[:, 1] > span.start)
        if own.any():
            rows[at] = states[own].mean(0)
    return tokens, _unit(rows)


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-6)


def _states(texts: Sequence[list[int]]) -> list[np.ndarray]:
    """Return the states of the pieces of each text; float32, (n_pieces, 384)."""
    import torch

    if not texts:
        return []
    longest = max(map(len, texts))
    ids = torch.tensor([own + [0] * (longest - len(own)) for own in texts])
    is_piece = torch.tensor([[1] * len(own) + [0] * (longest - len(own)) for own in texts])
    with torch.inference_mode(), one_thread():
        found = _model()(input_ids=ids, attention_mask=is_piece).last_hidden_state.numpy()
    return [rows[: len(own)] for own, rows in zip(texts, found, strict=True)]


@cache
def _tokenizer() -> "Tokenizer":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(bundled_model() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(_MOST_PIECES)
    return tokenizer


@cache
def _model() -> "PreTrainedModel":
    from transformers import AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModel.from_pretrained(str(bundled_model()))
    model.encoder.layer = model.encoder.layer[:N_LAYERS]
    return model.eval()
