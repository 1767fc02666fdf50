"""The index folder: a catalogue, and what is derived from it.

catalogue.sqlite   the papers (the truth), and which snapshot is in force
snapshots/       each with its card and its parts; see `rag.index.snapshot`
lock, writer       held by the one process that writes, and which that is
"""

import copy
import shutil
import sys
import time
from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import TextNode

from footnote.rag.core.errors import (
    Fault,
    FaultKind,
    IndexAccessError,
    IndexBusyError,
    IndexDamagedError,
    IndexFolderError,
    IndexMismatchError,
    IndexMissingError,
    PaperDamagedError,
    PaperError,
    VectorServerError,
)
from footnote.rag.core.records import Paper
from footnote.rag.core.text import identity_key
from footnote.rag.index import lock
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.chroma import CosineChroma
from footnote.rag.index.chunking import chunk_paper
from footnote.rag.index.dense import DenseIndex
from footnote.rag.index.durable import make_file, make_folder
from footnote.rag.index.embedding import embed_chunks, embed_tokens
from footnote.rag.index.multivector import MultiVectorIndex, paper_text
from footnote.rag.index.probe import probe
from footnote.rag.index.readonly import is_writable
from footnote.rag.index.snapshot import Card, Snapshot
from footnote.rag.index.token_embeddings import TokenEmbeddings

_BATCH = 64
# What an index of an earlier version was made of, beside its catalogue: of version 2 or less, and
# of 3 to 5, which kept snapshots elsewhere.
_OLD_PARTS = ("chroma", "words", "tokens")
_OLD_SNAPSHOTS = "generations"
_MAKE_WRITABLE = "make the folder writable"


class Progress(Protocol):
    """Told how far a long job is."""

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        """Note that `done` of `total` are done in this phase; None when the total is not known."""
        ...


Say = Callable[[str], None]
"""Told, in a line for a person, what is done that nobody asked for."""


def say_on_stderr(line: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"footnote: {line}\n")


class Index:
    """One index folder, open. Parts are opened when first used."""

    def __init__(
        self,
        folder: Path,
        asked: Card,
        embedder: Callable[[], BaseEmbedding],
        *,
        exact_up_to: int,
        create: bool = False,
        say: Say = say_on_stderr,
    ):
        """Open the folder.

        Args:
            folder: Where it is, or shall be.
            asked: What the settings ask for.
            embedder: Loads the embedder; called when something has to be embedded, each time.
            exact_up_to: Sentences up to which a question is compared with all of them.
            create: Make what is missing.
            say: Told of repairs.

        Raises:
            IndexMissingError: There is no index here, and `create` is false.
            IndexDamagedError: The folder cannot be written, or a file in it cannot be read.
        """
        self.folder = folder
        self._asked = asked
        # Once for all that `opened_anew` makes, since to load one takes seconds.
        self._load_embedder = cache(embedder)
        self._exact_up_to = exact_up_to
        self._say = say
        self._opened: tuple[str, Snapshot] | None = None
        if create:
            _make_writable(folder)
        self.catalogue = Catalogue(folder / "catalogue.sqlite", create=create)

    @property
    def embedder(self) -> BaseEmbedding:
        """The embedder of the settings.

        Raises:
            EmbeddingError: It cannot be loaded.
        """
        return self._load_embedder()

    def opened_anew(self) -> "Index":
        """The same index with its parts not yet opened, so that they are seen as they are now."""
        other = copy.copy(self)
        other._opened = None
        return other

    @property
    def vectors(self) -> CosineChroma:
        """Vectors of chunks."""
        return self.snapshot().vectors

    @property
    def vector_search(self) -> CosineChroma | DenseIndex:
        """What finds the sentences nearest to a question, as the index is now."""
        return self.snapshot().vector_search(self._exact_up_to)

    @property
    def multivector(self) -> MultiVectorIndex:
        """Token embeddings of papers; empty when the embedder gives none."""
        return self.snapshot().multivector

    @property
    def bm25(self) -> BM25Index:
        """Words of papers."""
        return self.snapshot().bm25

    def snapshot(self) -> Snapshot:
        """The snapshot in force, with its parts as they were when they were first used.

        Raises:
            IndexMissingError: Nothing was indexed yet.
            IndexDamagedError: Its card is lost or cannot be read.
        """
        name = self.catalogue.state().snapshot
        if self._is_of_an_earlier_version(name):
            raise IndexMismatchError(
                f"index {self.folder} was made by an earlier version", "run `footnote rebuild`"
            )
        if name is None:
            raise self._emptiness()
        if self._opened is None or self._opened[0] != name:
            self._opened = name, Snapshot.load(self._snapshots / name)
        return self._opened[1]

    def _is_of_an_earlier_version(self, in_force: str | None) -> bool:
        if in_force is None:
            return any((self.folder / part).is_dir() for part in _OLD_PARTS)
        return (self.folder / _OLD_SNAPSHOTS / in_force).is_dir()

    def check_card(self) -> None:
        """Make sure that the index fits the settings.

        Raises:
            IndexMissingError: Nothing was indexed yet.
            IndexMismatchError: It was built with other settings.
            IndexDamagedError: The card cannot be read.
        """
        if difference := self.snapshot().card.difference(self._asked):
            raise IndexMismatchError(
                f"index {self.folder} was built with {difference}",
                "run `footnote rebuild`, or name another with --index",
            )

    def check_settings(self) -> None:
        """Make sure that an index that is already there fits the settings.

        Raises:
            IndexMismatchError: It was built with other settings.
        """
        try:
            self.check_card()
        except (IndexMissingError, IndexDamagedError):
            return  # nothing there, or nothing usable: the next update makes it

    def check_dimension(self, vector: list[float]) -> None:
        """Make sure that a vector can be compared with those of the index.

        Raises:
            IndexMismatchError: It has more or fewer numbers.
        """
        expected = self.snapshot().card.dimension
        if expected is not None and len(vector) != expected:
            raise IndexMismatchError(
                f"index {self.folder} holds vectors of {expected} numbers, the embedder "
                f"`{self._asked.embedder}` gives {len(vector)}",
                "run `footnote rebuild`",
            )

    def holding(self) -> AbstractContextManager[None]:
        """Hold the index for making it anew; as `writing`, without a word on what is unfinished.

        Raises:
            IndexBusyError: Another process holds it; the message says which and since when.
        """
        return lock.writing(self.folder)

    @contextmanager
    def writing(self) -> Generator[None]:
        """Hold the index for writing; says when an earlier command left something to be finished.

        Raises:
            IndexBusyError: Another process holds it; the message says which and since when.
        """
        with lock.writing(self.folder):
            if n_pending := self.catalogue.count_pending():
                self._say(
                    f"an earlier command was interrupted: {n_pending:,} of "
                    f"{len(self.catalogue):,} papers are not indexed; going on from there"
                )
            elif self.catalogue.tombstones():
                self._say("an earlier removal was interrupted; finishing it")
            yield

    def recover(self) -> None:
        """Finish what an interrupted command left and restore what is lost, before questions.

        Costs next to nothing when nothing is wrong. While another process writes, and where nothing
        can be written, what is indexed can be asked.

        Raises:
            IndexMissingError: There are no papers.
            IndexMismatchError: The index was built with other settings.
            IndexBusyError: Something has to be done, and another process is writing; or the first
                papers are just being taken in.
            IndexDamagedError: It cannot be done.
        """
        self._check_filled()
        self.check_settings()
        if not is_writable(self.folder):
            self._check_readable()
            return
        if self._is_whole():
            return
        try:
            with self.writing():
                self.update(_unwatched)
        except (IndexBusyError, IndexAccessError):
            if not self.catalogue.count_served() or self.snapshot().faults():
                raise

    def check_served(self) -> None:
        """Make sure that there is a paper to answer from.

        Raises:
            IndexMissingError: There is none.
            IndexBusyError: There is none yet: another process is taking them in.
        """
        if not self.catalogue.count_served():
            self._check_unwritten()
            raise self._emptiness()

    def _check_filled(self) -> None:
        if not len(self.catalogue):
            self._check_unwritten()
            raise self._emptiness()

    def _check_unwritten(self) -> None:
        """Make sure that nobody is writing, as far as this process may know."""
        with suppress(IndexAccessError):
            lock.check_free(self.folder)

    def _check_readable(self) -> None:
        """Make sure that what cannot be mended can be asked; says what is left out.

        Chroma is left alone: it takes a copy of a part of it to be opened here, and few questions
        need it.
        """
        if faults := self.snapshot().faults():
            raise IndexDamagedError(faults[0].what, f"{_MAKE_WRITABLE}, and it is restored")
        self.check_served()
        if n_pending := self.catalogue.count_pending():
            self._say(
                f"index folder {self.folder} cannot be written: {n_pending:,} of "
                f"{len(self.catalogue):,} papers are not indexed and cannot be answered from"
            )

    def _emptiness(self) -> IndexMissingError:
        return IndexMissingError(
            f"index {self.folder} is empty", "run `footnote ingest PATH` to fill it"
        )

    def update(self, on_progress: Progress) -> None:
        """Bring the index up to the catalogue; what it already holds costs nothing.

        May be interrupted at any point: what was not marked is done again by the next call. The
        caller holds the index for writing.

        Args:
            on_progress: Told how many papers of all to do are done.

        Raises:
            IndexMismatchError: The index was built with other settings.
            IndexDamagedError: It cannot be written.
        """
        self.check_settings()
        self._clean_up()
        if reason := self._broken():
            self._say(f"{reason}; making the index anew from the catalogue")
            self.rebuild(on_progress)
            return
        self._index_pending(on_progress)
        if self.catalogue.state().snapshot is None:
            return  # there are no papers
        if self.snapshot().needs_compaction:
            self._compact(on_progress)
        if reason := self._miscounted():
            self._say(f"{reason}; making the index anew from the catalogue")
            self.rebuild(on_progress)

    def rebuild(self, on_progress: Progress) -> None:
        """Derive everything anew from the catalogue, with the settings in force.

        It is made beside the index in force, which answers until the new one is whole. The caller
        holds the index for writing.
        """
        self._clean_up()
        total, done, last = len(self.catalogue), 0, ""
        made: Snapshot | None = None
        while papers := self.catalogue.after(last, _BATCH):
            chunks, tokens = _embedded(self.embedder, papers)
            made = made or self._make(self._card(chunks, tokens))
            made.add(papers, chunks, tokens)
            last = papers[-1].paper_id
            done += len(papers)
            on_progress("indexing", done, total)
        if made is None:
            self.catalogue.begin(None)
        else:
            made.seal()
            self.catalogue.switch(made.name)
        self._clean_up()

    def _compact(self, on_progress: Progress) -> None:
        """Leave what was deleted behind: copy what is left to a snapshot of its own."""
        self._say("more was removed from the index than is left; copying what is left")
        worn, total, done, last = self.snapshot(), self.catalogue.count_served(), 0, ""
        try:
            made = self._make(worn.card)
            while papers := self.catalogue.served_after(last, _BATCH):
                made.copy(worn, papers)
                last = papers[-1].paper_id
                done += len(papers)
                on_progress("copying", done, total)
            made.seal()
            self.catalogue.switch(made.name)
        except IndexDamagedError as error:  # a full disk, say: all is well but for the room
            self._say(f"{error.what}; what was removed still takes its room")
        self._clean_up()

    def named(self, names: Iterable[str]) -> dict[str, str]:
        """The papers that these ids or titles mean, in order: title by id; a lost title is the id.

        Raises:
            PaperError: One means no paper, or several; all such are named.
        """
        found: dict[str, str] = {}
        faults: list[str] = []
        for name in names:
            own_id = self.catalogue.resolve(name)
            titles = self._title_of(own_id) if own_id else self._titled(name)
            if len(titles) == 1:
                found |= titles
            else:
                ids = " and ".join(titles)
                faults.append(f"{name!r} is " + (f"the title of {ids}" if ids else "no paper here"))
        if faults:
            raise PaperError(f"{'; '.join(faults)}; `footnote papers --json` lists ids and titles")
        return found

    def _title_of(self, paper_id: str) -> dict[str, str]:
        try:
            return {i: paper.title for i, paper in self.catalogue.get([paper_id]).items()}
        except PaperDamagedError:
            return {paper_id: paper_id}

    def _titled(self, name: str) -> dict[str, str]:
        found = self.catalogue.find([f"title:{identity_key(name)}"])
        return {paper.paper_id: paper.title for paper in found}

    def remove(self, paper_ids: list[str]) -> None:
        """Take papers out of the catalogue, and then out of everything derived from it.

        From the first step on nothing cites them; should the rest be interrupted, the next command
        does it. The caller holds the index for writing.

        Raises:
            IndexMismatchError: The index was built with other settings; nothing was removed.
            IndexDamagedError: It cannot be written.
        """
        self.check_settings()
        self.catalogue.remove(paper_ids)
        self.update(_unwatched)

    def problems(self) -> list[str]:
        """List what does not agree with the catalogue, a line each with what to do.

        Real questions are asked of every part, by another process: a damaged file may end it.
        """
        damaged = self.catalogue.faults()
        found: list[Fault] = []
        try:
            self._check_filled()
            self.check_card()
            faults = self.snapshot().faults(thorough=True)
        except IndexFolderError as error:
            return [*damaged, str(error)]
        if n_pending := self.catalogue.count_pending():
            next_step = "the next command that asks or takes in finishes them"
            if not is_writable(self.folder):
                next_step = f"{_MAKE_WRITABLE}, and {next_step}"
            what = f"{n_pending} of {len(self.catalogue)} papers are not indexed"
            found.append(Fault(what, next_step))
        # What the parts should hold is asked of the catalogue.
        if not damaged and not any(fault.kind is FaultKind.GONE for fault in faults):
            # With papers pending, the same command takes away what an interrupted one left.
            faults += probe(self.folder, exact_up_to=self._exact_up_to, unfinished=bool(n_pending))
        return [*damaged, *(str(fault) for fault in found + faults)]

    def _is_whole(self) -> bool:
        try:
            snapshot = self.snapshot()
            return (
                snapshot.is_sealed
                and not self.catalogue.count_pending()
                and not self.catalogue.tombstones()
                and not snapshot.faults()
                and not self._miscounted()
            )
        except (IndexMissingError, IndexDamagedError):
            return False

    def _broken(self) -> str | None:
        """Why the snapshot in force cannot be gone on with; None where none is, or it can."""
        try:
            snapshot = self.snapshot()
        except IndexMissingError:
            return None
        except IndexFolderError as error:
            return error.what
        if snapshot.is_sealed:
            if faults := snapshot.faults():
                return faults[0].what
            # After an interrupted removal the parts rightly hold more.
            return None if self.catalogue.tombstones() else self._miscounted()
        if not self.catalogue.count_served():  # ended before its first papers: begin again
            self.catalogue.begin(None)
            self._clean_up()
            return None
        found = snapshot.faults() or probe(
            self.folder, exact_up_to=self._exact_up_to, unfinished=True
        )
        return found[0].what if found else None

    def _miscounted(self) -> str | None:
        try:
            snapshot = self.snapshot()
            n_papers, n_chunks = self.catalogue.count_served(), self.catalogue.count_chunks()
            if (held := snapshot.vectors.count()) != n_chunks:
                return f"vector store holds {held} chunks, the catalogue has {n_chunks}"
            if (held := len(snapshot.dense)) != n_chunks:
                return f"sentence index holds {held} chunks, the catalogue has {n_chunks}"
            if (held := len(snapshot.bm25)) != n_papers:
                return f"word index holds {held} papers, the catalogue has {n_papers}"
            if snapshot.card.token_embeddings and (held := len(snapshot.multivector)) != n_papers:
                return f"token index holds {held} papers, the catalogue has {n_papers}"
        except VectorServerError:
            raise
        except IndexFolderError as error:
            return error.what
        return None

    def _index_pending(self, on_progress: Progress) -> None:
        to_do, done = self.catalogue.count_pending(), 0
        if self.catalogue.state().snapshot is not None:
            if not to_do and not self.catalogue.tombstones() and self.snapshot().is_sealed:
                return
            self.snapshot().unseal()
            self._purge_tombstones()
        elif not to_do:
            return
        while papers := self.catalogue.pending(_BATCH):
            chunks, tokens = _embedded(self.embedder, papers)
            if self.catalogue.state().snapshot is None:
                self.catalogue.begin(self._make(self._card(chunks, tokens)).name)
            if chunks:
                self.check_dimension(chunks[0].get_embedding())
            self.snapshot().add(papers, chunks, tokens)
            self.catalogue.mark_indexed(papers)
            done += len(papers)
            on_progress("indexing", done, to_do)
        self._purge_tombstones()
        self.snapshot().seal()

    def _purge_tombstones(self) -> None:
        if not (versions := self.catalogue.tombstones()):
            return
        ids = {version.paper_id for version in versions}
        gone = ids - self.catalogue.known(ids)
        self.snapshot().remove(versions, gone)
        self.catalogue.clear_tombstones(versions)

    def _card(self, chunks: list[TextNode], tokens: list[TokenEmbeddings] | None) -> Card:
        dimension = len(chunks[0].get_embedding()) if chunks else None
        return self._asked.model_copy(
            update={"dimension": dimension, "token_embeddings": bool(tokens)}
        )

    def _make(self, card: Card) -> Snapshot:
        name = f"{int(time.time())}-{uuid4().hex[:8]}"
        made = Snapshot.make(self._snapshots / name, card)
        self._opened = name, made
        return made

    def _clean_up(self) -> None:
        """Delete what a killed rebuild left, and what an earlier version of the program made."""
        in_force = self.catalogue.state().snapshot
        for folder in [*self._snapshots.glob("*"), *self.folder.glob(f"{_OLD_SNAPSHOTS}/*")]:
            if folder.name != in_force:
                try:
                    Snapshot.load(folder).drop()
                except VectorServerError:
                    pass  # kept: it names what the server still holds
                except IndexDamagedError:
                    shutil.rmtree(folder, ignore_errors=True)
        if in_force is not None:
            for part in _OLD_PARTS:
                shutil.rmtree(self.folder / part, ignore_errors=True)
            (self.folder / "card.json").unlink(missing_ok=True)
            with suppress(OSError):  # none there, or not empty
                (self.folder / _OLD_SNAPSHOTS).rmdir()

    @property
    def _snapshots(self) -> Path:
        return self.folder / "snapshots"


def _embedded(
    embedder: BaseEmbedding, papers: list[Paper]
) -> tuple[list[TextNode], list[TokenEmbeddings] | None]:
    chunks = [chunk for paper in papers for chunk in chunk_paper(paper)]
    embed_chunks(embedder, chunks)
    return chunks, embed_tokens(embedder, [paper_text(paper) for paper in papers])


def _unwatched(phase: str, done: int, total: int | None) -> None:
    """Nobody watches a repair."""


def _make_writable(folder: Path) -> None:
    probe = folder / "lock"
    try:
        make_folder(folder)
        make_file(probe)
    except OSError as error:
        raise IndexAccessError(
            f"index folder {folder} cannot be written: {error.strerror}",
            "name another with --index",
        ) from error
