"""One snapshot of the index: all that is derived from the catalogue, in a folder of its own.

A rebuild makes another beside it, and the catalogue then names that one; so there is always one
that is whole.

card.json       embedder, dimension, chunker, store, number of shards and version of what follows
chroma/         a vector a paper, unless a Chroma server holds them
dense/          vectors of sentences, as bytes
bm25/           words of papers
multivector/    token embeddings of papers, for late interaction
manifest.json   size and checksum of their files; absent while they are written
removed         how many sentences were deleted from them

Of several shards each has its four folders, in a folder named by its number (`00`), and holds the
papers whose ids fall to it (`rag.index.sharding`). A search asks all of them and gives what it
would give if there were one.
"""

import json
import shutil
import zlib
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ConfigDict, Field, ValidationError

from footnote.rag.core.base import Record
from footnote.rag.core.errors import (
    Fault,
    FaultKind,
    IndexAccessError,
    IndexDamagedError,
    unusable,
)
from footnote.rag.core.records import Paper
from footnote.rag.index.bm25 import BM25Index
from footnote.rag.index.chroma_file import count_rows
from footnote.rag.index.chunking import CHUNKER, facts_of, version_id
from footnote.rag.index.dense import DenseIndex
from footnote.rag.index.durable import delete_durably, make_folder, sync, sync_all, write_durably
from footnote.rag.index.multivector import MultiVectorIndex
from footnote.rag.index.stored import Version
from footnote.rag.index.token_embeddings import TokenEmbeddings
from footnote.rag.index.two_stage import CANDIDATES, TwoStageSearch

if TYPE_CHECKING:
    from footnote.rag.index.chroma import CosineChroma, ShardedChroma

# Raised when what an earlier version derived cannot be read as what this one derives.
FORMAT_VERSION = 7
SNAPSHOTS = "snapshots"
"""The folder of an index that holds them."""
FOLDER = "folder"
"""The store of a card whose vectors are kept in the snapshot's own folder."""
PARTS = {  # what they are to a person, by their folders
    "chroma": "vector store",
    "dense": "sentence index",
    "bm25": "word index",
    "multivector": "token index",
}
# Larger files are compared by size alone when the index is opened; `doctor` reads all of them.
_MAX_CHECKED_BYTES = 256_000_000
_READ_BYTES = 1 << 20
# Fewer deleted sentences, of some 100 papers, are not worth copying the others for.
_MIN_REMOVED = 1_000


class Card(Record):
    """What an index was built with."""

    # What another version of the program wrote beside these is none of this one's.
    model_config = ConfigDict(extra="ignore")

    embedder: str
    dimension: int | None = None
    """Numbers a vector; null on the card that the settings ask for."""
    chunker: str = CHUNKER
    format_version: int = FORMAT_VERSION
    store: str = FOLDER
    """Address of the Chroma server that holds the vectors, or `folder`."""
    shards: int = Field(default=1, ge=1)
    """Parts that the papers are spread over; what the settings say counts for a new snapshot."""
    token_embeddings: bool = False
    """True where the embedder gives token embeddings, so that `multivector/` holds every paper."""

    def difference(self, asked: "Card") -> str | None:
        """Return why this card does not fit what is asked for; None where it does."""
        if self.format_version != asked.format_version:
            return f"version {self.format_version}, this program writes {asked.format_version}"
        if self.embedder != asked.embedder:
            return f"embedder `{self.embedder}`, the settings ask for `{asked.embedder}`"
        if self.chunker != asked.chunker:
            return f"chunker `{self.chunker}`, this program cuts `{asked.chunker}`"
        if self.store != asked.store:
            return f"store `{self.store}`, the settings ask for `{asked.store}`"
        return None


class Snapshot:
    """The parts of one snapshot, opened when first used, as they then are."""

    def __init__(
        self,
        folder: Path,
        card: Card,
        *,
        create: bool = False,
        only: Sequence[int] | None = None,
    ):
        self.folder = folder
        self.card = card
        self._create = create
        self._only = only

    @classmethod
    def make(cls, folder: Path, card: Card) -> "Snapshot":
        """Begin an empty snapshot.

        Raises:
            IndexDamagedError: The folder cannot be written.
        """
        try:
            make_folder(folder)
            write_durably(folder / "card.json", f"{card.model_dump_json(indent=2)}\n".encode())
        except OSError as error:
            raise IndexAccessError(
                f"index folder {folder} cannot be written: {error.strerror}",
                "free some space or name another with --index",
            ) from error
        return cls(folder, card, create=True)

    @classmethod
    def load(cls, folder: Path) -> "Snapshot":
        """Load the snapshot in this folder.

        Raises:
            IndexDamagedError: Its card is lost or cannot be read.
        """
        file = folder / "card.json"
        try:
            card = Card.model_validate_json(file.read_bytes())
        except (OSError, ValidationError) as error:
            raise IndexDamagedError(
                f"index card {file} is lost or cannot be read", "run `footnote rebuild`"
            ) from error
        return cls(folder, card)

    def shard(self, *numbers: int) -> "Snapshot":
        """Return one or some of its shards alone, from 0, for who holds these and no other."""
        return Snapshot(self.folder, self.card, only=numbers)

    @property
    def name(self) -> str:
        """What the catalogue and a Chroma server know it by."""
        return self.folder.name

    @cached_property
    def vectors(self) -> "CosineChroma | ShardedChroma":
        """A vector a paper: the mean of its sentences'."""
        from footnote.rag.index.chroma import ShardedChroma, open_chroma, open_server

        if self.card.store == FOLDER:
            opened = [open_chroma(each, create=self._create) for each in self._folders("chroma")]
        else:
            opened = [
                open_server(self.card.store, name, create=self._create)
                for name in self._collections()
            ]
        return ShardedChroma(opened) if len(opened) > 1 else opened[0]

    def count_rows(self) -> int | None:
        """Count the papers of `vectors` by their files alone; None where only Chroma can tell."""
        if self.card.store != FOLDER:
            return None
        counts = [count_rows(folder) for folder in self._folders("chroma")]
        return None if None in counts else sum(filter(None, counts))

    @cached_property
    def dense(self) -> DenseIndex:
        """Vectors of sentences."""
        return DenseIndex(*self._folders("dense"))

    def vector_search(self, exact_up_to: int) -> TwoStageSearch | DenseIndex:
        """Return what finds the nearest sentences: all are compared, up to so many of them."""
        is_exact = len(self.dense) <= exact_up_to
        return self.dense if is_exact else TwoStageSearch(self.vectors.nearest, self.dense)

    def like(self, paper_id: str) -> list[str]:
        """Return the ids of the papers whose means are nearest to that of one, if it is here."""
        rows = self.vectors.rows([paper_id])
        near = [self.vectors.nearest(row.vector.tolist(), depth=CANDIDATES) for row in rows]
        return [found for found, _ in near[0]] if near else []

    @cached_property
    def bm25(self) -> BM25Index:
        """Words of papers."""
        return BM25Index(*self._folders("bm25"))

    @cached_property
    def multivector(self) -> MultiVectorIndex:
        """Token embeddings of papers; empty when the embedder gives none."""
        return MultiVectorIndex(*self._folders("multivector"), kept=self.card.token_embeddings)

    def open(self) -> None:
        """Open every part, which makes those that are not there."""
        _ = self.vectors, self.dense, self.bm25, self.multivector

    def add(
        self,
        papers: Sequence[Paper],
        vectors: Sequence[np.ndarray],
        tokens: Sequence[TokenEmbeddings] | None,
        worded: Collection[str] = (),
    ) -> None:
        """Add papers with the vectors of the sentences of each, and its token embeddings.

        Sentences stand beside those of older versions; all else takes the place of theirs.

        Args:
            papers: As they are now.
            vectors: Of the sentences of each; float32, (n_sentences, dimension).
            tokens: Of each; None where the embedder gives none.
            worded: Ids of those whose words are here.
        """
        versions = [version_id(paper.paper_id, paper.version) for paper in papers]
        self.dense.add(zip(versions, vectors, strict=True))
        self.add_means(papers)
        self.bm25.replace(paper for paper in papers if paper.paper_id not in worded)
        if tokens:
            self.multivector.replace(papers, tokens)

    def copy(self, other: "Snapshot", papers: Sequence[Paper]) -> None:
        """Add papers as another snapshot has them, without embedding anything."""
        self.dense.copy(other.dense, [(paper.paper_id, paper.version) for paper in papers])
        self.add_means(papers)
        self.bm25.replace(papers)
        if other.card.token_embeddings:
            self.multivector.copy(other.multivector, [paper.paper_id for paper in papers])

    def add_means(self, papers: Sequence[Paper]) -> None:
        """Add the vectors of papers, the means of the sentences that `dense` has of them."""
        from footnote.rag.index.chroma import Row

        means = self.dense.means(papers)
        self.vectors.add(
            [
                Row(paper.paper_id, paper.version, means[paper.paper_id], facts_of(paper))
                for paper in papers
                if paper.paper_id in means
            ]
        )

    def remove(self, versions: Sequence[Version], gone: Iterable[str]) -> None:
        """Delete chunks of versions, and all else of papers that are gone."""
        n_before = len(self.dense)
        self.dense.remove(versions)
        self._note_removed(n_before - len(self.dense))
        if paper_ids := list(gone):
            self.vectors.remove(paper_ids)
            self.bm25.remove(paper_ids)
            self.multivector.remove(paper_ids)

    @property
    def needs_compaction(self) -> bool:
        """True where more sentences were deleted than are left, if any are.

        Neither Chroma's graph nor files of rows give their room back: questions become slower.
        """
        n_left, n_removed = len(self.dense), self._n_removed()
        return 0 < n_left < n_removed and n_removed >= _MIN_REMOVED

    def _note_removed(self, n_sentences: int) -> None:
        with self._explained():
            n_removed = self._n_removed() + n_sentences
            write_durably(self.folder / "removed", str(n_removed).encode())

    def _n_removed(self) -> int:
        """Count the sentences deleted since it was made; at least, where a writer was killed."""
        try:
            return int((self.folder / "removed").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return 0

    @property
    def is_sealed(self) -> bool:
        """True where the last writer came to its end."""
        return (self.folder / "manifest.json").is_file()

    def seal(self) -> None:
        """Write the manifest: the files are whole and on disk, and this is what they are."""
        with self._explained():
            for folder in self._part_folders():
                sync_all(folder)
            sync(self.folder)
            listed = {str(file.relative_to(self.folder)): _sized(file) for file in self._files()}
            write_durably(self.folder / "manifest.json", json.dumps(listed).encode())

    def unseal(self) -> None:
        """Delete the manifest: the files are about to change."""
        with self._explained():
            delete_durably(self.folder / "manifest.json")

    def faults(self, *, thorough: bool = False) -> list[Fault]:
        """List the parts that are not there or not as they were written; reads no index.

        Raises:
            IndexAccessError: This process may not read a file.
        """
        return self.missing() or self._altered(thorough=thorough)

    def missing(self) -> list[Fault]:
        """List the parts that are not there."""
        return [
            Fault(f"{PARTS[folder.name]} {folder} is not there", kind=FaultKind.GONE)
            for folder in self._part_folders()
            if not any(folder.glob("*"))
        ]

    def _altered(self, *, thorough: bool) -> list[Fault]:
        manifest = self.folder / "manifest.json"
        if not manifest.is_file():
            return []
        try:
            listed = json.loads(manifest.read_text(encoding="utf-8"))
            return [
                Fault(f"{part}: file {self.folder / name} is not as it was written")
                for name, sized in listed.items()
                for part in [next(PARTS[own] for own in Path(name).parts if own in PARTS)]
                if not _is_as_written(self.folder / name, *sized, thorough=thorough)
            ]
        except PermissionError as error:
            raise IndexAccessError(
                f"file {error.filename} may not be read", "let this user read the folder"
            ) from error
        except (OSError, ValueError, StopIteration, TypeError, AttributeError) as error:
            return [Fault(f"manifest {manifest} cannot be read: {' '.join(str(error).split())}")]

    def drop(self) -> None:
        """Delete the snapshot; what is not there is fine."""
        if self.card.store != FOLDER:
            from footnote.rag.index.chroma import drop_from_server

            for name in self._collections():
                drop_from_server(self.card.store, name)
        shutil.rmtree(self.folder, ignore_errors=True)

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise unusable("index folder", self.folder, error, "written") from error

    def _shards(self) -> list[str]:
        """Return what tells the shards apart; nothing, where there is one."""
        n_shards = self.card.shards
        shards = [f"{number:02}" for number in range(n_shards)] if n_shards > 1 else [""]
        return shards if self._only is None else [shards[number] for number in self._only]

    def _folders(self, part: str) -> list[Path]:
        """Return the folders of a part, one a shard."""
        return [self.folder / shard / part for shard in self._shards()]

    def _collections(self) -> list[str]:
        """Return the names of the collections of a Chroma server, one a shard."""
        return ["-".join(filter(None, ("footnote", self.name, shard))) for shard in self._shards()]

    def _part_folders(self) -> list[Path]:
        elsewhere = {
            "chroma": self.card.store != FOLDER,
            "multivector": not self.card.token_embeddings,
        }
        kept = [part for part in PARTS if not elsewhere.get(part)]
        return [folder for part in kept for folder in self._folders(part)]

    def _files(self) -> Iterator[Path]:
        """Yield the files that only writers change."""
        for folder in self._part_folders():
            for file in sorted(folder.rglob("*")):
                if file.is_file() and not _is_of_readers_too(file):
                    yield file


def _is_of_readers_too(file: Path) -> bool:
    """Return True for locks, what SQLite settles by itself, and graphs not yet kept on disk."""
    graph = file.suffix in (".bin", ".pickle")
    return (
        file.name.startswith(".")
        or file.name == "gate"
        or ".sqlite" in file.name
        or (graph and not (file.parent / "index_metadata.pickle").is_file())
    )


def _sized(file: Path) -> tuple[int, int]:
    return file.stat().st_size, _checksum(file)


def _is_as_written(file: Path, size: int, checksum: int, *, thorough: bool) -> bool:
    if not file.is_file() or file.stat().st_size != size:
        return False
    return (size > _MAX_CHECKED_BYTES and not thorough) or _checksum(file) == checksum


def _checksum(file: Path) -> int:
    value = 0
    with file.open("rb") as opened:
        while data := opened.read(_READ_BYTES):
            value = zlib.crc32(data, value)
    return value
