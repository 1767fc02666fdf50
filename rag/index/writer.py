"""Everything that writes an index: bring it up to its catalogue, rebuild, compact, recover."""

import shutil
import sqlite3
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import NamedTuple, Protocol
from uuid import uuid4

import numpy as np

from footnote.rag.core.errors import (
    IndexAccessError,
    IndexBusyError,
    IndexDamagedError,
    IndexFolderError,
    IndexMissingError,
    PaperDamagedError,
    VectorServerError,
)
from footnote.rag.core.records import Paper
from footnote.rag.index import lock
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.check import miscount, probe
from footnote.rag.index.index import MAKE_WRITABLE, OLD_PARTS, OLD_SNAPSHOTS, Index
from footnote.rag.index.passages import embed_papers
from footnote.rag.index.readonly import fold_logs, is_writable
from footnote.rag.index.snapshot import Card, Snapshot
from footnote.rag.index.token_embeddings import TokenEmbeddings

# Papers that are embedded at once.
_BATCH = 64
# What is embedded within so many seconds is written together, up to so many papers. Chroma and
# tantivy take nearly as long for 64 as for 256, and a quick embedder is done with these as soon.
_TOGETHER_S = 5.0
_MOST_TOGETHER = 256
# Papers whose words are written together, before any is embedded; tantivy takes 0.08 s for 408.
_WORDS_TOGETHER = 1_000
# Papers that are asked for before an interrupted writing is gone on with: each of 800,000 takes
# more than eight minutes.
_ASKED_TO_GO_ON = 5_000


class Progress(Protocol):
    """Told how far a long job is."""

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        """Note that `done` of `total` are done in this phase; None when the total is not known."""
        ...


class Elsewhere(Protocol):
    """Adds papers to a snapshot by other processes than this one."""

    def fill(self, snapshot: Snapshot, catalogue: Catalogue, on_progress: Progress) -> None:
        """Add all papers that the catalogue has pending, and mark them indexed."""
        ...


Say = Callable[[str], None]
"""Told, in a line for a person, what is done that nobody asked for."""


def say_on_stderr(line: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"footnote: {line}\n")


class _Embedded(NamedTuple):
    """Papers that are written together, with the vectors of their sentences and of their tokens."""

    papers: list[Paper]
    vectors: list[np.ndarray]
    tokens: list[TokenEmbeddings] | None


class IndexWriter:
    """Writes one index; whoever calls `update`, `rebuild` or `remove` holds it meanwhile.

    Each may be interrupted at any point: the next command that asks or writes finishes it.
    """

    def __init__(self, index: Index, *, say: Say = say_on_stderr):
        """Write to `index`; `say` is told of repairs."""
        self.index = index
        self._catalogue = index.catalogue
        self._say = say
        self._begun: str | None = None
        """The snapshot that this one began: until it is sealed nobody else left anything in it."""

    @contextmanager
    def holding(self) -> Generator[None]:
        """Hold the index for making it anew; as `writing`, without a word on what is unfinished.

        Raises:
            IndexBusyError: Another process holds it; the message says which and since when. Or
                another index has taken its place.
        """
        with lock.writing(self.index.folder):
            self.index.check_in_place()
            yield
            # What was written stands without: a full disk, say, or another's lock.
            with suppress(sqlite3.Error, OSError):
                fold_logs(self.index.folder)

    @contextmanager
    def writing(self) -> Generator[None]:
        """Hold the index for writing; says when an earlier command left something to be finished.

        Raises:
            IndexBusyError: As `holding`.
        """
        with self.holding():
            if n_pending := self._catalogue.count_pending():
                self._say(
                    f"an earlier command was interrupted: {n_pending:,} of "
                    f"{len(self._catalogue):,} papers are not indexed; going on from there"
                )
            elif self._catalogue.tombstones():
                self._say("an earlier removal was interrupted; finishing it")
            yield

    def recover(self) -> None:
        """Finish what an interrupted command left and restore what is lost, before questions.

        Costs next to nothing when nothing is wrong. While another process writes, and where nothing
        can be written, what is indexed can be asked. The caller does not hold the index.

        Raises:
            IndexMissingError: There are no papers.
            IndexMismatchError: The index was built with other settings.
            IndexBusyError: Something has to be done, and another process is writing; or the first
                papers are just being taken in.
            IndexDamagedError: It cannot be done.
        """
        self.index.check_filled()
        self.index.check_settings()
        if not is_writable(self.index.folder):
            self._check_readable()
            return
        if self._is_whole():
            return
        try:
            with self.writing():
                self.update(unwatched)
        except (IndexBusyError, IndexAccessError):
            if not self._catalogue.count_served() or self.index.snapshot().faults():
                raise

    def update(self, on_progress: Progress, elsewhere: Elsewhere | None = None) -> None:
        """Bring the index up to the catalogue; what it already holds costs nothing.

        May be interrupted at any point: what was not marked is done again by the next call.

        Args:
            on_progress: Told how many papers of all to do are done.
            elsewhere: What adds papers, but for the first few, in place of this process.

        Raises:
            IndexMismatchError: The index was built with other settings.
            IndexDamagedError: It cannot be written.
        """
        self.index.check_settings()
        self._clean_up()
        if reason := self._broken():
            self._say(f"{reason}; making the index anew from the catalogue")
            self.rebuild(on_progress)
            return
        self._index_pending(on_progress, elsewhere)
        if self._catalogue.state().snapshot is None:
            return  # there are no papers
        if self.index.snapshot().needs_compaction:
            self._compact(on_progress)
        if reason := self._miscounted():
            self._say(f"{reason}; making the index anew from the catalogue")
            self.rebuild(on_progress)

    def make_searchable(self) -> None:
        """Have the papers that were never served found by their words, if that is worth it yet.

        Of an index that nothing was in before, while papers are still being read; all else is left
        to `update`, which has to follow.

        Raises:
            IndexDamagedError: It cannot be written.
        """
        in_force = self._catalogue.state().snapshot
        if in_force in (None, self._begun) and self._catalogue.count_coming() > _BATCH:
            self._make_searchable()

    def rebuild(self, on_progress: Progress) -> None:
        """Derive everything anew from the catalogue, with the settings in force.

        It is made beside the snapshot in force, which answers until the new one is whole.
        """
        self._clean_up()
        total, done, last = len(self._catalogue), 0, ""
        made: Snapshot | None = None
        while found := self._embedded(self._catalogue.after, last, alone=made is None):
            made = made or self._make(self._card(found))
            made.add(*found)
            last = found.papers[-1].paper_id
            done += len(found.papers)
            on_progress("indexing", done, total)
        if made is None:
            self._catalogue.begin(None)
        else:
            made.seal()
            self._catalogue.switch(made.name)
        self._clean_up()

    def remove(self, paper_ids: list[str]) -> None:
        """Take papers out of the catalogue, and then out of everything derived from it.

        From the first step on nothing cites them.

        Raises:
            IndexMismatchError: The index was built with other settings; nothing was removed.
            IndexDamagedError: It cannot be written.
        """
        self.index.check_settings()
        self._catalogue.remove(paper_ids)
        self.update(unwatched)

    def _check_readable(self) -> None:
        """Make sure that what cannot be mended can be asked; says what is left out.

        Chroma is left alone: it takes a copy of a part of it to be opened here, and few questions
        need it.
        """
        if faults := self.index.snapshot().faults():
            raise IndexDamagedError(faults[0].what, f"{MAKE_WRITABLE}, and it is restored")
        self.index.check_served()
        n_by_words = self._catalogue.count_by_words()
        cannot = f"index folder {self.index.folder} cannot be written"
        if n_lacking := self._catalogue.count_pending() - n_by_words:
            self._say(
                f"{cannot}: {n_lacking:,} of {len(self._catalogue):,} papers are not indexed and "
                "cannot be answered from"
            )
        if n_by_words:
            self._say(
                f"{cannot}: {n_by_words:,} of {len(self._catalogue):,} papers are not embedded and "
                "are found by their words alone"
            )

    def _is_whole(self) -> bool:
        try:
            snapshot = self.index.snapshot()
            return (
                snapshot.is_sealed
                and not self._catalogue.count_pending()
                and not self._catalogue.tombstones()
                and not self._catalogue.count_undescribed()
                and not snapshot.faults()
                and not miscount(self._catalogue, snapshot)
            )
        except (IndexMissingError, IndexDamagedError):
            return False

    def _broken(self) -> str | None:
        """Return why the snapshot in force has to be made anew; None where it can be gone on with.

        None too where there is none.
        """
        try:
            snapshot = self.index.snapshot()
        except IndexMissingError:
            return None
        except IndexFolderError as error:
            return error.what
        if snapshot.name == self._begun and not snapshot.is_sealed:
            return None
        if snapshot.is_sealed:
            if faults := snapshot.faults():
                return faults[0].what
            # After an interrupted removal the parts rightly hold more.
            return None if self._catalogue.tombstones() else self._miscounted()
        if not self._catalogue.count_served():  # ended before its first papers: begin again
            self._catalogue.begin(None)
            self._clean_up()
            return None
        found = snapshot.faults() or probe(
            self.index.folder,
            exact_up_to=self.index.exact_up_to,
            unfinished=True,
            most=_ASKED_TO_GO_ON,
        )
        return found[0].what if found else None

    def _miscounted(self) -> str | None:
        try:
            return miscount(self._catalogue, self.index.snapshot())
        except VectorServerError:
            raise
        except IndexFolderError as error:
            return error.what

    def _index_pending(self, on_progress: Progress, elsewhere: Elsewhere | None) -> None:
        """Add the papers that the snapshot in force lacks as they are now; make it if need be."""

        def pending(after: str, limit: int) -> list[Paper]:
            return self._catalogue.pending(limit, after)

        to_do, done = self._catalogue.count_pending(), 0
        if self._catalogue.state().snapshot is not None:
            if (
                not to_do
                and not self._catalogue.tombstones()
                and not self._catalogue.count_undescribed()
                and self.index.snapshot().is_sealed
            ):
                return
            self.index.snapshot().unseal()
            self._purge_tombstones()
        elif not to_do:
            return
        if to_do > _BATCH and not elsewhere:
            self._make_searchable()
        while found := self._embedded(pending, alone=not done):
            if self._catalogue.state().snapshot is None:
                self._begin(found)
            for sentence in _first(found.vectors):
                self.index.check_dimension(sentence)
            worded = self._catalogue.worded(found.papers)
            self.index.snapshot().add(*found, worded=worded)
            self._catalogue.mark_indexed(found.papers)
            done += len(found.papers)
            on_progress("indexing", done, to_do)
            # The first are added here: of them come the card and the projection of all shards.
            if elsewhere and done < to_do:
                snapshot = self.index.snapshot()
                elsewhere.fill(snapshot, self._catalogue, on_progress)
                self.index.adopt(Snapshot.load(snapshot.folder))  # as it is now
        self._purge_tombstones()
        self._describe(on_progress)
        self.index.snapshot().seal()

    def _make_searchable(self) -> None:
        """Have papers that were never served found by their words, before they are embedded.

        So many are written in the time in which a few are embedded, and answered from meanwhile.
        """
        last = ""
        while papers := self._catalogue.never_served(_WORDS_TOGETHER, last):
            if self._catalogue.state().snapshot is None:
                one = [next((paper for paper in papers if paper.sentences), papers[0])]
                self._begin(_Embedded(one, *embed_papers(self.index.embedder, one)))
            self.index.snapshot().bm25.replace(papers)
            self._catalogue.mark_searchable(papers)
            last = papers[-1].paper_id

    def _embedded(
        self, read: Callable[[str, int], list[Paper]], last: str = "", *, alone: bool
    ) -> _Embedded | None:
        """Embed the next papers, as many batches as are written together; None for no more papers.

        Args:
            read: Reads up to so many papers from after an id.
            last: That id.
            alone: Embed one batch alone: the first, whose tokens tell the projection, and which is
                soon to be asked.
        """
        until = time.monotonic() + _TOGETHER_S
        if not (papers := read(last, _BATCH)):
            return None
        found = _Embedded(papers, *embed_papers(self.index.embedder, papers))
        while not alone and len(found.papers) < _MOST_TOGETHER and time.monotonic() < until:
            if not (more := read(found.papers[-1].paper_id, _BATCH)):
                break
            vectors, tokens = embed_papers(self.index.embedder, more)
            found.papers.extend(more)
            found.vectors.extend(vectors)
            if found.tokens is not None:
                found.tokens.extend(tokens or [])
        return found

    def _describe(self, on_progress: Progress) -> None:
        """Tell the vector store what has changed of papers whose text has not."""
        to_do, done = self._catalogue.count_undescribed(), 0
        # One that is damaged is named when it is read, and described once it is restored.
        with suppress(PaperDamagedError):
            while papers := self._catalogue.undescribed(_BATCH):
                self.index.vectors.describe(papers)
                self._catalogue.mark_described(papers)
                done += len(papers)
                on_progress("describing", done, to_do)

    def _purge_tombstones(self) -> None:
        """Delete what is listed as not to be served any more, and then strike it off the list."""
        if not (versions := self._catalogue.tombstones()):
            return
        ids = {version.paper_id for version in versions}
        gone = ids - self._catalogue.known(ids)
        self.index.snapshot().remove(versions, gone)
        self._catalogue.clear_tombstones(versions)

    def _compact(self, on_progress: Progress) -> None:
        """Leave what was deleted behind: copy what is left to a snapshot of its own."""
        self._say("more was removed from the index than is left; copying what is left")
        old, total, done, last = self.index.snapshot(), self._catalogue.count_served(), 0, ""
        try:
            made = self._make(old.card)
            while papers := self._catalogue.served_after(last, _BATCH):
                made.copy(old, papers)
                last = papers[-1].paper_id
                done += len(papers)
                on_progress("copying", done, total)
            made.seal()
            self._catalogue.switch(made.name)
        except IndexDamagedError as error:  # a full disk, say: all is well but for the room
            self._say(f"{error.what}; what was removed still takes its room")
        self._clean_up()

    def _begin(self, first: _Embedded) -> None:
        """Put an empty snapshot in force, all parts of which are there."""
        made = self._make(self._card(first))
        made.open()
        self._catalogue.begin(made.name)
        self._begun = made.name

    def _card(self, first: _Embedded) -> Card:
        dimension = next((len(sentence) for sentence in _first(first.vectors)), None)
        found = {"dimension": dimension, "token_embeddings": bool(first.tokens)}
        return self.index.asked.model_copy(update=found)

    def _make(self, card: Card) -> Snapshot:
        name = f"{int(time.time())}-{uuid4().hex[:8]}"
        made = Snapshot.make(self.index.snapshots / name, card)
        self.index.adopt(made)
        return made

    def _clean_up(self) -> None:
        """Delete what a killed rebuild left, and what an earlier version of the program made."""
        in_force = self._catalogue.state().snapshot
        folder = self.index.folder
        for found in [*self.index.snapshots.glob("*"), *folder.glob(f"{OLD_SNAPSHOTS}/*")]:
            if found.name != in_force:
                try:
                    Snapshot.load(found).drop()
                except VectorServerError:
                    pass  # kept: it names what the server still holds
                except IndexDamagedError:
                    shutil.rmtree(found, ignore_errors=True)
        if in_force is not None:
            for part in OLD_PARTS:
                shutil.rmtree(folder / part, ignore_errors=True)
            (folder / "card.json").unlink(missing_ok=True)
            with suppress(OSError):  # none there, or not empty
                (folder / OLD_SNAPSHOTS).rmdir()


def _first(vectors: list[np.ndarray]) -> list[np.ndarray]:
    """Return the vector of the first sentence, if there is one."""
    return next(([own[0]] for own in vectors if len(own)), [])


def unwatched(phase: str, done: int, total: int | None) -> None:
    """Take no note of how far a job is."""
