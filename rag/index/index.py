"""The index folder, opened for reading: a catalogue, and what is derived from it.

catalogue.sqlite   the papers (the truth), and which snapshot is in force
snapshots/         each with its card and its parts; see `rag.index.snapshot`
lock, writer       held by the one process that writes, and which that is; see `rag.index.writer`
"""

import copy
from collections.abc import Callable, Iterable, Sized
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

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
)
from footnote.rag.core.text import identity_key
from footnote.rag.index import lock
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.check import probe
from footnote.rag.index.dense import DenseIndex
from footnote.rag.index.durable import make_file, make_folder
from footnote.rag.index.embedding import Embedder
from footnote.rag.index.multivector import MultiVectorIndex
from footnote.rag.index.readonly import is_writable
from footnote.rag.index.snapshot import SNAPSHOTS, Card, Snapshot
from footnote.rag.index.two_stage import TwoStageSearch

if TYPE_CHECKING:
    from footnote.rag.index.chroma import CosineChroma, ShardedChroma

# What an index of an earlier version was made of, beside its catalogue: of version 2 or less, and
# of 3 to 5.
OLD_PARTS = ("chroma", "words", "tokens")
OLD_SNAPSHOTS = "generations"
MAKE_WRITABLE = "make the folder writable"


class Index:
    """One index folder, open for reading. Parts are opened when first used."""

    def __init__(
        self,
        folder: Path,
        asked: Card,
        embedder: Callable[[], Embedder],
        *,
        exact_up_to: int,
        create: bool = False,
    ):
        """Open the folder.

        Args:
            folder: Where it is, or shall be.
            asked: What the settings ask for.
            embedder: Loads the embedder; called when something has to be embedded, each time.
            exact_up_to: Sentences up to which a question is compared with all of them.
            create: Make the folder and its catalogue, where they are missing.

        Raises:
            IndexMissingError: There is no index here, and `create` is false.
            IndexDamagedError: The folder cannot be written, or a file in it cannot be read.
        """
        self.folder = folder
        self.asked = asked
        self.exact_up_to = exact_up_to
        # Once for all that `opened_anew` makes, since to load one takes seconds.
        self._load_embedder = cache(embedder)
        self._opened: Snapshot | None = None
        if create:
            _make_writable(folder)
        self.catalogue = Catalogue(folder / "catalogue.sqlite", create=create)

    @property
    def embedder(self) -> Embedder:
        """The embedder of the settings.

        Raises:
            EmbeddingError: It cannot be loaded.
        """
        return self._load_embedder()

    def opened_anew(self) -> "Index":
        """Return the same index with no part opened yet, so that each is seen as it is now."""
        other = copy.copy(self)
        other._opened = None
        return other

    @property
    def vectors(self) -> "CosineChroma | ShardedChroma":
        """A vector a paper: the mean of its sentences'."""
        return self.snapshot().vectors

    @property
    def vector_search(self) -> TwoStageSearch | DenseIndex:
        """What finds the sentences nearest to a question, as the index is now."""
        return self.snapshot().vector_search(self.exact_up_to)

    def similar(self, paper_id: str, n: int) -> list[tuple[str, float]]:
        """Find the papers most like one as a whole; see `MultiVectorIndex.similar`.

        Where there are too many to compare all, it is compared with those of the nearest means.
        """
        snapshot = self.snapshot()
        is_exact = isinstance(snapshot.vector_search(self.exact_up_to), DenseIndex)
        among = None if is_exact else snapshot.like(paper_id)
        return self.multivector.similar(paper_id, n, among)

    @property
    def multivector(self) -> MultiVectorIndex:
        """Token embeddings of papers; empty when the embedder gives none."""
        return self.snapshot().multivector

    @property
    def bm25(self) -> BM25Index:
        """Words of papers."""
        return self.snapshot().bm25

    @property
    def snapshots(self) -> Path:
        """The folder of all snapshots, the one in force and those being made."""
        return self.folder / SNAPSHOTS

    def snapshot(self) -> Snapshot:
        """Return the snapshot in force, with its parts as they were when they were first used.

        Raises:
            IndexMissingError: Nothing was indexed yet.
            IndexMismatchError: An earlier version of the program made it.
            IndexDamagedError: Its card is lost or cannot be read.
        """
        name = self.catalogue.state().snapshot
        if self._is_of_an_earlier_version(name):
            raise IndexMismatchError(
                f"index {self.folder} was made by an earlier version", "run `footnote rebuild`"
            )
        if name is None:
            raise self._emptiness()
        if self._opened is None or self._opened.name != name:
            self._opened = Snapshot.load(self.snapshots / name)
        return self._opened

    def adopt(self, snapshot: Snapshot) -> None:
        """Use this snapshot, with the parts that it has open, once it is the one in force."""
        self._opened = snapshot

    def _is_of_an_earlier_version(self, in_force: str | None) -> bool:
        if in_force is None:
            return any((self.folder / part).is_dir() for part in OLD_PARTS)
        return (self.folder / OLD_SNAPSHOTS / in_force).is_dir()

    def check_card(self) -> None:
        """Make sure that the index fits the settings.

        Raises:
            IndexMissingError: Nothing was indexed yet.
            IndexMismatchError: It was built with other settings.
            IndexDamagedError: The card cannot be read.
        """
        if difference := self.snapshot().card.difference(self.asked):
            raise IndexMismatchError(
                f"index {self.folder} was built with {difference}",
                "run `footnote rebuild`, or name another with --index",
            )

    def check_in_place(self) -> None:
        """Make sure that the folder is still the one that was opened; asked by who holds it.

        Raises:
            IndexBusyError: Another has taken its place.
            IndexMissingError: There is none any more.
        """
        if not self.catalogue.is_in_place():
            raise IndexBusyError(
                f"index {self.folder} was replaced meanwhile", "run the command again"
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

    def check_dimension(self, vector: Sized, snapshot: Snapshot | None = None) -> None:
        """Make sure that a vector can be compared with those of the index.

        Args:
            vector: Of a question or a chunk.
            snapshot: What it is compared with; None for the one that is in force now.

        Raises:
            IndexMismatchError: It has more or fewer numbers.
        """
        expected = (snapshot or self.snapshot()).card.dimension
        if expected is not None and len(vector) != expected:
            raise IndexMismatchError(
                f"index {self.folder} holds vectors of {expected} numbers, the embedder "
                f"`{self.asked.embedder}` gives {len(vector)}",
                "run `footnote rebuild`",
            )

    def check_filled(self) -> None:
        """Make sure that there is a paper, indexed or not.

        Raises:
            IndexMissingError: There is none.
            IndexBusyError: There is none yet: another process is taking them in.
        """
        if not len(self.catalogue):
            self._check_unwritten()
            raise self._emptiness()

    def check_served(self) -> None:
        """Make sure that there is a paper to answer from.

        Raises:
            IndexMissingError: There is none.
            IndexBusyError: There is none yet: another process is taking them in.
        """
        if not self.catalogue.count_served():
            self._check_unwritten()
            raise self._emptiness()

    def _check_unwritten(self) -> None:
        """Make sure that nobody is writing, as far as this process may know."""
        with suppress(IndexAccessError):
            lock.check_free(self.folder)

    def _emptiness(self) -> IndexMissingError:
        return IndexMissingError(
            f"index {self.folder} is empty", "run `footnote ingest PATH` to fill it"
        )

    def named(self, names: Iterable[str]) -> dict[str, str]:
        """Find the papers that these ids or titles mean.

        Returns:
            Their titles by id, in the order of the names; a title that is lost is the id.

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

    def problems(self) -> list[str]:
        """List what does not agree with the catalogue, a line each with what to do.

        Real questions are asked of every part, by another process: a damaged file may end it.
        """
        damaged = self.catalogue.faults()
        found: list[Fault] = []
        try:
            self.check_filled()
            self.check_card()
            faults = self.snapshot().faults(thorough=True)
        except IndexFolderError as error:
            return [*damaged, str(error)]
        if n_pending := self.catalogue.count_pending():
            next_step = "the next command that asks or takes in finishes them"
            if not is_writable(self.folder):
                next_step = f"{MAKE_WRITABLE}, and {next_step}"
            what = f"{n_pending} of {len(self.catalogue)} papers are not indexed"
            found.append(Fault(what, next_step))
        # What the parts should hold is asked of the catalogue.
        if not damaged and not any(fault.kind is FaultKind.GONE for fault in faults):
            # With papers pending, the same command takes away what an interrupted one left.
            faults += probe(self.folder, exact_up_to=self.exact_up_to, unfinished=bool(n_pending))
        return [*damaged, *(str(fault) for fault in found + faults)]


def _make_writable(folder: Path) -> None:
    try:
        make_folder(folder)
        make_file(folder / "lock")
        (folder / "lock").touch()  # one that is there already says nothing of the folder
    except OSError as error:
        raise IndexAccessError(
            f"index folder {folder} cannot be written: {error.strerror}",
            "name another with --index",
        ) from error
