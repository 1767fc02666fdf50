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

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from footnote.rag.core.records import Paper
from footnote.rag.index.maxsim import maxsim
from footnote.rag.index.memmap import Owned, Rows, ShardedRows
from footnote.rag.index.pooling import pooled
from footnote.rag.index.token_embeddings import TokenEmbeddings, sentence_numbers, unit_rows

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


class MultiVectorIndex:
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
            if self._projection is None:
                self._project(_projection(np.concatenate([p.vectors for p in tokens])))
            self._rows.append(
                self._compact(paper, found) for paper, found in zip(papers, tokens, strict=True)
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

    def _project(self, projection: np.ndarray) -> None:
        self._projection = projection
        for file in self._files:
            np.save(file, projection)

    def _compact(self, paper: Paper, tokens: TokenEmbeddings) -> Rows:
        projected = unit_rows(tokens.vectors @ self._projection)
        mean = unit_rows(projected.sum(axis=0, dtype=np.float32)[None])[0]
        vectors, numbers = pooled(projected, sentence_numbers(paper, tokens))
        compact = np.clip(np.round(vectors * _SCALE), -127, 127).astype(np.int8)
        return Rows(paper.paper_id, [compact, numbers.astype(np.int16)], mean.tobytes())

    def token_scores(
        self, question: TokenEmbeddings, paper_ids: Iterable[str]
    ) -> Mapping[str, np.ndarray]:
        """Match each token of a question with papers; in [-1, 1] by paper id, float32, (n,)."""
        found = self._find(paper_ids)
        if found is None or not len(question.starts):
            return {}
        best = self._maxsim(question, found, _firsts(found))
        return {own.owner: of_paper for own, of_paper in zip(found, best, strict=True)}

    def paper_scores(
        self, question: TokenEmbeddings, weights: np.ndarray, paper_ids: Iterable[str]
    ) -> dict[str, float]:
        """Score how well papers match, in [-1, 1]; those without token embeddings are left out.

        The mean of two weighted MaxSims: of the whole paper, and of the one sentence of it that
        matches best, its title counting for every sentence. The first finds a paper that speaks of
        everything that is asked, the second one that says it in one place.
        """
        found = self._find(paper_ids)
        if found is None or not len(question.starts):
            return {}
        best, numbers, firsts = self._by_run(question, found)
        lengths = np.diff([*firsts, len(best)])
        has_title = numbers[firsts] < 0
        titles = np.where(has_title[:, None], best[firsts], np.float32(-1))
        shares = weights / weights.sum()
        of_sentences = np.maximum(best, np.repeat(titles, lengths, axis=0)) @ shares
        sentence = np.maximum.reduceat(of_sentences, firsts)
        whole = np.maximum.reduceat(best, firsts, axis=0) @ shares
        scores = ((whole + sentence) / 2).tolist()
        return {own.owner: score for own, score in zip(found, scores, strict=True)}

    def sentence_scores(
        self, question: TokenEmbeddings, weights: np.ndarray, papers: Iterable[Paper]
    ) -> Mapping[str, np.ndarray]:
        """Return the weighted MaxSim of each sentence, by paper id; float32, (n_sentences,).

        With a column of `weights` a weighting, (tokens of the question, n), it is (n_sentences, n).
        A title's tokens count for every sentence, since what a sentence is about is often named
        there alone. A sentence that was cut off by the embedder's limit scores as its title does.
        """
        by_id = {paper.paper_id: paper for paper in papers}
        found = self._find(by_id)
        if found is None or not len(question.starts):
            return {}
        best, numbers, firsts = self._by_run(question, found)
        scores: dict[str, np.ndarray] = {}
        for own, first, end in zip(found, firsts, [*firsts[1:], len(best)], strict=True):
            n_sentences = len(by_id[own.owner].sentences)
            of_paper = _by_sentence(best[first:end], numbers[first:end], n_sentences)
            scores[own.owner] = of_paper @ weights / weights.sum(axis=0)
        return scores

    def paper_vectors(self, paper_ids: Sequence[str]) -> np.ndarray:
        """Return what each paper is about as a whole: the mean of its token embeddings.

        Returns:
            float32, (len(paper_ids), width), unit norm; a row of zeros for a paper without tokens.
        """
        means = self._rows.notes(paper_ids)
        nothing = bytes(max(map(len, means.values()), default=4 * WIDTH))
        rows = b"".join(means.get(paper_id, nothing) for paper_id in paper_ids)
        return np.frombuffer(rows, np.float32).reshape(len(paper_ids), len(nothing) // 4)

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

    def _find(self, paper_ids: Iterable[str]) -> list[Owned] | None:
        """Find the tokens of papers, those without any left out; None when all are."""
        papers = [own for own in self._rows.read(paper_ids) if own.n_rows]
        return papers if papers and self._projection is not None else None

    def _by_run(
        self, question: TokenEmbeddings, found: Sequence[Owned]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Match the question's tokens with each title and sentence of papers, end to end.

        Returns:
            float32, (n_runs, tokens of the question), in [-1, 1]; the number of the sentence that
            each run is, -1 for a title, which comes first; and where each paper's runs begin.
        """
        numbers = np.concatenate([own.arrays[1][:, 0] for own in found])
        firsts = _firsts(found)
        begins = np.append(True, numbers[1:] != numbers[:-1])
        begins[firsts] = True
        starts = np.flatnonzero(begins)
        best = self._maxsim(question, found, starts)
        return best, numbers[starts], np.searchsorted(starts, firsts)

    def _maxsim(
        self, question: TokenEmbeddings, found: Sequence[Owned], starts: np.ndarray
    ) -> np.ndarray:
        """Match the question's tokens with each run of the papers' tokens, end to end.

        Returns:
            float32, (len(starts), tokens of the question), in [-1, 1].
        """
        assert self._projection is not None  # noqa: S101 - a paper was found
        asked = unit_rows(question.vectors @ self._projection) / _SCALE
        return maxsim(asked, [own.arrays[0] for own in found], starts)


def _projection(vectors: np.ndarray) -> np.ndarray:
    """Return the first principal directions as columns; the identity for too few vectors.

    Not centred: the products with the question's tokens are to be kept, not the variance.
    """
    n, dimension = vectors.shape
    if dimension <= WIDTH or n < _MIN_TOKENS_A_COMPONENT * WIDTH:
        return np.eye(dimension, dtype=np.float32)
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    return np.ascontiguousarray(directions[:, ::-1][:, :WIDTH], dtype=np.float32)


def _firsts(papers: Sequence[Owned]) -> np.ndarray:
    """Return where each paper's tokens begin when they are laid end to end."""
    return np.cumsum([0, *(own.n_rows for own in papers[:-1])])


def _by_sentence(runs: np.ndarray, numbers: np.ndarray, n_sentences: int) -> np.ndarray:
    """Match each token asked with each sentence or the title; (n_sentences, tokens).

    Args:
        runs: Best matches in runs of tokens, (n_runs, tokens).
        numbers: The sentence that each run lies in, -1 for the title.
        n_sentences: How many sentences there are, those without tokens included.
    """
    best = np.full((n_sentences, runs.shape[1]), -1.0, np.float32)
    of_title = runs[numbers < 0]
    if len(of_title):
        best[:] = of_title.max(axis=0)
    # Tokens of a longer version may be here before that version is served.
    is_own = (numbers >= 0) & (numbers < n_sentences)
    np.maximum.at(best, numbers[is_own], runs[is_own])
    return best
