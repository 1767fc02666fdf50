"""The tokens of a text, as a model sees them, each with its vector."""

from typing import NamedTuple

import numpy as np


class TokenEmbeddings(NamedTuple):
    """Tokens in order, without those that the model adds itself."""

    vectors: np.ndarray
    """float32, (n, dimension), rows of unit norm."""
    starts: np.ndarray
    """int, (n,): where each begins in the text."""
    ends: np.ndarray
    """int, (n,): where each ends."""


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Scale rows to unit norm; a row of zeros stays one."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, 1e-12)
