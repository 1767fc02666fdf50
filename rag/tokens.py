"""Late interaction: a small vector for every word piece of every paper, on disk.

A question is compared piece by piece (MaxSim; Khattab and Zaharia, 2020): each of its pieces takes
its best match in a paper, weighted by how rare its word is. The vectors are the embedder's own, so
nothing more has to be loaded. They are cut to 128 dimensions by the principal components of the
first papers and stored as bytes: about 40 KB a paper.

    projection.npy     float32, (dimension of the embedder, width)
    pieces.i8          int8, (pieces of all papers, width), appended to, memory-mapped
    sentences.i16      int16, one a piece: number of its sentence, -1 for the title
    rows.sqlite        where each paper's pieces are, and their mean
"""

import json
import os
import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from rag.errors import is_fault, unusable
from rag.maxsim import best_matches
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
    n_pieces INTEGER NOT NULL,
    mean     BLOB NOT NULL       -- of its pieces: float32, (width,), unit norm
) WITHOUT ROWID
"""


def paper_text(paper: Paper) -> str:
    """What is embedded of a paper: its title, a line break, its abstract."""
    return f"{paper.title}\n{paper.abstract}"


class _Row(NamedTuple):
    paper_id: str
    start: int
    n_pieces: int
    mean: bytes

    @property
    def rows(self) -> slice:
        """Where its pieces are."""
        return slice(self.start, self.start + self.n_pieces)


class TokenIndex:
    """Pieces of all papers. One writer at a time; readers see what was complete when they asked."""

    def __init__(self, folder: Path):
        """Open the index in this folder, or make it.

        Raises:
            IndexDamagedError: The folder cannot be used.
        """
        self._folder = folder
        with self._explained():
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(folder / "rows.sqlite", check_same_thread=False, timeout=30)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute(_SCHEMA)
            file = folder / "projection.npy"
            self._projection = np.load(file) if file.is_file() else None
        self._known: dict[str, _Row] = {}
        self._version: int | None = None
        self._pieces: np.ndarray = np.empty((0, 0), np.int8)
        self._sentences: np.ndarray = np.empty(0, np.int16)

    def __len__(self) -> int:
        """How many papers there are."""
        with self._explained():
            return self._db.execute("SELECT count(*) FROM rows").fetchone()[0]

    def paper_ids(self) -> set[str]:
        """Ids of all papers."""
        with self._explained():
            return {paper_id for (paper_id,) in self._db.execute("SELECT paper_id FROM rows")}

    def remove(self, paper_ids: Iterable[str]) -> None:
        """Delete papers; those that are not here are passed over.

        Their pieces stay in the files, where nothing points at them, until the index is copied.
        """
        with self._writing():
            self._db.executemany(
                "DELETE FROM rows WHERE paper_id = ?", [(paper_id,) for paper_id in paper_ids]
            )

    def replace(self, papers: Sequence[Paper], pieces: Sequence[Pieces]) -> None:
        """Add papers with their pieces, each in place of any older version."""
        with self._explained("written"):
            self._replace(papers, pieces)

    def _replace(self, papers: Sequence[Paper], pieces: Sequence[Pieces]) -> None:
        if self._projection is None:
            self._project(_projection(np.concatenate([p.vectors for p in pieces])))
        self._append(
            (paper.paper_id, self._compact(found.vectors), _sentence_numbers(paper, found))
            for paper, found in zip(papers, pieces, strict=True)
        )

    def copy(self, other: "TokenIndex", paper_ids: Iterable[str]) -> None:
        """Add papers as another index has them; this one is empty, or was so filled."""
        found = other._located(paper_ids)
        if other._projection is None:
            return
        with self._explained("written"):
            if self._projection is None:
                self._project(other._projection)
            spans = ((own.paper_id, slice(own.start, own.start + own.n_pieces)) for own in found)
            self._append((i, other._pieces[span], other._sentences[span]) for i, span in spans)

    def _project(self, projection: np.ndarray) -> None:
        self._projection = projection
        np.save(self._folder / "projection.npy", projection)

    def _append(self, papers: Iterable[tuple[str, np.ndarray, np.ndarray]]) -> None:
        """Write papers, each with its compact pieces and the numbers of their sentences."""
        assert self._projection is not None  # noqa: S101 - it comes with the first papers
        width = self._projection.shape[1]
        rows: list[tuple[str, int, int, bytes]] = []
        (end,) = self._db.execute("SELECT coalesce(max(start + n_pieces), 0) FROM rows").fetchone()
        with (
            _at(self._folder / "pieces.i8", end * width) as vectors,
            _at(self._folder / "sentences.i16", end * 2) as sentences,
        ):
            for paper_id, compact, numbers in papers:
                vectors.write(compact.tobytes())
                sentences.write(numbers.tobytes())
                mean = unit_rows(compact.sum(axis=0, dtype=np.float32)[None])[0]
                rows.append((paper_id, end, len(numbers), mean.tobytes()))
                end += len(numbers)
        # Last, so that a row never points at what was not written; what has no row is overwritten.
        with self._writing():
            self._db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)", rows)

    def piece_scores(self, question: Pieces, paper_ids: Iterable[str]) -> Mapping[str, np.ndarray]:
        """Best match of each piece of a question in papers, in [-1, 1]; float32, (n,)."""
        found = self._find(paper_ids)
        if not found or not len(question.starts):
            return {}
        best = self._best_matches(question, found, _firsts(found))
        return {own.paper_id: of_paper for own, of_paper in zip(found, best, strict=True)}

    def paper_scores(
        self, question: Pieces, weights: np.ndarray, paper_ids: Iterable[str]
    ) -> dict[str, float]:
        """How well papers match, in [-1, 1]; those without pieces are left out.

        The mean of two weighted MaxSims: of the whole paper, and of the one sentence of it that
        matches best, its title counting for every sentence. The first finds a paper that speaks of
        everything that is asked, the second one that says it in one place.
        """
        found = self._find(paper_ids)
        if not found or not len(question.starts):
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
        return {own.paper_id: score for own, score in zip(found, scores, strict=True)}

    def sentence_scores(
        self, question: Pieces, weights: np.ndarray, papers: Iterable[Paper]
    ) -> Mapping[str, np.ndarray]:
        """Weighted MaxSim of each sentence of papers, by paper id; float32, (n_sentences,).

        A title's pieces count for every sentence, since what a sentence is about is often named
        there alone. A sentence that was cut off by the embedder's limit scores as its title does.
        """
        by_id = {paper.paper_id: paper for paper in papers}
        found = self._find(by_id)
        if not found or not len(question.starts):
            return {}
        best, numbers, firsts = self._by_run(question, found)
        scores: dict[str, np.ndarray] = {}
        for own, first, end in zip(found, firsts, [*firsts[1:], len(best)], strict=True):
            n_sentences = len(by_id[own.paper_id].sentences)
            of_paper = _by_sentence(best[first:end], numbers[first:end], n_sentences)
            scores[own.paper_id] = of_paper @ weights / weights.sum()
        return scores

    def paper_vectors(self, paper_ids: Sequence[str]) -> np.ndarray:
        """What each paper is about as a whole: the mean of its pieces.

        Returns:
            float32, (len(paper_ids), width), unit norm; a row of zeros for a paper without pieces.
        """
        rows = self._rows(paper_ids)
        means = {own.paper_id: np.frombuffer(own.mean, np.float32) for own in rows}
        if not means:
            return np.zeros((len(paper_ids), WIDTH), np.float32)
        nothing = np.zeros_like(next(iter(means.values())))
        return np.stack([means.get(paper_id, nothing) for paper_id in paper_ids])

    @contextmanager
    def _explained(self, done: str = "used") -> Generator[None]:
        try:
            yield
        except BaseException as error:
            if not is_fault(error):
                raise
            raise unusable("token index", self._folder, error, done) from error

    @contextmanager
    def _writing(self) -> Generator[None]:
        """Change rows, all or none; what was read of them before is forgotten."""
        try:
            with self._explained("written"), self._db:
                yield
        finally:
            # Another dictionary: one who reads meanwhile goes on filling the old one.
            self._known = {}

    def _rows(self, paper_ids: Iterable[str]) -> list["_Row"]:
        """What is known of papers, in the order asked for; those that are not here left out.

        Each is read once for as long as nobody writes: two steps ask for some 200 a question.
        """
        wanted = list(paper_ids)
        with self._explained():
            (version,) = self._db.execute("PRAGMA data_version").fetchone()
            if version != self._version:
                self._version, self._known = version, {}
            known = self._known
            if unread := [paper_id for paper_id in wanted if paper_id not in known]:
                rows = self._db.execute(
                    "SELECT paper_id, start, n_pieces, mean FROM rows"
                    " WHERE paper_id IN (SELECT value FROM json_each(?))",
                    [json.dumps(unread)],
                )
                known.update((row[0], _Row(*row)) for row in rows)
        return [known[paper_id] for paper_id in wanted if paper_id in known]

    def _find(self, paper_ids: Iterable[str]) -> list["_Row"]:
        """Where the pieces of papers are, those without any left out; the files are mapped."""
        if self._projection is None:
            return []
        return [own for own in self._located(paper_ids) if own.n_pieces]

    def _located(self, paper_ids: Iterable[str]) -> list["_Row"]:
        found = self._rows(paper_ids)
        end = max((own.start + own.n_pieces for own in found), default=0)
        with self._explained():
            self._map(end)
            if end > min(len(self._pieces), len(self._sentences)):
                raise ValueError(f"its files end before piece {end:,}")
        return found

    def _by_run(
        self, question: Pieces, found: Sequence["_Row"]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Best match of the question's pieces in each title and sentence of papers, end to end.

        Returns:
            float32, (n_runs, pieces of the question), in [-1, 1]; the number of the sentence that
            each run is, -1 for a title, which comes first; and where each paper's runs begin.
        """
        numbers = np.concatenate([self._sentences[own.rows] for own in found])
        firsts = _firsts(found)
        begins = np.append(True, numbers[1:] != numbers[:-1])
        begins[firsts] = True
        starts = np.flatnonzero(begins)
        best = self._best_matches(question, found, starts)
        return best, numbers[starts], np.searchsorted(starts, firsts)

    def _best_matches(
        self, question: Pieces, found: Sequence["_Row"], starts: np.ndarray
    ) -> np.ndarray:
        """Best match of the question's pieces in each run of the papers' pieces, end to end.

        Returns:
            float32, (len(starts), pieces of the question), in [-1, 1].
        """
        assert self._projection is not None  # noqa: S101 - a paper was found
        asked = unit_rows(question.vectors @ self._projection) / _SCALE
        return best_matches(
            asked, np.concatenate([self._pieces[own.rows] for own in found]), starts
        )

    def _map(self, end: int) -> None:
        """Map the files as far as `end` pieces, unless they already are."""
        if end <= len(self._sentences) or self._projection is None:
            return
        # As plain arrays: each slice of a memmap is made one anew, and that takes longer than it.
        pieces = np.asarray(np.memmap(self._folder / "pieces.i8", np.int8, mode="r"))
        self._pieces = pieces[
            : len(pieces) // self._projection.shape[1] * self._projection.shape[1]
        ]
        self._pieces = self._pieces.reshape(-1, self._projection.shape[1])
        sentences = np.memmap(self._folder / "sentences.i16", np.int16, mode="r")
        self._sentences = np.asarray(sentences)

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


def _firsts(found: Sequence[_Row]) -> np.ndarray:
    """Where each paper's pieces begin when they are laid end to end."""
    return np.cumsum([0, *(own.n_pieces for own in found[:-1])])


def _by_sentence(runs: np.ndarray, numbers: np.ndarray, n_sentences: int) -> np.ndarray:
    """Best match of each question piece in each sentence or the title; (n_sentences, pieces).

    Args:
        runs: Best matches in runs of pieces, (n_runs, pieces).
        numbers: The sentence that each run lies in, -1 for the title.
        n_sentences: How many sentences there are, those without pieces included.
    """
    best = np.full((n_sentences, runs.shape[1]), -1.0, np.float32)
    of_title = runs[numbers < 0]
    if len(of_title):
        best[:] = of_title.max(axis=0)
    np.maximum.at(best, numbers[numbers >= 0], runs[numbers >= 0])
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
