"""Late interaction: a small vector for every two tokens of every paper, on disk.

A question is compared token by token (MaxSim; Khattab and Zaharia, 2020): each of its tokens takes
its best match in a paper, weighted by how rare its word is. The vectors are the embedder's own, so
nothing more has to be loaded. They are cut to 128 dimensions by the principal components of the
first papers, pooled (`rag.index.pooling`) and stored as bytes: about 20 KB a paper.

    projection.npy         float32, (dimension of the embedder, width)
    token_embeddings.i8    int8, (vectors of all papers, width)
    sentences.i16          int16, one a vector: number of its sentence, -1 for the title
    rows.sqlite            where each paper's tokens are, and their mean; see `rag.index.memmap`
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from footnote.rag.core.records import Paper
from footnote.rag.index.maxsim import maxsim
from footnote.rag.index.memmap import Owned, Rows, ShardedRows
from footnote.rag.index.pooling import pooled
from footnote.rag.index.token_embeddings import TokenEmbeddings, sentence_numbers, unit_rows
from footnote.rag.index.token_scores import NONE, Matches, TokenScores

# 256 dimensions gained nothing on the tune questions, 64 lost 0.01 nDCG@10.
WIDTH = 128
# Components of fewer tokens would be those of a few sentences; the vectors are then kept whole.
_MIN_TOKENS_A_COMPONENT = 4
# A unit vector of 128 numbers has none above 0.5 but by accident; such a one is clipped.
_SCALE = 254.0


class Pooled(NamedTuple):
    """Tokens of a paper as they are kept."""

    vectors: np.ndarray
    """int8, (n, width)."""
    numbers: np.ndarray
    """int16, (n,): the sentence of each, rising; -1 for the title."""


# The numbers of each file, by its name.
_FILES = {"token_embeddings.i8": np.int8, "sentences.i16": np.int16}


class MultiVectorIndex(TokenScores):
    """Token embeddings of papers. One writer at a time; readers see what was complete."""

    def __init__(self, *folders: Path, kept: bool = True):
        """Open the index in these folders, one a shard, or make it; one that is not kept is empty.

        Raises:
            IndexDamagedError: A folder cannot be used.
        """
        self._rows = ShardedRows(folders, _FILES, "token index", paper_of=str, kept=kept)
        # One for all, so that scores of shards can be compared; each has a copy.
        self._files = [folder / "projection.npy" for folder in folders]
        with self._rows.explained():
            made = [file for file in self._files if file.is_file()]
            self._projection = np.load(made[0]) if made else None

    def __len__(self) -> int:
        """Count the papers."""
        return self._rows.count()[0]

    def paper_ids(self) -> set[str]:
        """Return the ids of all papers."""
        return self._rows.owners()

    def remove(self, paper_ids: Iterable[str]) -> None:
        """Delete papers; those that are not here are passed over."""
        self._rows.remove(paper_ids)

    def replace(self, papers: Sequence[Paper], tokens: Sequence[TokenEmbeddings]) -> None:
        """Add papers with their tokens, each in place of any older version."""
        with self._rows.explained("written"):
            if (cut := self._projection) is None:
                cut = projection_of(tokens)
                self._project(cut)
            self._rows.append(
                compacted(cut, paper, found) for paper, found in zip(papers, tokens, strict=True)
            )

    def copy(self, other: "MultiVectorIndex", paper_ids: Iterable[str]) -> None:
        """Add papers as another index has them; this one is empty, or was so filled."""
        with self._rows.explained("written"):
            if self._projection is None and other._projection is not None:
                self._project(other._projection)
            self._rows.copy(other._rows, paper_ids)

    def is_cut_like(self, other: "MultiVectorIndex") -> bool:
        """Return True if tokens of the other can be compared with those here: by one projection."""
        ours, theirs = self._projection, other._projection
        return ours is not None and theirs is not None and np.array_equal(ours, theirs)

    def pooled(self, paper_ids: Iterable[str]) -> dict[str, Pooled]:
        """Return the tokens of papers as they are kept, by paper id; unknown ones are left out."""
        return {
            own.owner: Pooled(own.arrays[0], own.arrays[1][:, 0])
            for own in self._rows.read(paper_ids)
        }

    def add_pooled(self, papers: Iterable[tuple[str, Pooled]]) -> None:
        """Add papers by their ids with tokens that are cut and pooled as those here are.

        What a paper is about as a whole is the mean of these, and not that of all its tokens.
        """
        self._rows.append(
            Rows(
                paper_id,
                tokens,
                unit_rows(tokens.vectors.sum(axis=0, dtype=np.float32)[None])[0].tobytes(),
            )
            for paper_id, tokens in papers
        )

    @property
    def projection(self) -> np.ndarray | None:
        """What tokens are cut by, (dimension of the embedder, width); None before the first."""
        return self._projection

    def _project(self, projection: np.ndarray) -> None:
        self._projection = projection
        for file in self._files:
            np.save(file, projection)

    def matches(self, question: TokenEmbeddings, paper_ids: Iterable[str]) -> Matches:
        """Match a question's tokens with papers; see `TokenScores`."""
        if self._projection is None:
            return NONE
        return matched(self._projection, question, self._rows.read(paper_ids))

    def means(self, paper_ids: Iterable[str]) -> dict[str, bytes]:
        """Return the mean of each paper's tokens; see `TokenScores`."""
        return self._rows.notes(paper_ids)

    def similar(
        self, paper_id: str, n: int, among: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """Find the papers most like one as a whole: ids with cosines, best first, at most `n`.

        None are like a paper without token embeddings.

        Args:
            paper_id: Of that paper.
            n: How many at most.
            among: Ids of the papers that it is compared with; None for all.
        """
        others = sorted({*(self.paper_ids() if among is None else among)} - {paper_id})
        [own, *vectors] = self.paper_vectors([paper_id, *others])
        if not own.any() or not others:
            return []
        cosines = np.stack(vectors) @ own
        best = np.argsort(-cosines, kind="stable")[:n]
        return [(others[at], float(cosines[at])) for at in best]


def compacted(
    projection: np.ndarray, paper: Paper, tokens: TokenEmbeddings, *, pools: bool = True
) -> Rows:
    """Cut and pool the tokens of a paper, as they are kept, with their mean.

    Pooling leaves half of them; to load what does it takes longer than to pool a few papers saves.
    """
    projected = unit_rows(tokens.vectors @ projection)
    mean = unit_rows(projected.sum(axis=0, dtype=np.float32)[None])[0]
    vectors, numbers = projected, sentence_numbers(paper, tokens)
    if pools:
        vectors, numbers = pooled(vectors, numbers)
    compact = np.clip(np.round(vectors * _SCALE), -127, 127).astype(np.int8)
    return Rows(paper.paper_id, [compact, numbers.astype(np.int16)[:, None]], mean.tobytes())


def matched(
    projection: np.ndarray, question: TokenEmbeddings, papers: Iterable[Owned | Rows]
) -> Matches:
    """Match a question's tokens with papers as `compacted`; those without tokens are left out."""
    found = [own for own in papers if len(own.arrays[0])]
    if not found or not len(question.starts):
        return NONE
    numbers = np.concatenate([own.arrays[1][:, 0] for own in found])
    firsts = np.cumsum([0, *(len(own.arrays[0]) for own in found[:-1])])
    begins = np.append(True, numbers[1:] != numbers[:-1])
    begins[firsts] = True
    starts = np.flatnonzero(begins)
    asked = unit_rows(question.vectors @ projection) / _SCALE
    best = maxsim(asked, [own.arrays[0] for own in found], starts)
    owners = [own.owner for own in found]
    return Matches(owners, np.searchsorted(starts, firsts), numbers[starts], best)


def projection_of(papers: Iterable[TokenEmbeddings]) -> np.ndarray:
    """Return the first principal directions of tokens as columns; the identity for too few tokens.

    Not centred: the products with the question's tokens are to be kept, not the variance.
    """
    vectors = unit_rows(np.concatenate([paper.vectors for paper in papers]))
    n, dimension = vectors.shape
    if dimension <= WIDTH or n < _MIN_TOKENS_A_COMPONENT * WIDTH:
        return np.eye(dimension, dtype=np.float32)
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    return np.ascontiguousarray(directions[:, ::-1][:, :WIDTH], dtype=np.float32)
