"""Products of a few vectors with many rows of bytes."""

import numkong
import numpy as np

INT8_MAX = 127
"""The largest byte that is used; its negative is one too."""


def dot_products(asked: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Multiply each vector with each row.

    Args:
        asked: float32, (n, width). Each is rounded to bytes, on its own scale: a product of unit
            vectors is then off by some 0.001.
        rows: int8, (m, width), contiguous.

    Returns:
        int32, (m, n), and what each vector's are to be multiplied by, float32, (n,).
    """
    scale = (np.maximum(np.abs(asked).max(axis=1), 1e-12) / INT8_MAX).astype(np.float32)
    rounded = np.round(asked / scale[:, None]).astype(np.int8)
    # By the instructions that this processor has, chosen when it runs.
    return np.asarray(numkong.dots_packed(rows, numkong.dots_pack(rounded))), scale
