"""Text to vectors: the bundled model, any sentence-transformers model, any LlamaIndex embedding."""

import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from footnote.rag.core.bundled import bundled_model
from footnote.rag.core.errors import EmbeddingError, PluginError
from footnote.rag.core.minilm import MOST_PIECES, read
from footnote.rag.core.plugins import Group, Plugin, find
from footnote.rag.core.processor import computes_in_bfloat16
from footnote.rag.index.encoders import Encoder, OnnxEncoder, TorchEncoder, encode_all
from footnote.rag.index.query import Query

BUNDLED = "bundled"
# Loading torch takes 4.8 s where it reads a paper in 23 ms less than onnxruntime, both on two cores
# with AMX: so many papers it takes to gain half of that.
_LOADED_AFTER = 128


class Embedder(Protocol):
    """Gives texts their vectors."""

    def query(self, text: str) -> Query:
        """Embed a question."""
        ...

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embed documents; float32, (n, dimension)."""
        ...


class LocalEmbedder:
    """A model in this process, which gives token embeddings too."""

    def __init__(
        self,
        questions: Encoder,
        documents: Callable[[], Encoder],
        *,
        one_pass: bool = False,
        first: int = 0,
    ):
        """Read questions by one encoder, documents by the same or one much like it.

        Args:
            questions: Reads questions.
            documents: Loads what reads documents; called when the first of them is embedded.
            one_pass: Take the vectors of sentences from the pass over the whole paper.
            first: So many papers are read by what reads questions, before `documents` is loaded.
        """
        self.questions = questions
        """What reads questions."""
        self._documents = cache(documents)
        self._one_pass = one_pass
        self._first = first
        self._n_read = 0

    @property
    def wants_one_pass(self) -> bool:
        """True where a model that averages its tokens is to read a paper once."""
        return self._one_pass

    @property
    def documents(self) -> Encoder:
        """What reads documents; loaded when first asked for."""
        return self._documents()

    def for_papers(self, n_papers: int) -> Encoder:
        """Return what reads so many further papers: at first what reads questions."""
        self._n_read += n_papers
        return self.questions if self._n_read <= self._first else self.documents

    def query(self, text: str) -> Query:
        """Embed a question, with its token embeddings from the same pass."""
        [found] = self.questions.encode([text], "query")
        return Query(text, found.vector.tolist(), found.tokens)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embed documents; float32, (n, dimension)."""
        return vectors_of(self.documents, texts)


def vectors_of(encoder: Encoder, texts: Sequence[str]) -> np.ndarray:
    """Read documents; returns float32, (n, dimension), rows of unit norm."""
    found = dict(encode_all(encoder, texts, abstracts=False))
    vectors = [found[number].vector for number in range(len(texts))]
    return np.stack(vectors) if vectors else np.empty((0, encoder.dimension), np.float32)


def load_embedder(
    name: str,
    *,
    max_tokens: int = 512,
    dtype: Literal["auto", "float32", "bfloat16"] = "auto",
    batch: int = 32,
    one_pass: bool = False,
    arguments: dict[str, Any] | None = None,
) -> Embedder:
    """Load the embedder that a setting names.

    Args:
        name: `bundled`, a plugin's, a sentence-transformers name or folder, or
            `package.module:Class`.
        max_tokens: Where longer text is cut; at most what the model reads.
        dtype: What a local model computes in.
        batch: Texts embedded at once.
        one_pass: Read a paper once, where the model averages its tokens.
        arguments: For a plugin, or a class by its import path.

    Raises:
        EmbeddingError: It cannot be loaded; the message names it and says why.
        PluginError: The plugin of this name cannot.
    """
    try:
        if ":" in name and not Path(name).exists():
            return _by_import_path(name, arguments or {})
        if name == BUNDLED:
            return _bundled(max_tokens=max_tokens, dtype=dtype, batch=batch, one_pass=one_pass)
        if plugin := find(Group.EMBEDDERS, name):
            return _by_plugin(plugin, arguments or {})
        return _sentence_transformer(
            name, max_tokens=max_tokens, dtype=dtype, batch=batch, one_pass=one_pass
        )
    except (EmbeddingError, PluginError):
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise EmbeddingError(
            f"embedder {name!r} cannot be loaded: {reason}; check `embedder.name` in the settings"
        ) from error


def _by_import_path(name: str, arguments: dict[str, Any]) -> Embedder:
    from footnote.rag.index.foreign import make

    module, _, class_name = name.partition(":")
    return make(getattr(import_module(module), class_name), class_name, arguments)


def _by_plugin(plugin: Plugin, arguments: dict[str, Any]) -> Embedder:
    from footnote.rag.index.foreign import as_embedder

    return as_embedder(plugin.load()(**arguments), plugin)


def _bundled(*, max_tokens: int, dtype: str, batch: int, one_pass: bool) -> LocalEmbedder:
    """Load the bundled model: by onnxruntime, documents by torch where it is here and faster."""
    read("")  # now, and not in the middle of a question: it may be damaged
    questions = OnnxEncoder(max_tokens)

    def documents() -> Encoder:
        is_faster = computes_in_bfloat16() and has_sentence_transformers()
        if dtype == "bfloat16" or (dtype == "auto" and is_faster):
            return _torch(BUNDLED, max_tokens=max_tokens, dtype="bfloat16", batch=batch)
        return questions

    first = 0 if dtype == "bfloat16" else _LOADED_AFTER
    return LocalEmbedder(questions, documents, one_pass=one_pass, first=first)


def _sentence_transformer(
    name: str, *, max_tokens: int, dtype: str, batch: int, one_pass: bool
) -> LocalEmbedder:
    encoder = _torch(name, max_tokens=max_tokens, dtype=dtype, batch=batch)
    return LocalEmbedder(encoder, lambda: encoder, one_pass=one_pass)


def _torch(name: str, *, max_tokens: int, dtype: str, batch: int) -> TorchEncoder:
    if not has_sentence_transformers():
        raise EmbeddingError(
            f"embedder {name!r} is read by sentence-transformers, which is not installed; run "
            "pip install sentence-transformers, or set `embedder.name` to bundled"
            + " and `embedder.dtype` to auto"
            * (name == BUNDLED)
        )
    # Its bar would be drawn into every answer of the command line.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    device = _device()
    if dtype == "auto":
        dtype = "bfloat16" if device == "cpu" and computes_in_bfloat16() else "float32"
    is_bundled = name == BUNDLED
    model = SentenceTransformer(
        str(bundled_model()) if is_bundled else name,
        device=device,
        model_kwargs={"dtype": getattr(torch, dtype)},
    )
    readable = model.max_seq_length
    if is_bundled or readable is None:
        readable = MOST_PIECES  # its card says 256, the length it was trained at
    model.max_seq_length = min(max_tokens, readable)
    encoder = TorchEncoder(model, batch)
    # Its tokenizer is set up by its first call, which two threads must not make at once.
    encoder.encode(["word"], "document")
    return encoder


def has_sentence_transformers() -> bool:
    """Return True unless it was left out when Footnote was installed."""
    return find_spec("sentence_transformers") is not None


def _device() -> str:
    from sentence_transformers.util import get_device_name

    return get_device_name()
