"""Compare what a snapshot holds with what the catalogue says it should.

By counts alone (`miscount`), by asking every part for every paper or for some (`disagreements`), or
the same in a process of its own, which a damaged file may take down (`probe`).
"""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence, Set
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from footnote.rag.core.errors import (
    Fault,
    FaultKind,
    FootnoteError,
    IndexFolderError,
    VectorServerError,
)
from footnote.rag.core.records import Paper
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.chunking import version_id
from footnote.rag.index.snapshot import PARTS, SNAPSHOTS, Snapshot
from footnote.rag.index.token_embeddings import TokenEmbeddings

if TYPE_CHECKING:
    from footnote.rag.index.chroma import CosineChroma, Row, ShardedChroma

_BATCH = 200
# A paper, asked for by its own vector, is among so many.
_NEAR, _FAR = 10, 200
# The cosine of a vector with another that is as good as the same.
_SAME = 0.999
# How far a number of a vector may be from what it was made of: both are kept as 32 bits.
_ROUNDED = 1e-4
# Graphs lost up to 0.19 of 6,000 vectors (`docs/experiments.md`); one that loses more is damaged.
_LOST_BY_GRAPHS = 0.25
# Of `probe`: some 5,000 papers take a few seconds.
_TIMEOUT_S = 1_800
# What an interrupted writer may leave, and the next one takes away; and what no writer can mend.
_UNFINISHED = FaultKind.SURPLUS, FaultKind.GRAPH


def miscount(catalogue: Catalogue, snapshot: Snapshot) -> str | None:
    """Return the first part that holds more or fewer than the catalogue says; None where none does.

    Raises:
        VectorServerError: The server that holds the vectors does not answer.
    """
    n_served, n_chunks = catalogue.count_served(), catalogue.count_chunks()
    n_papers = n_served - catalogue.count_by_words()
    try:
        held = snapshot.count_rows()
        # Chroma has the last word.
        if held != n_papers and (held := snapshot.vectors.count()) != n_papers:
            return f"vector store holds {held} papers, the catalogue has {n_papers}"
        if (held := len(snapshot.dense)) != n_chunks:
            return f"sentence index holds {held} chunks, the catalogue has {n_chunks}"
        if (held := len(snapshot.bm25)) != n_served:
            return f"word index holds {held} papers, the catalogue has {n_served}"
        if snapshot.card.token_embeddings and (held := len(snapshot.multivector)) != n_papers:
            return f"token index holds {held} papers, the catalogue has {n_papers}"
    except VectorServerError:
        raise
    except IndexFolderError as error:
        return error.what
    return None


def disagreements(
    catalogue: Catalogue, snapshot: Snapshot, exact_up_to: int, most: int | None = None
) -> list[Fault]:
    """List what a snapshot does not hold as the catalogue says.

    The ids of all papers are compared, and each is asked for: its vector, which is the mean of its
    sentences', the paper by its title's words, its token embeddings by their rows. A damaged part
    may take the process down: see `probe`.

    Args:
        catalogue: What it should hold.
        snapshot: What is asked.
        exact_up_to: Sentences up to which all are compared, as for questions.
        most: Papers that are asked for, where there are more: those that were added last, which is
            where an interrupted writer leaves its traces, and others spread over all. None for
            each.
    """
    asked = _Asked(catalogue, snapshot, most)
    found: list[Fault] = []
    for check in (partial(_vector_faults, exact_up_to=exact_up_to), _word_faults, _token_faults):
        try:
            found += check(snapshot, asked)
        except IndexFolderError as error:
            found.append(Fault(error.what, error.step))
    return found


class _Asked:
    """The papers that a snapshot should hold, and those that it is asked for."""

    def __init__(self, catalogue: Catalogue, snapshot: Snapshot, most: int | None):
        self.versions = catalogue.served_versions()
        """Of all papers, by their ids."""
        self.embedded = catalogue.embedded_versions()
        """Of those that are not found by their words alone."""
        self.n_chunks = catalogue.count_chunks()
        self._catalogue = catalogue
        self._some: list[str] | None = None
        if most is not None and len(self.versions) > most:
            self._some = _some(list(self.versions), snapshot, most)

    @property
    def is_each(self) -> bool:
        """True where it is asked for each."""
        return self._some is None

    def batches(self) -> Iterator[list[Paper]]:
        """Read those of its words that it is asked for."""
        if self._some is None:
            last = ""
            while papers := self._catalogue.served_after(last, _BATCH):
                yield papers
                last = papers[-1].paper_id
            return
        for first in range(0, len(self._some), _BATCH):
            yield list(self._catalogue.served(self._some[first : first + _BATCH]).values())

    def embedded_batches(self) -> Iterator[list[Paper]]:
        """Read those of its vectors that it is asked for."""
        for papers in self.batches():
            yield [paper for paper in papers if paper.paper_id in self.embedded]


def _some(ids: Sequence[str], snapshot: Snapshot, most: int) -> list[str]:
    """Choose papers: half of them those added last, half spread over all."""
    half = max(1, most // 2)
    try:
        newest = snapshot.dense.newest(max(1, half // snapshot.card.shards))
    except IndexFolderError:  # it is named by what asks the sentences
        newest = []
    return list(dict.fromkeys([*newest, *ids[:: -(-len(ids) // half)]]))


def _vector_faults(snapshot: Snapshot, asked: _Asked, exact_up_to: int) -> list[Fault]:
    vectors, sentences = snapshot.vectors, snapshot.dense
    is_graph_asked = snapshot.vector_search(exact_up_to) is not sentences
    n_asked, n_lost, n_apart, n_stale = 0, 0, 0, 0
    for papers in asked.embedded_batches():
        means = sentences.means(papers)
        versions = {paper.paper_id: paper.version for paper in papers}
        rows = vectors.rows(list(versions))
        n_asked += len(rows)
        n_lost += len(unreachable(vectors, rows)) if is_graph_asked else 0
        n_stale += sum(row.version != versions[row.paper_id] for row in rows)
        n_apart += sum(
            row.version == versions[row.paper_id]
            and not np.allclose(row.vector, means.get(row.paper_id, row.vector), atol=_ROUNDED)
            for row in rows
        )
    found = [_lost(n_lost, n_asked)] if n_lost else []
    if n_apart:
        what = f"sentence index and vector store do not agree on {n_apart} of {n_asked} papers"
        found.append(Fault(what))
    if n_stale:
        what = f"vector store holds another version of {n_stale} of {n_asked} papers"
        found.append(Fault(what, kind=FaultKind.SURPLUS))
    found += _compared(PARTS["chroma"], vectors.ids(), asked.embedded.keys())
    return found + _chunk_faults(sentences.counts(), asked)


def _chunk_faults(held: dict[str, int], asked: _Asked) -> list[Fault]:
    """Compare how many chunks there are of each version with how many sentences it has."""
    served = {version_id(*version): 0 for version in asked.embedded.items()}
    n_missing = 0
    for paper in (paper for papers in asked.embedded_batches() for paper in papers):
        version = version_id(paper.paper_id, paper.version)
        served[version] = len(paper.sentences)
        n_missing += max(0, served[version] - held.get(version, 0))
    n_chunks = sum(served.values()) if asked.is_each else asked.n_chunks
    if not asked.is_each:
        # Of the others it is known how many they have together.
        n_held = sum(n for version, n in held.items() if version in served)
        n_missing = max(n_missing, n_chunks - n_held)
        served = {version: max(n, held.get(version, 0)) for version, n in served.items()}
    found: list[Fault] = []
    if n_missing:
        found.append(Fault(f"{PARTS['dense']} lacks {n_missing} of {n_chunks} chunks"))
    if n_surplus := sum(max(0, n - served.get(version, 0)) for version, n in held.items()):
        what = f"{PARTS['dense']} holds {n_surplus} chunks of no paper"
        found.append(Fault(what, kind=FaultKind.SURPLUS))
    return found


def _lost(n_lost: int, n_asked: int) -> Fault:
    what = f"vector store does not find {n_lost} of {n_asked} papers by their own vectors"
    if n_lost > _LOST_BY_GRAPHS * n_asked:
        return Fault(what)
    what = f"{what}, as happens to graphs of neighbours"
    step = "raise `store.exact_up_to`, so that all sentences are compared"
    return Fault(what, step, FaultKind.GRAPH)


def unreachable(
    searched: "CosineChroma | ShardedChroma",
    rows: "Sequence[Row]",
    *,
    depths: Sequence[int] = (_NEAR, _FAR),
) -> "list[Row]":
    """Return the rows that a search by their own vector does not find.

    One whose vector others have too is found with any of them: Chroma's graph does not always reach
    each of hundreds that are the same.

    Args:
        searched: What is searched.
        rows: Of papers that it holds.
        depths: How many neighbours to look at; the next is tried with what one has missed.
    """
    for depth in depths:
        if not rows:
            break
        near = searched.nearest_to_each([row.vector.tolist() for row in rows], depth=depth)
        rows = [
            row
            for row, found in zip(rows, near, strict=True)
            if not any(id_ == row.paper_id or cosine > _SAME for id_, cosine in found)
        ]
    return list(rows)


def _word_faults(snapshot: Snapshot, asked: _Asked) -> list[Fault]:
    lost = 0
    for papers in asked.batches():
        for paper in papers:
            words = snapshot.bm25
            lost += bool(words.terms(paper.title)) and not words.finds(paper.paper_id, paper.title)
    found = [Fault(f"word index does not find {lost} papers by their titles")] if lost else []
    return found + _compared("word index", snapshot.bm25.paper_ids(), asked.versions.keys())


def _token_faults(snapshot: Snapshot, asked: _Asked) -> list[Fault]:
    if not snapshot.card.token_embeddings:
        return []
    tokens, place = snapshot.multivector, np.zeros(1, int)
    any_piece = np.ones((1, snapshot.card.dimension or 1), np.float32)
    for papers in asked.embedded_batches():
        question = TokenEmbeddings(any_piece, place, place)
        tokens.paper_scores(question, np.ones(1), [p.paper_id for p in papers])
    return _compared("token index", tokens.paper_ids(), asked.embedded.keys())


def _compared(part: str, held: set[str], expected: Set[str]) -> list[Fault]:
    found: list[Fault] = []
    if missing := expected - held:
        found.append(Fault(f"{part} lacks {len(missing)} of {len(expected)} papers"))
    if surplus := held - expected:
        what = f"{part} holds {len(surplus)} papers that are not in the catalogue"
        found.append(Fault(what, kind=FaultKind.SURPLUS))
    return found


def probe(
    folder: Path, *, exact_up_to: int, unfinished: bool = False, most: int | None = None
) -> list[Fault]:
    """List what the snapshot in force does not hold as the catalogue of this index folder says.

    Args:
        folder: The index folder.
        exact_up_to: Sentences up to which all are compared, as for questions.
        unfinished: Pass over what an interrupted writer may have left, and what a graph loses.
        most: Papers that are asked for, as `disagreements` has it.

    Returns:
        One for each kind of fault; none when every paper is found.
    """
    command = [
        sys.executable,
        "-m",
        "footnote.rag.index.check",
        str(folder.absolute()),
        str(exact_up_to),
        *([] if most is None else [str(most)]),
    ]
    try:
        done = subprocess.run(  # noqa: S603
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        return [Fault(f"index {folder} does not answer within {_TIMEOUT_S} s")]
    try:
        told = json.loads(done.stdout.splitlines()[-1])
        found = [Fault(what, step, FaultKind(kind)) for what, step, kind in told]
    except (ValueError, IndexError):
        ended = signal.Signals(-done.returncode).name if done.returncode < 0 else "a fault"
        return [Fault(f"index {folder} ends the process that reads it ({ended})")]
    return [f for f in found if f.kind not in _UNFINISHED] if unfinished else found


def _main(folder: Path, exact_up_to: int, most: int | None = None) -> None:
    try:
        catalogue = Catalogue(folder / "catalogue.sqlite")
        name = catalogue.state().snapshot or ""
        snapshot = Snapshot.load(folder / SNAPSHOTS / name)
        found = disagreements(catalogue, snapshot, exact_up_to, most)
    except FootnoteError as error:
        found = [Fault(error.what, error.step)]
    sys.stdout.write(json.dumps([(f.what, f.step, f.kind) for f in found]) + "\n")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
