"""Token pooling: half as many vectors for the tokens of a sentence (Clavié and others, 2024).

Tokens of one sentence whose vectors are near each other match the same words of a question. The
nearest are merged by Ward's method until half are left; each is then the mean of its own.
"""

import numpy as np

from footnote.rag.index.token_embeddings import unit_rows

# Of 1, 2 and 3 tokens a vector, 2 found papers as well as 1 (`docs/experiments.md`).
_TOKENS_A_VECTOR = 2
# A title of so few, a name say, is kept whole.
_KEPT_WHOLE = 4


def pooled(vectors: np.ndarray, runs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Merge the tokens of each run.

    Args:
        vectors: float32, (n, width), rows of unit norm.
        runs: int, (n,): the run of each, in ascending order; a title or a sentence.

    Returns:
        float32, (n_merged, width), rows of unit norm, and the run of each of these, in order.
    """
    if not len(runs):
        return vectors, runs
    begins = np.flatnonzero(np.diff(runs, prepend=runs[:1] - 1))
    merged = [_merged(own) for own in np.split(vectors, begins[1:])]
    return np.concatenate(merged), np.repeat(runs[begins], [len(own) for own in merged])


def _merged(vectors: np.ndarray) -> np.ndarray:
    if len(vectors) <= _KEPT_WHOLE:
        return vectors
    # Loaded where papers are taken in: no question waits for it.
    from scipy.cluster.hierarchy import fcluster, ward

    groups = fcluster(ward(vectors), -(-len(vectors) // _TOKENS_A_VECTOR), "maxclust") - 1
    sums = np.zeros((groups.max() + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, groups, vectors)
    return unit_rows(sums)
