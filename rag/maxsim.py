"""The arithmetic of late interaction: the best match of each piece of a question (MaxSim)."""

import numpy as np

from rag.processor import multiplies_bytes, one_thread

_MOST = 127
# Rows that stay in the processor's cache as floats: three times as fast as all at once.
_BLOCK = 2048


def best_matches(asked: np.ndarray, pieces: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Largest product of each piece of a question with the pieces of each run of rows.

    Args:
        asked: float32, (n, width), the pieces of the question.
        pieces: int8, (m, width), at least one row.
        starts: int, (n_runs,): the row at which each run begins, rising from 0.

    Returns:
        float32, (n_runs, n). Where the processor multiplies bytes the question is rounded to them,
        each piece on its own scale: a product of unit vectors is then off by some 0.001.
    """
    multiply = _in_bytes if multiplies_bytes() else _in_floats
    return multiply(asked, pieces, starts)


def _in_bytes(asked: np.ndarray, pieces: np.ndarray, starts: np.ndarray) -> np.ndarray:
    import torch

    scale = np.maximum(np.abs(asked).max(axis=1, keepdims=True), 1e-12) / _MOST
    rounded = torch.from_numpy(np.round(asked / scale).astype(np.int8))
    with one_thread():
        # No public function multiplies bytes into whole numbers; floats take four times as long.
        products = torch._int_mm(rounded, torch.from_numpy(pieces).T)  # pyright: ignore
    best = np.maximum.reduceat(products.numpy(), starts, axis=1)
    return (best * scale).T.astype(np.float32)


def _in_floats(asked: np.ndarray, pieces: np.ndarray, starts: np.ndarray) -> np.ndarray:
    products = np.empty((len(asked), len(pieces)), np.float32)
    for first in range(0, len(pieces), _BLOCK):
        block = pieces[first : first + _BLOCK].astype(np.float32)
        np.matmul(asked, block.T, out=products[:, first : first + _BLOCK])
    return np.maximum.reduceat(products, starts, axis=1).T
