"""The papers of an index folder as a page shows and changes them."""

import shutil
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from footnote.ingest.identity.explain import Explanation, explain, split_paper
from footnote.ingest.pipeline import ingest
from footnote.ingest.services import FORMS, is_locator, parse_locator
from footnote.ingest.undo import take_back_unindexed
from footnote.rag.build import open_index
from footnote.rag.core.base import Record
from footnote.rag.core.config import Config
from footnote.rag.core.errors import (
    IndexAccessError,
    IndexDamagedError,
    PaperDamagedError,
    SourceError,
)
from footnote.rag.core.records import Paper
from footnote.rag.index.browse import Sheet, Tallied
from footnote.rag.index.facts import Facts
from footnote.rag.index.index import Index
from footnote.rag.index.readonly import is_writable
from footnote.rag.index.stored import State
from footnote.rag.index.writer import IndexWriter, Progress, unwatched
from footnote.ui.jobs import JobCancelledError, Jobs

_SIMILAR = 6


class Page(NamedTuple):
    """A page of the table of papers."""

    total: int
    """Papers on all pages."""
    papers: list[Facts]
    sources: dict[str, list[str]]
    """Names of the sources of each paper, by its id."""


class Shown(NamedTuple):
    """A paper with all that its own page says."""

    paper: Paper
    explanation: Explanation
    similar: list[tuple[Paper, float]]
    """Most alike first, each with its cosine."""


class Undone(Record):
    """What came of an ingest that was called off."""

    taken_back: int
    """Papers that were read and not indexed yet."""


class Shelf:
    """The papers of one index folder. Safe to use from several threads.

    What others change is seen by the next call. Whatever changes papers is a job, one at a time.
    """

    def __init__(self, config: Config, jobs: Jobs):
        """Show the index of the settings; `jobs` runs what changes it."""
        self.config = config
        self.jobs = jobs
        self._lock = threading.Lock()
        self._opened: tuple[State, Index] | None = None

    @property
    def is_writable(self) -> bool:
        """True where papers may be added and removed."""
        folder = self.config.index
        return self.config.web.writable and (is_writable(folder) or not folder.exists())

    def page(self, sheet: Sheet) -> Page:
        """Read a page of the table."""
        index = self._index()
        with_words = _holding(index, sheet.text) if sheet.text.strip() else []
        return Page(*index.catalogue.sheet(sheet, with_words))

    def tally(self, by: Tallied) -> list[tuple[str | None, int]]:
        """Count papers by what their records say; see `rag.index.browse`."""
        return self._index().catalogue.tally(by)

    def titles(self, paper_ids: Iterable[str]) -> dict[str, str]:
        """Return the titles of those of these papers that are here, by id."""
        return {facts.paper_id: facts.title for facts in self._index().catalogue.facts(paper_ids)}

    def shown(self, paper_id: str) -> Shown | None:
        """Return what a paper's own page says; None for an id that is no paper's any more.

        Raises:
            PaperDamagedError: It is not as it was written.
        """
        index = self._index()
        catalogue = index.catalogue
        own_id = catalogue.resolve(paper_id)
        paper = own_id and catalogue.served([own_id]).get(own_id)
        if not paper:
            return None
        alike = dict(_alike(index, paper.paper_id))
        found = catalogue.served(alike)
        similar = [(found[i], cosine) for i, cosine in alike.items() if i in found]
        return Shown(paper, explain(catalogue, paper.paper_id), similar)

    def add(self, files: Sequence[Path], *queries: str) -> str:
        """Take in uploaded files, which are deleted then, and what services are asked for.

        Returns:
            The id of the job; its result is an `IngestReport`, or `Undone` where it was cancelled.

        Raises:
            SourceError: There is neither file nor query, or a query names no service.
            IndexBusyError: Papers are being changed already.
            IndexAccessError: Nothing may be changed here.
        """
        asked = [query.strip() for query in queries if query.strip()]
        self.check_writable()
        for query in asked:
            _check_query(query)
        what = [*files, *asked]
        if not what:
            raise SourceError("nothing to add; choose a file or write what to fetch")
        named = [*asked, *(file.name for file in files)]
        label = ", ".join(named[:3]) + (f" and {len(named) - 3} more" if len(named) > 3 else "")
        return self.jobs.start("ingest", lambda progress: self._ingest(what, progress), label=label)

    def remove(self, paper_id: str) -> str:
        """Take a paper out, and return the id of the job; see `add` for what is raised.

        Raises:
            PaperError: No paper has this id.
        """
        self.check_writable()
        [(own_id, title)] = self._index().named([paper_id]).items()

        def work(_: Progress) -> None:
            writer = IndexWriter(open_index(self.config))
            with writer.writing():
                writer.remove([own_id])

        return self.jobs.start("remove", work, label=title)

    def split(self, paper_id: str) -> str:
        """Make the records of a paper papers of their own, and return the id of the job.

        See `add` for what is raised; the job fails with a `PaperError` where it cannot be split.
        """
        self.check_writable()
        [(own_id, title)] = self._index().named([paper_id]).items()

        def work(_: Progress) -> int:
            # To stop in the middle would leave papers that are not indexed.
            return len(split_paper(open_index(self.config), own_id, unwatched))

        return self.jobs.start("split", work, label=title)

    def _ingest(self, what: Sequence[str | Path], progress: Progress) -> object:
        try:
            index = open_index(self.config, create=True)
            before = index.catalogue.fingerprints()
            try:
                return ingest(what, index, progress, self.config.sources)
            except JobCancelledError as cancelled:
                undone = Undone(taken_back=take_back_unindexed(open_index(self.config), before))
                raise JobCancelledError(undone) from cancelled
        finally:
            for each in what:
                if isinstance(each, Path):
                    # Each upload has a folder of its own.
                    shutil.rmtree(each.parent, ignore_errors=True)

    def check_writable(self) -> None:
        """Check that papers may be added and removed.

        Raises:
            IndexAccessError: They may not.
        """
        if not self.config.web.writable:
            raise IndexAccessError("this page only shows papers", "set `web.writable` to true")
        if not self.is_writable:
            raise IndexAccessError(
                f"index folder {self.config.index} cannot be written", "make the folder writable"
            )

    def _index(self) -> Index:
        """Return the index as it is now."""
        with self._lock:
            if self._opened is None or not self._opened[1].catalogue.is_in_place():
                index = open_index(self.config)
                self._opened = index.catalogue.state(), index
            state, index = self._opened
            if (now := index.catalogue.state()) != state:
                self._opened = now, index.opened_anew()
            return self._opened[1]


def _check_query(query: str) -> None:
    if not is_locator(query):
        raise SourceError(f"{query[:80]!r} names no service; write {FORMS}")
    parse_locator(query)


def _holding(index: Index, text: str) -> list[str]:
    try:
        return index.bm25.holding(text)
    except IndexDamagedError:  # being replaced just now: titles and names are searched all the same
        return []


def _alike(index: Index, paper_id: str) -> list[tuple[str, float]]:
    try:
        return index.similar(paper_id, _SIMILAR)
    except PaperDamagedError:
        raise
    except IndexDamagedError:
        return []
