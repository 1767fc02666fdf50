"""The index folder: a catalogue, what is derived from it, and a card that says how.

catalogue.sqlite   the papers (the truth)
card.json          embedder, dimension, chunker and version of what follows
chroma/            vectors of chunks
words/             words of papers
tokens/            word pieces of papers, for late interaction
lock               held by the one process that writes
"""

import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import ValidationError

from rag.catalogue import Catalogue
from rag.chunk import CHUNKER, chunk_paper
from rag.embed import piece_vectors
from rag.errors import IndexBusyError, IndexDamagedError, IndexMismatchError, IndexMissingError
from rag.lexical import LexicalIndex
from rag.schema import Paper, Record
from rag.store import CosineChroma, open_chroma, remove_chroma
from rag.tokens import TokenIndex, paper_text

# Raised when what is derived from the same catalogue would come out differently.
FORMAT_VERSION = 2
_BATCH = 64
# Chroma takes 5,461 in one call, and papers of very many sentences have more.
_CHUNKS_AT_ONCE = 5_000


class Progress(Protocol):
    """Told how far a long job is."""

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        """Note that `done` of `total` are done in this phase; None when the total is not known."""
        ...


class Card(Record):
    """What an index was built with."""

    embedder: str
    dimension: int | None = None
    """Numbers a vector; null until the first chunk is embedded."""
    chunker: str = CHUNKER
    format_version: int = FORMAT_VERSION

    def difference(self, asked: "Card") -> str | None:
        """Why an index with this card cannot serve settings that ask for another one."""
        if self.format_version != asked.format_version:
            return f"version {self.format_version}, this program writes {asked.format_version}"
        if self.embedder != asked.embedder:
            return f"embedder `{self.embedder}`, the settings ask for `{asked.embedder}`"
        if self.chunker != asked.chunker:
            return f"chunker `{self.chunker}`, this program cuts `{asked.chunker}`"
        return None


class Index:
    """One index folder, open. Parts are opened when first used."""

    def __init__(
        self,
        folder: Path,
        asked: Card,
        embedder: Callable[[], BaseEmbedding],
        *,
        create: bool = False,
    ):
        """Open the folder.

        Args:
            folder: Where it is, or shall be.
            asked: What the settings ask for.
            embedder: Loads the embedder; called once, when something has to be embedded.
            create: Make what is missing.

        Raises:
            IndexMissingError: There is no index here, and `create` is false.
            IndexDamagedError: The folder cannot be written, or a file in it cannot be read.
        """
        self.folder = folder
        self._asked = asked
        self._load_embedder = embedder
        if create:
            _make_writable(folder)
        self.catalogue = Catalogue(folder / "catalogue.sqlite", create=create)

    @cached_property
    def embedder(self) -> BaseEmbedding:
        """The embedder of the settings."""
        return self._load_embedder()

    @cached_property
    def vectors(self) -> CosineChroma:
        """Vectors of chunks."""
        return open_chroma(self.folder / "chroma")

    @cached_property
    def tokens(self) -> TokenIndex:
        """Word pieces of papers; empty when the embedder gives none."""
        return TokenIndex(self.folder / "tokens")

    @cached_property
    def words(self) -> LexicalIndex:
        """Words of papers."""
        return LexicalIndex(self.folder / "words")

    def check_card(self) -> None:
        """Make sure that the index fits the settings.

        Raises:
            IndexMissingError: Nothing was indexed yet.
            IndexMismatchError: It was built with other settings.
            IndexDamagedError: The card cannot be read.
        """
        card = self._card()
        if card is None:
            raise IndexMissingError(
                f"index {self.folder} is empty; run `footnote ingest PATH` to fill it"
            )
        if difference := card.difference(self._asked):
            raise IndexMismatchError(
                f"index {self.folder} was built with {difference}; "
                "run `footnote rebuild`, or name another with --index"
            )

    def check_settings(self) -> None:
        """Make sure that an index that is already there fits the settings.

        Raises:
            IndexMismatchError: It was built with other settings.
            IndexDamagedError: The card cannot be read.
        """
        if self._card() is not None:
            self.check_card()

    @contextmanager
    def writing(self) -> Generator[None]:
        """Hold the index for writing.

        Raises:
            IndexBusyError: Another process holds it.
        """
        lock = FileLock(self.folder / "lock", timeout=1)
        try:
            with lock:
                yield
        except Timeout as error:
            raise IndexBusyError(
                f"index {self.folder} is being written by another process; wait for it to end"
            ) from error

    def update(self, on_progress: Progress) -> None:
        """Bring the index up to the catalogue; what it already holds costs nothing.

        May be interrupted at any point: what was not marked is done again by the next call.

        Args:
            on_progress: Told how many papers of all to do are done.
        """
        if leftovers := self.catalogue.leftovers():
            self._remove([version.paper_id for version in leftovers])
            self.catalogue.mark_cleared(leftovers)
        to_do = self.catalogue.count_pending()
        if not to_do:
            return
        self.check_settings()
        done = 0
        while papers := self.catalogue.pending(_BATCH):
            self._replace(papers)
            self.catalogue.mark_indexed(papers)
            done += len(papers)
            on_progress("indexing", done, to_do)

    def rebuild(self, on_progress: Progress) -> None:
        """Derive everything anew from the catalogue, with the settings in force."""
        _ = self.embedder  # one that cannot be loaded must not cost the index that works
        self.catalogue.mark_all_pending()
        self.__dict__.pop("vectors", None)
        self.__dict__.pop("words", None)
        self.__dict__.pop("tokens", None)
        (self.folder / "card.json").unlink(missing_ok=True)
        remove_chroma(self.folder / "chroma")
        for part in ("words", "tokens"):
            shutil.rmtree(self.folder / part, ignore_errors=True)
        self.update(on_progress)

    def problems(self) -> list[str]:
        """What does not agree with the catalogue, a line each; empty when all is well."""
        found: list[str] = []
        try:
            self.check_card()
        except (IndexMissingError, IndexMismatchError, IndexDamagedError) as error:
            return [str(error)]
        n_papers, n_pending = len(self.catalogue), self.catalogue.count_pending()
        if n_pending:
            found.append(f"{n_pending} of {n_papers} papers are not indexed")
        if len(self.words) != n_papers:
            found.append(f"word index holds {len(self.words)} papers, catalogue {n_papers}")
        expected = {c.node_id for p in self.catalogue.papers() for c in chunk_paper(p)}
        held = set(self.vectors.client.get(include=[])["ids"])
        if missing := expected - held:
            found.append(f"vector store lacks {len(missing)} of {len(expected)} chunks")
        if surplus := held - expected:
            found.append(f"vector store holds {len(surplus)} chunks of no paper")
        if len(self.tokens) not in (0, n_papers):
            found.append(f"token index holds {len(self.tokens)} papers, catalogue {n_papers}")
        return found

    def _replace(self, papers: list[Paper]) -> None:
        chunks = [chunk for paper in papers for chunk in chunk_paper(paper)]
        self.embedder(chunks)
        if self._card() is None:
            dimension = len(chunks[0].get_embedding())
            card = self._asked.model_copy(update={"dimension": dimension})
            (self.folder / "card.json").write_text(card.model_dump_json(indent=2) + "\n")
        # By paper, not by chunk: a shorter abstract has fewer chunks than the one it replaces.
        self.vectors.client.delete(where={"paper_id": {"$in": [p.paper_id for p in papers]}})
        for at in range(0, len(chunks), _CHUNKS_AT_ONCE):
            self.vectors.add(list(chunks[at : at + _CHUNKS_AT_ONCE]))
        self.words.replace(papers)
        if pieces := piece_vectors(self.embedder, [paper_text(paper) for paper in papers]):
            self.tokens.replace(papers, pieces)

    def _remove(self, paper_ids: list[str]) -> None:
        if self._card() is None:
            return  # nothing was indexed yet
        self.vectors.client.delete(where={"paper_id": {"$in": paper_ids}})
        self.words.remove(paper_ids)
        self.tokens.remove(paper_ids)

    def _card(self) -> Card | None:
        file = self.folder / "card.json"
        try:
            return Card.model_validate_json(file.read_bytes()) if file.is_file() else None
        except (OSError, ValidationError) as error:
            raise IndexDamagedError(
                f"index card {file} cannot be read; run `footnote rebuild`"
            ) from error


def _make_writable(folder: Path) -> None:
    probe = folder / "lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
    except OSError as error:
        raise IndexDamagedError(
            f"index folder {folder} cannot be written: {error.strerror}; name another with --index"
        ) from error
