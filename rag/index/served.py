"""The papers that are served, and what is asked of all of them together."""

from collections.abc import Iterable
from typing import Literal

from footnote.rag.core.records import Paper, fingerprint_of
from footnote.rag.core.request import Filters
from footnote.rag.index import browse, facts, text_facts
from footnote.rag.index.browse import Sheet, Tallied
from footnote.rag.index.catalogue_file import CatalogueFile
from footnote.rag.index.facts import Facts
from footnote.rag.index.stored import AMONG, BY_WORDS, SERVED, listed


class ServedPapers(CatalogueFile):
    """The papers of which the index holds a version, each as it holds it: whole, or its words."""

    def served(self, paper_ids: Iterable[str]) -> dict[str, Paper]:
        """Return the papers among these ids that the index holds, each as it holds it."""
        found = self._papers(
            f"SELECT {SERVED} FROM papers {AMONG} AND indexed IS NOT NULL",  # noqa: S608
            [listed(paper_ids)],
        )
        return {paper.paper_id: paper for paper in found}

    def served_after(self, paper_id: str, limit: int) -> list[Paper]:
        """Return up to `limit` papers that the index holds, by id, from after `paper_id`."""
        return self._papers(
            f"SELECT {SERVED} FROM papers"  # noqa: S608
            " WHERE indexed IS NOT NULL AND paper_id > ? ORDER BY paper_id LIMIT ?",
            (paper_id, limit),
        )

    def most_liked(self, limit: int) -> list[Paper]:
        """Return up to `limit` papers that are served: most upvotes first, then the newest."""
        sql = (
            "SELECT paper_id FROM facts ORDER BY coalesce(upvotes, 0) DESC, date DESC, paper_id"
            " LIMIT ?"
        )
        ids = [paper_id for (paper_id,) in self._rows(sql, [limit])]
        found = self.served(ids)
        return [found[each] for each in ids if each in found]

    def count_stating(self) -> int:
        """Count the served papers that state a measured value."""
        return text_facts.FIGURES.count(self._rows)

    def matching(self, filters: Filters) -> frozenset[str]:
        """Return the ids of the served papers that may answer; all where nothing is filtered."""
        return facts.matching(self._rows, filters)

    def words_left_out(self, filters: Filters) -> list[str]:
        """Return what of `without` is no organisation: papers that say it have to be left out."""
        return facts.words_left_out(self._rows, filters)

    def is_organisation(self, name: str) -> bool:
        """Return True if a paper that is served is of an organisation so called, in any case."""
        return facts.is_organisation(self._rows, name)

    def facts(self, paper_ids: Iterable[str]) -> list[Facts]:
        """Return the facts of those of these papers that are served, by title, then by id."""
        return facts.facts_of(self._rows, paper_ids)

    def names(self, kind: Literal["author", "source"], paper_ids: Iterable[str]) -> dict[str, int]:
        """Count the served papers among these that have each author or source, most first."""
        return facts.names_of(self._rows, kind, paper_ids)

    def sources(self, paper_ids: Iterable[str]) -> dict[str, list[str]]:
        """Return the names of the sources that each of these papers was seen in, in order."""
        return facts.sources_of(self._rows, paper_ids)

    def names_authors(self) -> bool:
        """Return True if the record of any served paper names an author."""
        return bool(self._rows("SELECT 1 FROM names WHERE kind = 'author' LIMIT 1"))

    def sheet(
        self, sheet: Sheet, with_words: Iterable[str] = ()
    ) -> tuple[int, list[Facts], dict[str, list[str]]]:
        """Read a page of the table of papers served; see `browse.read_sheet`."""
        return browse.read_sheet(self._rows, sheet, with_words)

    def tally(self, by: Tallied) -> list[tuple[str | None, int]]:
        """Count the papers served by what their records say; see `browse.tally`."""
        return browse.tally(self._rows, by)

    def count_undescribed(self) -> int:
        """Count the served papers of which the vector store's rows say something else."""
        return self._rows("SELECT count(*) FROM facts WHERE described IS NOT fields")[0][0]

    def undescribed(self, limit: int) -> list[Paper]:
        """Return up to `limit` served papers of which the vector store's rows say something else.

        Beside their text, which a version is.
        """
        sql = "SELECT paper_id FROM facts WHERE described IS NOT fields ORDER BY paper_id LIMIT ?"
        return list(self.served(paper_id for (paper_id,) in self._rows(sql, [limit])).values())

    def count_by_words(self) -> int:
        """Count the served papers that are found by their words alone: not embedded yet."""
        sql = f"SELECT count(*) FROM papers WHERE {BY_WORDS} AND paper_id > ''"  # noqa: S608
        return self._rows(sql)[0][0]

    def count_coming(self) -> int:
        """Count the papers that are not served yet, or not as they are now."""
        return self.count_pending() - self.count_by_words()

    def by_words(self, paper_ids: Iterable[str]) -> list[str]:
        """Return those of these papers that are found by their words alone, in this order."""
        ids = list(paper_ids)
        sql = f"SELECT paper_id FROM papers {AMONG} AND {BY_WORDS}"  # noqa: S608
        found = {paper_id for (paper_id,) in self._rows(sql, [listed(ids)])}
        return [each for each in ids if each in found]

    def worded(self, papers: Iterable[Paper]) -> set[str]:
        """Return the ids of those of these papers that are found by the words they have now."""
        versions = {paper.paper_id: paper.version for paper in papers}
        sql = f"SELECT paper_id, indexed FROM papers {AMONG} AND {BY_WORDS}"  # noqa: S608
        rows = self._rows(sql, [listed(versions)])
        return {paper_id for paper_id, indexed in rows if indexed == versions[paper_id]}

    def embedded_versions(self) -> dict[str, str]:
        """Return the version of each paper that the index holds whole, by paper id."""
        embedded = "indexed IS NOT NULL AND n_chunks IS NOT NULL"
        return dict(self._rows(f"SELECT paper_id, indexed FROM papers WHERE {embedded}"))  # noqa: S608

    def count_served(self) -> int:
        """Count the papers that the index holds, whole or by their words."""
        return self._rows("SELECT count(*) FROM papers WHERE indexed IS NOT NULL")[0][0]

    def fingerprint(self) -> str:
        """Return what depends on the version of every paper that the index holds, and on no more.

        One that is found by its words alone is told from one that is held whole. Reads an index of
        SQLite's alone: some 0.1 s for 100,000 papers.
        """
        sql = (
            "SELECT iif(n_chunks IS NULL, indexed || ' by words', indexed) FROM papers"
            " WHERE indexed IS NOT NULL ORDER BY indexed, version, n_chunks"
        )
        with self._explained():
            # Read on the way: of a million papers the list of them all takes 150 MB.
            return fingerprint_of(version for (version,) in self._db.execute(sql))

    def served_versions(self) -> dict[str, str]:
        """Return the version that the index holds of each paper, by paper id."""
        sql = "SELECT paper_id, indexed FROM papers WHERE indexed IS NOT NULL"
        return dict(self._rows(sql))

    def count_chunks(self) -> int:
        """Count the chunks that the index holds, of all papers."""
        return self._rows(
            "SELECT coalesce(sum(n_chunks), 0) FROM papers WHERE indexed IS NOT NULL"
        )[0][0]
