"""The tokens of a text, as a model sees them, each with its vector."""

from typing import NamedTuple

import numpy as np

from footnote.rag.core.records import Paper


class TokenEmbeddings(NamedTuple):
    """Tokens in order, without those that the model adds itself."""

    vectors: np.ndarray
    """float32, (n, dimension), as the model gives them: longer rows weigh more in a mean."""
    starts: np.ndarray
    """int, (n,): where each begins in the text."""
    ends: np.ndarray
    """int, (n,): where each ends."""


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Scale rows to unit norm; a row of zeros stays one."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, 1e-12)


def paper_text(paper: Paper) -> str:
    """Return what is embedded of a paper: its title, a line break, its abstract."""
    return f"{paper.title}\n{paper.abstract}"


def sentence_numbers(paper: Paper, tokens: TokenEmbeddings) -> np.ndarray:
    """Return the number of the sentence of each token of its text; -1 for the title's. (n,)."""
    starts = np.array([span.start for span in paper.sentences])
    in_abstract = tokens.starts - (len(paper.title) + 1)
    return np.searchsorted(starts, in_abstract, side="right") - 1
