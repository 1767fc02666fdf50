"""A text that is searched for, as the embedder reads it."""

from collections.abc import Sequence
from dataclasses import dataclass

from footnote.rag.index.token_embeddings import TokenEmbeddings


@dataclass(frozen=True)
class Query:
    """A text, with its vector and, where the embedder gives them, its token embeddings."""

    text: str
    vector: Sequence[float]
    tokens: TokenEmbeddings | None = None
    only: frozenset[str] | None = None
    """Ids of the papers that may answer; None for all."""
