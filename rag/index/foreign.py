"""Ask any LlamaIndex embedding; nothing else loads LlamaIndex to find papers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding

from footnote.rag.index.query import Query


class ForeignEmbedder:
    """An embedder over a LlamaIndex embedding, which gives no token embeddings."""

    def __init__(self, embedding: BaseEmbedding):
        self.embedding = embedding

    def query(self, text: str) -> Query:
        """Embed a question."""
        return Query(text, self.embedding.get_query_embedding(text))

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """Embed documents; float32, (n, dimension)."""
        # A batch is as wide as its longest text, so those of like length go together.
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        found = self.embedding.get_text_embedding_batch([texts[number] for number in order])
        vectors = np.array(found, np.float32)
        return vectors[np.argsort(order)] if len(order) else vectors.reshape(0, 0)


def as_embedder(made: object, name: object) -> ForeignEmbedder:
    """Return the embedder over what a plugin or an import path gave.

    Raises:
        TypeError: It is no LlamaIndex embedding.
    """
    if not isinstance(made, BaseEmbedding):
        raise TypeError(f"{name} gives no LlamaIndex embedding")
    return ForeignEmbedder(made)


def make(named: object, name: str, arguments: dict[str, Any]) -> ForeignEmbedder:
    """Make the embedder over a class of LlamaIndex embeddings.

    Raises:
        TypeError: It is no such class; nothing was called, for that could do anything.
    """
    if not (isinstance(named, type) and issubclass(named, BaseEmbedding)):
        raise TypeError(f"{name} is not a LlamaIndex embedding")
    return ForeignEmbedder(named(**arguments))
