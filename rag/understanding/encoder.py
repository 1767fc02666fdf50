"""Encode the words of a line in their context, by the lower layers of the bundled model.

What the upper layers give is of what the line is about; what it asks for is clearest in the middle.
"""

import re
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
    tokens = tuple(tokens_of(text)[:_MOST_WORDS])
    pieces = _tokenizer().encode(text)
    states = _states(pieces.ids)
    offsets = np.array(pieces.offsets)
    rows = np.zeros((len(tokens), states.shape[1]), np.float32)
    for at, (_, span) in enumerate(tokens):
        own = (offsets[:, 0] < span.end) & (offsets[:, 1] > span.start)
        if own.any():
            rows[at] = states[own].mean(0)
    # The first piece and the last stand for no word.
    mean = states[1:-1].mean(0) if len(states) > 2 else np.zeros(states.shape[1], np.float32)
    return Encoded(tokens, _unit(rows), _unit(mean[None])[0])


def _unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-6)


def _states(ids: list[int]) -> np.ndarray:
    import torch

    with torch.inference_mode(), one_thread():
        return _model()(input_ids=torch.tensor([ids])).last_hidden_state[0].numpy()


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
