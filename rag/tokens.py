"""Late interaction: a small vector for every word piece of every paper, on disk.

A question is compared piece by piece (MaxSim; Khattab and Zaharia, 2020): each of its pieces takes
its best match in a paper, weighted by how rare its word is. The vectors are the embedder's own, so
nothing more has to be loaded. They are cut to 128 dimensions by the principal components of the
first papers and stored as bytes: about 40 KB a paper.

    projection.npy     float32, (dimension of the embedder, width)
    pieces.i8          int8, (pieces of all papers, width), appended to, memory-mapped
    sentences.i16      int16, one a piece: number of its sentence, -1 for the title
    rows.sqlite        where each paper's pieces are
"""

import os
import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from rag.errors import IndexDamagedError
from rag.pieces import Pieces, unit_rows
from rag.schema import Paper

# 256 dimensions gained nothing on the tune questions, 64 lost 0.01 nDCG@10.
WIDTH = 128
# Components of fewer pieces would be those of a few sentences; the vectors are then kept whole.
_MIN_PIECES_A_COMPONENT = 4
# A unit vector of 128 numbers has none above 0.5 but by accident; such a one is clipped.
_SCALE = 254.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    paper_id TEXT PRIMARY KEY,
    start    INTEGER NOT NULL,
    n_pieces INTEGER NOT NULL
) WITHOUT ROWID
"""


def paper_text(paper: Paper) -> str:
    """What is embedded of a paper: its title, a line break, its abstract."""
    return f"{paper.title}\n{paper.abstract}"


class TokenIndex:
    """Pieces of all papers. One writer at a time; readers see what was complete when they asked."""

    def __init__(self, folder: Path):
        """Open the index in this folder, or make it.

        Raises:
            IndexDamagedError: The folder cannot be used.
        """
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(folder / "rows.sqlite", check_same_thread=False, timeout=30)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(_SCHEMA)
            file = folder / "projection.npy"
            self._projection = np.load(file) if file.is_file() else None
        except (sqlite3.Error, OSError, ValueError) as error:
            raise IndexDamagedError(
                f"token index {folder} cannot be used: {error}; run `footnote rebuild`"
            ) from error
        self._pieces: np.ndarray = np.empty((0, 0), np.int8)
        self._sentences: np.ndarray = np.empty(0, np.int16)

    def __len__(self) -> int:
        """How many papers there are."""
        return self._db.execute("SELECT count(*) FROM rows").fetchone()[0]

    def replace(self, papers: Sequence[Paper], pieces: Sequence[Pieces]) -> None:
        """Add papers with their pieces, each in place of any older version."""
        if self._projection is None:
            self._projection = _projection(np.concatenate([p.vectors for p in pieces]))
            np.save(self._folder / "projection.npy", self._projection)
        width = self._projection.shape[1]
        rows: list[tuple[str, int, int]] = []
        (end,) = self._db.execute("SELECT coalesce(max(start + n_pieces), 0) FROM rows").fetchone()
        with (
            _at(self._folder / "pieces.i8", end * width) as vectors,
            _at(self._folder / "sentences.i16", end * 2) as sentences,
        ):
            for paper, found in zip(papers, pieces, strict=True):
                vectors.write(self._compact(found.vectors).tobytes())
                sentences.write(_sentence_numbers(paper, found).tobytes())
                rows.append((paper.paper_id, end, len(found.starts)))
                end += len(found.starts)
        # Last, so that a row never points at what was not written; what has no row is overwritten.
        with self._db:
            self._db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?)", rows)

    def remove(self, paper_ids: Iterable[str]) -> None:
        """Take papers out; ids that are not there cost nothing."""
        with self._db:
            self._db.executemany("DELETE FROM rows WHERE paper_id = ?", [(i,) for i in paper_ids])

    def paper_scores(
        self, question: Pieces, weights: np.ndarray, paper_ids: Iterable[str]
    ) -> dict[str, float]:
        """Weighted MaxSim of papers, in [-1, 1]; papers without pieces are left out."""
        return {
            paper_id: float(similarities.max(axis=1) @ weights / weights.sum())
            for paper_id, (similarities, _) in self._similarities(question, paper_ids).items()
        }

    def sentence_scores(
        self, question: Pieces, weights: np.ndarray, papers: Iterable[Paper]
    ) -> Mapping[str, np.ndarray]:
        """Weighted MaxSim of each sentence of papers, by paper id; float32, (n_sentences,).

        A title's pieces count for every sentence, since what a sentence is about is often named
        there alone. A sentence that was cut off by the embedder's limit scores as its title does.
        """
        by_id = {paper.paper_id: paper for paper in papers}
        return {
            paper_id: _by_sentence(similarities, numbers, len(by_id[paper_id].sentences))
            @ weights
            / weights.sum()
            for paper_id, (similarities, numbers) in self._similarities(question, by_id).items()
        }

    def _similarities(
        self, question: Pieces, paper_ids: Iterable[str]
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Of each paper: float32 (question pieces, its pieces), and the sentence of each piece."""
        if self._projection is None or not len(question.starts):
            return {}
        places = ", ".join("?" * len(ids := list(paper_ids)))
        rows = self._db.execute(
            f"SELECT paper_id, start, n_pieces FROM rows WHERE paper_id IN ({places})",  # noqa: S608
            ids,
        ).fetchall()
        self._map(max((start + n for _, start, n in rows), default=0))
        asked = unit_rows(question.vectors @ self._projection) / _SCALE
        return {
            paper_id: (
                asked @ self._pieces[start : start + n].astype(np.float32).T,
                self._sentences[start : start + n],
            )
            for paper_id, start, n in rows
            if n
        }

    def _map(self, end: int) -> None:
        """Map the files as far as `end` pieces, unless they already are."""
        if end <= len(self._sentences) or self._projection is None:
            return
        pieces = np.memmap(self._folder / "pieces.i8", np.int8, mode="r")
        self._pieces = pieces[
            : len(pieces) // self._projection.shape[1] * self._projection.shape[1]
        ]
        self._pieces = self._pieces.reshape(-1, self._projection.shape[1])
        self._sentences = np.memmap(self._folder / "sentences.i16", np.int16, mode="r")

    def _compact(self, vectors: np.ndarray) -> np.ndarray:
        projected = unit_rows(vectors @ self._projection)
        return np.clip(np.round(projected * _SCALE), -127, 127).astype(np.int8)


def _projection(vectors: np.ndarray) -> np.ndarray:
    """The first principal directions as columns; the identity for too few vectors.

    Not centred: the products with the question's pieces are to be kept, not the variance.
    """
    n, dimension = vectors.shape
    if dimension <= WIDTH or n < _MIN_PIECES_A_COMPONENT * WIDTH:
        return np.eye(dimension, dtype=np.float32)
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    return np.ascontiguousarray(directions[:, ::-1][:, :WIDTH], dtype=np.float32)


def _sentence_numbers(paper: Paper, pieces: Pieces) -> np.ndarray:
    """The number of the sentence that each piece lies in; -1 for the title's. int16, (n,)."""
    starts = np.array([span.start for span in paper.sentences])
    in_abstract = pieces.starts - (len(paper.title) + 1)
    return (np.searchsorted(starts, in_abstract, side="right") - 1).astype(np.int16)


def _by_sentence(similarities: np.ndarray, numbers: np.ndarray, n_sentences: int) -> np.ndarray:
    """Best match of each question piece in each sentence or the title; (n_sentences, pieces)."""
    best = np.full((n_sentences, len(similarities)), -1.0, np.float32)
    title = similarities[:, numbers < 0]
    if title.shape[1]:
        best[:] = title.max(axis=1)
    for number in range(n_sentences):
        of_sentence = similarities[:, numbers == number]
        if of_sentence.shape[1]:
            best[number] = np.maximum(best[number], of_sentence.max(axis=1))
    return best


@contextmanager
def _at(file: Path, position: int) -> Generator[BinaryIO]:
    """Open a file to write from a position on; what is written is on disk when this ends."""
    file.touch()
    with file.open("r+b") as opened:
        opened.seek(position)
        yield opened
        opened.flush()
        os.fsync(opened.fileno())
