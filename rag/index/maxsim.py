"""The arithmetic of late interaction: the best match of each token of a question (MaxSim)."""

from collections.abc import Sequence

import numpy as np

from footnote.rag.index.int8 import dot_products

# Rows that stay in the processor's cache with their products: of 2,048 to 16,384 as fast as any.
_BLOCK = 8192


def maxsim(asked: np.ndarray, papers: Sequence[np.ndarray], starts: np.ndarray) -> np.ndarray:
    """Find the largest product of each token of a question with those of each run of rows.

    Args:
        asked: float32, (n, width), the tokens of the question.
        papers: int8, (m, width) each, at least one row in each; every one begins a run.
        starts: int, (n_runs,): the row at which each run begins when the papers are laid end to
            end, rising from 0.

    Returns:
        float32, (n_runs, n); see `dot_products` for how exact it is.
    """
    firsts = np.cumsum([0, *map(len, papers)])
    best = np.empty((len(starts), len(asked)), np.float32)
    begins = np.flatnonzero(np.diff(firsts[:-1] // _BLOCK, prepend=-1)).tolist()
    for one, end in zip(begins, [*begins[1:], len(papers)], strict=True):
        found, scale = dot_products(asked, np.concatenate(papers[one:end]))
        own = slice(*np.searchsorted(starts, firsts[[one, end]]))
        best[own] = np.maximum.reduceat(found, starts[own] - firsts[one], axis=0) * scale
    return best
