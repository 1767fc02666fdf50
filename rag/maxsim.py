"""The arithmetic of late interaction: the best match of each piece of a question (MaxSim)."""

import numpy as np

from rag.products import products


def best_matches(asked: np.ndarray, pieces: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Largest product of each piece of a question with the pieces of each run of rows.

    Args:
        asked: float32, (n, width), the pieces of the question.
        pieces: int8, (m, width), at least one row.
        starts: int, (n_runs,): the row at which each run begins, rising from 0.

    Returns:
        float32, (n_runs, n); see `products` for how exact it is.
    """
    found, scale = products(asked, pieces)
    return (np.maximum.reduceat(found, starts, axis=1) * scale).T.astype(np.float32)
