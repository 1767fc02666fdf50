"""The word pieces of a text, as a model sees them, each with its vector."""

from typing import NamedTuple

import numpy as np


class Pieces(NamedTuple):
    """Word pieces in order, without the model's own marks."""

    vectors: np.ndarray
    """float32, (n, dimension), rows of unit norm."""
    starts: np.ndarray
    """int, (n,): where each begins in the text."""
    ends: np.ndarray
    """int, (n,): where each ends."""


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows scaled to unit norm; a row of zeros stays one."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, 1e-12)
