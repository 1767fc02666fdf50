"""Products of a few vectors with many rows of bytes, in bytes where the processor has them."""

import sys

import numpy as np

from footnote.rag.core.processor import multiplies_bytes, one_thread

INT8_MAX = 127
"""The largest byte that is used; its negative is one too."""
# Rows that stay in the processor's cache as floats: three times as fast as all at once.
_BLOCK_NUMBERS = 2048 * 128


def dot_products(asked: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Multiply each vector with each row.

    Args:
        asked: float32, (n, width).
        rows: int8, (m, width), contiguous.

    Returns:
        int32 or float32, (n, m), and what each vector's are to be multiplied by, float32, (n, 1).
        Where the processor multiplies bytes each vector is rounded to them, on its own scale: a
        product of unit vectors is then off by some 0.001.
    """
    return (_in_bytes if multiplies_here() else _in_floats)(asked, rows)


def multiplies_here() -> bool:
    """Return True if bytes are multiplied as such: by torch, if anything has loaded it."""
    # With a hosted embedder there is no other use for it: to load it takes a second, to go without
    # it milliseconds.
    return "torch" in sys.modules and multiplies_bytes()


def _in_bytes(asked: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    import torch

    scale = (np.maximum(np.abs(asked).max(axis=1, keepdims=True), 1e-12) / INT8_MAX).astype(
        np.float32
    )
    rounded = torch.from_numpy(np.round(asked / scale).astype(np.int8))
    with one_thread():
        # No public function multiplies bytes into whole numbers; floats take four times as long.
        found = torch._int_mm(rounded, torch.from_numpy(rows).T)  # pyright: ignore
    return found.numpy(), scale


def _in_floats(asked: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found = np.empty((len(asked), len(rows)), np.float32)
    block = _BLOCK_NUMBERS // rows.shape[1] + 1
    for first in range(0, len(rows), block):
        floats = rows[first : first + block].astype(np.float32)
        np.matmul(asked, floats.T, out=found[:, first : first + block])
    return found, np.ones((len(asked), 1), np.float32)
