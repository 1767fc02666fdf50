"""Every sentence's vector as bytes: a question is compared with all of them, or those of some.

A graph of neighbours does not reach every vector, however it is built
(`docs/adr/0008-every-sentence-is-compared.md`). To compare a question with all takes less time than
a graph for as many as `store.exact_up_to`; nothing is lost but what a byte rounds.

    vectors.i8     int8, (sentences of all versions, dimension)
    scales.f32     float32, one a sentence: what its bytes are multiplied by, for a unit vector
    rows.sqlite    where each version's sentences are; see `rag.index.memmap`
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from footnote.rag.core.records import Paper
from footnote.rag.index.chunking import (
    best_of_shards,
    paper_of_chunk,
    sentence_id,
    version_id,
)
from footnote.rag.index.int8 import INT8_MAX, dot_products
from footnote.rag.index.memmap import Found, RowRange, Rows, ShardedRows
from footnote.rag.index.query import Query
from footnote.rag.index.sharding import split
from footnote.rag.index.token_embeddings import unit_rows

# Bytes round a cosine of 1 to no more than this.
_LARGEST = 1.05
_OF_OTHERS = "its scales are not those of its vectors"
# Papers up to which their rows are looked up and copied, rather than all compared and those of
# others left out: of 25,000 papers with ten sentences each 300 took 6 ms and not 25, 1,000 took 12.
_FEW = 1_000


class DenseIndex:
    """Sentences by their vectors. One writer at a time; readers see what was complete."""

    def __init__(self, *folders: Path):
        """Open the index in these folders, one a shard, or make it.

        Raises:
            IndexDamagedError: A folder cannot be used.
        """
        files = {"vectors.i8": np.int8, "scales.f32": np.float32}
        self._rows = ShardedRows(folders, files, "sentence index", paper_of=paper_of_chunk)
        self._last: dict[int, _Layout] = {}

    def __len__(self) -> int:
        """Count the sentences."""
        return self._rows.count()[1]

    def counts(self) -> dict[str, int]:
        """Count the sentences of each version, by its `version_id`."""
        shards = self._rows.shards
        return {own.owner: own.n_rows for shard in shards for own in shard.all().ranges}

    def newest(self, limit: int) -> list[str]:
        """Return the ids of the papers that were added last, up to so many a shard."""
        ranges = [own for shard in self._rows.shards for own in shard.all().ranges[-limit:]]
        return [paper_of_chunk(own.owner) for own in ranges]

    def add(self, versions: Iterable[tuple[str, np.ndarray]]) -> None:
        """Add versions of papers, each in place of what is here of it.

        Args:
            versions: The `version_id` of each, and the vectors of its sentences in order; float32,
                (n_sentences, dimension).

        Raises:
            IndexDamagedError: They cannot be written.
        """
        self._rows.append(
            Rows(version, _in_bytes(vectors)) for version, vectors in versions if len(vectors)
        )

    def copy(self, other: "DenseIndex", versions: Iterable[tuple[str, str]]) -> None:
        """Add versions, each (paper id, version), as another index has them."""
        self._rows.copy(other._rows, [version_id(*version) for version in versions])

    def remove(self, versions: Iterable[tuple[str, str]]) -> None:
        """Delete versions, each (paper id, version); none here is fine."""
        self._rows.remove(version_id(*version) for version in versions)

    def nearest(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> list[tuple[str, float]]:
        """Find the sentences nearest to a vector: ids with cosines, best first, at most `depth`.

        Cosines are off by some 0.001; ties go to the sentence that was added first, and between
        shards to the smaller id of a paper.

        Args:
            vector: Of any length but 0.
            depth: Sentences at most.
            only: Ids of the papers whose sentences are looked at; None for all.
        """
        asked = unit_rows(np.array([vector], np.float32))
        with self._rows.explained():
            found = [layout.nearest(asked, depth) for layout in self._layouts(only)]
        return best_of_shards(found, depth)

    def means(self, papers: Sequence[Paper]) -> dict[str, np.ndarray]:
        """Return the means of papers' sentences, by paper id; float32, (dimension,), unit norm.

        Papers that are not here in this version are left out. A mean of zeros stays one.
        """
        return {
            paper_id: unit_rows(sentences.sum(axis=0, keepdims=True))[0]
            for paper_id, sentences in self.vectors(papers).items()
        }

    def vectors(self, papers: Sequence[Paper]) -> dict[str, np.ndarray]:
        """Return the vectors of papers' sentences, by paper id; float32, (n_sentences, dimension).

        Their norm is 1 but for what a byte rounds. Papers that are not here in this version are
        left out.
        """
        by_version = {version_id(p.paper_id, p.version): p.paper_id for p in papers}
        found: dict[str, np.ndarray] = {}
        with self._rows.explained():
            for own in self._rows.read(by_version):
                vectors, scales = own.arrays
                sentences = vectors * scales
                if (np.linalg.norm(sentences, axis=1) > _LARGEST).any():
                    raise ValueError(_OF_OTHERS)
                found[by_version[own.owner]] = sentences
        return found

    def sentence_scores(self, query: Query, papers: Sequence[Paper]) -> Mapping[str, np.ndarray]:
        """Return cosines of sentences to a question, by paper id; float32, (n_sentences,).

        Off by some 0.001. Papers whose sentences are not all here are left out.
        """
        versions = [version_id(paper.paper_id, paper.version) for paper in papers]
        return of_whole_papers(self.cosines(query.vector, versions), papers)

    def cosines(self, vector: Sequence[float], versions: Iterable[str]) -> dict[str, np.ndarray]:
        """Return cosines of all sentences of versions with a vector, by version; float32, (n,).

        Off by some 0.001.

        Args:
            vector: Of the index's dimension.
            versions: Each as `version_id` gives it; those that are not here are left out.
        """
        asked = unit_rows(np.array([vector], np.float32))[0]
        with self._rows.explained():
            return {
                own.owner: own.arrays[0] @ asked * own.arrays[1][:, 0]
                for own in self._rows.read(versions)
            }

    def _layouts(self, only: frozenset[str] | None) -> "list[_Layout]":
        """Return how the rows lie that may be found, shard by shard."""
        if only is not None and len(only) <= _FEW:
            return [
                _lay_out(_copied(shard.beginning(version_id(each, "") for each in own), only))
                for shard, own in split(only, str, self._rows.shards)
            ]
        layouts = [self._layout(number) for number in range(len(self._rows.shards))]
        return layouts if only is None else [layout.among(only) for layout in layouts]

    def _layout(self, number: int) -> "_Layout":
        """Return how the rows of a shard lie."""
        found, last = self._rows.shards[number].all(), self._last.get(number)
        if last is None or last.found is not found:
            self._last[number] = last = _lay_out(found)
        return last


def of_whole_papers(
    cosines: Mapping[str, np.ndarray], papers: Iterable[Paper]
) -> dict[str, np.ndarray]:
    """Return cosines by the ids of papers; one whose sentences are not all there is left out.

    Args:
        cosines: Of all sentences that are there, by version.
        papers: As they are served.
    """
    found: dict[str, np.ndarray] = {}
    for paper in papers:
        own = cosines.get(version_id(paper.paper_id, paper.version))
        if own is not None and len(own) == len(paper.sentences):
            found[paper.paper_id] = own
    return found


class _Layout(NamedTuple):
    """The rows of the files that are someone's, and whose."""

    found: Found
    starts: np.ndarray
    """int, (n_versions,), rising: where each begins."""
    left_out: np.ndarray
    """int, (n,): rows before the last that are nobody's, or of papers that may not answer."""

    @property
    def end(self) -> int:
        """The first row after the last that is someone's."""
        return self.found.ranges[-1].end if self.found.ranges else 0

    def among(self, only: frozenset[str]) -> "_Layout":
        """Return the same without the rows of other papers."""
        ranges = [own for own in self.found.ranges if paper_of_chunk(own.owner) in only]
        return self._replace(left_out=_others(ranges, self.end))

    def ids_at(self, rows: np.ndarray) -> list[str]:
        """Return the ids of the sentences of these rows."""
        owners = np.searchsorted(self.starts, rows, side="right") - 1
        numbers = rows - self.starts[owners]
        return [
            sentence_id(self.found.ranges[owner].owner, number)
            for owner, number in zip(owners.tolist(), numbers.tolist(), strict=True)
        ]

    def nearest(self, asked: np.ndarray, depth: int) -> list[tuple[str, float]]:
        """Find the sentences nearest to a vector, (1, dimension), and their cosines, best first."""
        if not self.found.ranges:
            return []
        end = self.end
        vectors, scales = self.found.arrays
        by_bytes, [scale] = dot_products(asked, vectors[:end])
        cosines = np.multiply(by_bytes[:, 0], scales[:end, 0] * scale, dtype=np.float32)
        cosines[self.left_out] = -np.inf
        best = _best(cosines, min(depth, end - len(self.left_out)))
        if (cosines[best] > _LARGEST).any():
            raise ValueError(_OF_OTHERS)
        return list(zip(self.ids_at(best), np.clip(cosines[best], -1, 1).tolist(), strict=True))


def _lay_out(found: Found) -> _Layout:
    starts = np.array([own.start for own in found.ranges], int)
    end = found.ranges[-1].end if found.ranges else 0
    return _Layout(found, starts, _others(found.ranges, end))


def _copied(found: Found, only: frozenset[str]) -> Found:
    """Copy the rows of papers together, without those of others whose ids begin as theirs do."""
    ranges = [own for own in found.ranges if paper_of_chunk(own.owner) in only]
    if not ranges:
        return Found([], found.arrays)
    arrays = [np.concatenate([array[own.rows] for own in ranges]) for array in found.arrays]
    starts = np.cumsum([0, *(own.n_rows for own in ranges[:-1])]).tolist()
    moved = [own._replace(start=start) for own, start in zip(ranges, starts, strict=True)]
    return Found(moved, arrays)


def _others(ranges: Sequence[RowRange], end: int) -> np.ndarray:
    """Return the rows before `end` that are not in these ranges. int, (n,)."""
    is_other = np.ones(end, bool)
    for own in ranges:
        is_other[own.rows] = False
    return np.flatnonzero(is_other)


def _in_bytes(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Round vectors to bytes; returns them and what each is multiplied by for a unit vector."""
    largest = np.abs(vectors).max(axis=1, keepdims=True)
    rounded = np.round(vectors * (INT8_MAX / np.maximum(largest, 1e-12)))
    lengths = np.linalg.norm(rounded, axis=1)
    return rounded.astype(np.int8), 1 / np.maximum(lengths, 1).astype(np.float32)


def _best(scores: np.ndarray, depth: int) -> np.ndarray:
    """Find the largest scores, largest first; ties by place. (depth,)."""
    best = np.argpartition(-scores, depth - 1)[:depth]
    return best[np.lexsort((best, -scores[best]))]
