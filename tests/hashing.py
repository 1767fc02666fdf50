"""An embedding that costs nothing: each text's own vector, the same in every process."""

import os
import re
import time
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from llama_index.core.base.embeddings.base import BaseEmbedding


@cache
def _direction(word: str, dimension: int) -> np.ndarray:
    seed = int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "big")
    return np.random.default_rng(seed).normal(size=dimension)


class HashEmbedding(BaseEmbedding):
    """The sum of a random direction for each word, so that texts which share words are near."""

    dimension: int = 64

    def __init__(self, **settings: Any):
        super().__init__(**settings)

    def _get_text_embedding(self, text: str) -> list[float]:
        total = np.zeros(self.dimension)
        for word in re.findall(r"\w+", text.casefold()):
            total += _direction(word, self.dimension)
        norm = float(np.linalg.norm(total)) or 1.0
        return (total / norm).tolist()

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


class WideHashEmbedding(HashEmbedding):
    """Another one, whose vectors cannot be compared with those."""

    dimension: int = 96


class SlowEmbedding(HashEmbedding):
    """Takes its time for each batch."""

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        time.sleep(0.3)
        return super()._get_text_embeddings(texts)


class GatedEmbedding(SlowEmbedding):
    """As `SlowEmbedding`, once there is a file where `TESTS_GATE` of the environment says."""

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        for _ in range(2_400):
            if Path(os.environ["TESTS_GATE"]).exists():
                break
            time.sleep(0.1)
        return super()._get_text_embeddings(texts)
