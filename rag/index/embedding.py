"""Text to vectors: the bundled model, any sentence-transformers model, any LlamaIndex embedding."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.bridge.pydantic import PrivateAttr
from llama_index.core.schema import BaseNode, MetadataMode, QueryBundle

from footnote.rag.core.bundled import bundled_model
from footnote.rag.core.errors import EmbeddingError
from footnote.rag.core.processor import computes_in_bfloat16, n_threads, one_thread
from footnote.rag.index.chunking import embedded_length
from footnote.rag.index.token_embeddings import TokenEmbeddings, unit_rows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

BUNDLED = "bundled"
# A passage counts for so many texts of a batch, which otherwise outgrows the processor's cache.
_SENTENCES_A_PASSAGE = 4
# So does each batch where several are embedded side by side: of 32, 16 and 8 sentences 8 was the
# fastest, of 8, 4 and 2 abstracts 2 as fast as 4.
_SMALLER_SIDE_BY_SIDE = 4


@dataclass
class Question(QueryBundle):
    """A question with its vector and, where the embedder gives them, its token embeddings."""

    token_embeddings: TokenEmbeddings | None = None
    only: frozenset[str] | None = None
    """Ids of the papers that may answer; None for all."""


class LocalEmbedding(BaseEmbedding):
    """A sentence-transformers model in this process, with the prompts that it comes with."""

    _model: "SentenceTransformer" = PrivateAttr()

    def __init__(self, model: "SentenceTransformer", **settings: Any):  # noqa: ANN401
        super().__init__(**settings)
        self._model = model

    @classmethod
    def class_name(cls) -> str:
        """Return the name that LlamaIndex registers it by."""
        return "LocalEmbedding"

    @property
    def model(self) -> "SentenceTransformer":
        """The model itself."""
        return self._model

    @property
    def on_processor(self) -> bool:
        """True unless it computes on another device."""
        return self._model.device.type == "cpu"

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._encoded([query], "query")[0]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_query_embedding(query)

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._encoded([text], "document")[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return self._encoded(texts, "document")

    def _encoded(self, texts: list[str], kind: Literal["query", "document"]) -> list[list[float]]:
        found = self._model.encode(
            texts,
            prompt=_prompt(self._model, kind),
            batch_size=self.embed_batch_size,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return found.tolist()


def load_embedder(
    name: str,
    *,
    max_tokens: int = 512,
    dtype: Literal["auto", "float32", "bfloat16"] = "auto",
    batch: int = 32,
    arguments: dict[str, Any] | None = None,
) -> BaseEmbedding:
    """Load the embedder that a setting names.

    Args:
        name: `bundled`, a sentence-transformers name or folder, or `package.module:Class`.
        max_tokens: Where longer text is cut; at most what the model reads.
        dtype: What a local model computes in.
        batch: Texts embedded at once.
        arguments: For a class by its import path.

    Raises:
        EmbeddingError: It cannot be loaded; the message names it and says why.
    """
    try:
        if ":" in name and not Path(name).exists():
            return _by_import_path(name, arguments or {})
        return _sentence_transformer(name, max_tokens=max_tokens, dtype=dtype, batch=batch)
    except EmbeddingError:
        raise
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise EmbeddingError(
            f"embedder {name!r} cannot be loaded: {reason}; check `embedder.name` in the settings"
        ) from error


def read_question(embedder: BaseEmbedding, text: str) -> Question:
    """Embed a question; a local model gives its token embeddings in the same pass."""
    if not isinstance(embedder, LocalEmbedding):
        return Question(text, embedding=embedder.get_query_embedding(text))
    with one_thread():
        [(vector, tokens)] = _encode(embedder.model, [text], "query")
    return Question(text, embedding=vector.tolist(), token_embeddings=tokens)


def embed_chunks(embedder: BaseEmbedding, chunks: Sequence[BaseNode]) -> None:
    """Give chunks their vectors."""
    if not isinstance(embedder, LocalEmbedding) or not embedder.on_processor:
        # A batch is as wide as its longest text, so those of like length go together.
        embedder(sorted(chunks, key=embedded_length))
        return
    texts = [chunk.get_content(metadata_mode=MetadataMode.EMBED) for chunk in chunks]
    for number, vector, _ in _passes(embedder, texts, embedder.embed_batch_size):
        chunks[number].embedding = vector.tolist()


def embed_tokens(embedder: BaseEmbedding, texts: Sequence[str]) -> list[TokenEmbeddings] | None:
    """Return the token embeddings of passages, in order; None where the embedder gives none."""
    if not isinstance(embedder, LocalEmbedding):
        return None
    size = embedder.embed_batch_size // _SENTENCES_A_PASSAGE
    found = {number: tokens for number, _, tokens in _passes(embedder, texts, size)}
    return [found[number] for number in range(len(texts))]


def _passes(
    embedder: LocalEmbedding, texts: Sequence[str], size: int
) -> Iterator[tuple[int, np.ndarray, TokenEmbeddings]]:
    """Yield each text's number, vector and tokens, in batches of texts of like length.

    On a processor each batch is embedded on one thread, several side by side: threads of one batch
    wait for each other at every step, and with anything else on the machine for much longer.
    """
    n_side_by_side = n_threads() if embedder.on_processor else 1
    size = max(1, size // (_SMALLER_SIDE_BY_SIDE if n_side_by_side > 1 else 1))
    # Longest first: the last batches, when some threads have nothing left, are the shortest.
    order = sorted(range(len(texts)), key=lambda number: -len(texts[number]))
    batches = [order[first : first + size] for first in range(0, len(order), size)]

    def embedded(numbers: Sequence[int]) -> list[tuple[np.ndarray, TokenEmbeddings]]:
        with one_thread():
            return _encode(embedder.model, [texts[number] for number in numbers], "document")

    with ThreadPoolExecutor(n_side_by_side) as pool:
        for numbers, found in zip(batches, pool.map(embedded, batches), strict=True):
            yield from ((number, *one) for number, one in zip(numbers, found, strict=True))


def _encode(
    model: "SentenceTransformer", texts: Sequence[str], kind: Literal["query", "document"]
) -> list[tuple[np.ndarray, TokenEmbeddings]]:
    """Return the vector of each text (unit norm) and its tokens, from one pass of the model."""
    import torch

    prompt = _prompt(model, kind)
    encoded = model.tokenizer(
        [prompt + text for text in texts],
        padding=True,
        truncation=True,
        max_length=model.max_seq_length,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
    )
    offsets = np.array(encoded.pop("offset_mapping"))
    special = np.array(encoded.pop("special_tokens_mask"), bool)
    with torch.inference_mode():
        # The tokenizer's own tensors take three times as long as its work on a question.
        out = model({name: torch.tensor(rows).to(model.device) for name, rows in encoded.items()})
    vectors = out["sentence_embedding"].float().cpu().numpy()
    matrices = out["token_embeddings"].float().cpu().numpy()
    results: list[tuple[np.ndarray, TokenEmbeddings]] = []
    for vector, rows, marks, places in zip(vectors, matrices, special, offsets, strict=True):
        own = ~marks & (places[:, 0] >= len(prompt))
        starts, ends = (places[own] - len(prompt)).T
        tokens = TokenEmbeddings(unit_rows(rows[own]), starts, ends)
        results.append((unit_rows(vector[None])[0], tokens))
    return results


def _prompt(model: "SentenceTransformer", kind: Literal["query", "document"]) -> str:
    """Return what the model wants before a text."""
    # sentence-transformers knows documents by three names.
    names = ("query",) if kind == "query" else ("document", "passage", "corpus")
    return next((prompt for name in names if (prompt := model.prompts.get(name))), "")


def _by_import_path(name: str, arguments: dict[str, Any]) -> BaseEmbedding:
    module, _, class_name = name.partition(":")
    named: object = getattr(import_module(module), class_name)
    # Before the call: what is no embedding could do anything with its arguments.
    if not (isinstance(named, type) and issubclass(named, BaseEmbedding)):
        raise TypeError(f"{class_name} is not a LlamaIndex embedding")
    return named(**arguments)


def _sentence_transformer(name: str, *, max_tokens: int, dtype: str, batch: int) -> BaseEmbedding:
    # Its bar would be drawn into every answer of the command line.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    if dtype == "auto":
        dtype = "bfloat16" if _device() == "cpu" and computes_in_bfloat16() else "float32"
    model = SentenceTransformer(
        str(bundled_model() if name == BUNDLED else name),
        device=_device(),
        model_kwargs={"dtype": getattr(torch, dtype)},
    )
    readable = model.max_seq_length
    if name == BUNDLED or readable is None:
        readable = 512  # the card says 256, its training length; the positions go to 512
    model.max_seq_length = min(max_tokens, readable)
    # Its tokenizer is set up by its first call, which two threads must not make at once.
    _encode(model, ["word"], "document")
    return LocalEmbedding(model, model_name=name, embed_batch_size=batch)


def _device() -> str:
    from llama_index.core.utils import infer_torch_device

    return infer_torch_device()
