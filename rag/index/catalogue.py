"""The truth about which papers there are: one SQLite file. The index is derived from it.

A row that holds a record holds its checksum too, over all that the row says of it, and a record is
checked whenever it is read: what is not as it was written is quoted to nobody.
"""

from collections.abc import Iterable, Mapping, Sequence

from footnote.rag.core.records import Paper
from footnote.rag.index import text_facts
from footnote.rag.index.served import ServedPapers
from footnote.rag.index.stored import (
    AMONG,
    SERVED,
    Part,
    Regrouping,
    Version,
    checksum_of,
    is_whole,
    listed,
    packed,
)


class Catalogue(ServedPapers):
    """All papers of one index folder, read and written. Safe to use from several threads."""

    def mark_described(self, papers: Iterable[Paper]) -> None:
        """Note that the vector store's rows say what the records of these say."""
        with self._explained(), self._db:
            self._mark_described(papers)

    def _mark_described(self, papers: Iterable[Paper]) -> None:
        self._db.execute(
            f"UPDATE facts SET described = fields {AMONG}",  # noqa: S608
            [listed(paper.paper_id for paper in papers)],
        )

    def save(
        self, papers: Iterable[tuple[Paper, Iterable[str]]], records: Mapping[str, str]
    ) -> None:
        """Add or replace papers, all or none.

        A version that is indexed is served until a later one is.

        Args:
            papers: Each with its identity keys.
            records: Fingerprints of the records taken in, with the id of the paper of each.
        """
        with self._explained(), self._db:
            for paper, keys in papers:
                self._save(paper)
                self._save_keys(paper, keys)
            self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?)", records.items())

    def _save(self, paper: Paper) -> None:
        # A version that was never marked may be in the index in part.
        self._db.execute(
            "INSERT OR IGNORE INTO tombstones SELECT paper_id, version FROM papers"
            " WHERE paper_id = ? AND version <> ? AND indexed IS NOT version",
            (paper.paper_id, paper.version),
        )
        record = paper.model_dump_json()
        checksum = checksum_of(record.encode(), paper.paper_id, paper.version)
        is_served = "indexed IS NULL OR indexed = excluded.version"
        self._db.execute(
            "INSERT INTO papers (paper_id, record, version, checksum) VALUES (?, ?, ?, ?)"  # noqa: S608
            f" ON CONFLICT DO UPDATE SET held_checksum = CASE WHEN {is_served} THEN NULL"
            "  WHEN held IS NULL THEN checksum ELSE held_checksum END,"
            f" held = CASE WHEN {is_served} THEN NULL ELSE coalesce(held, record) END,"
            " record = excluded.record, version = excluded.version, checksum = excluded.checksum",
            (paper.paper_id, record, paper.version, checksum),
        )

    def _save_keys(self, paper: Paper, keys: Iterable[str]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO keys VALUES (?, ?)", [(key, paper.paper_id) for key in keys]
        )

    def _save_parts(self, paper_id: str, parts: Iterable[Part]) -> None:
        rows = [
            (
                *(p.part_id, paper_id, record, p.apart),
                checksum_of(record, paper_id, *p.own),
                p.cleaning,
            )
            for p in parts
            for record in [packed(p.paper)]
        ]
        self._db.executemany(
            "INSERT OR REPLACE INTO parts (part_id, paper_id, record, apart, checksum, cleaning)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO records VALUES (?, ?)", [row[:2] for row in rows]
        )

    def regroup(self, change: Regrouping) -> None:
        """Replace papers by what their parts now are, all or none."""
        gone = listed(change.gone)
        touched = listed([*(paper.paper_id for paper, _ in change.papers), *change.gone])
        among = "WHERE paper_id IN (SELECT value FROM json_each(?))"
        moved = [(new, old) for old, new in change.aliases.items() if old in change.gone]
        with self._explained(), self._db:
            for version in ("version", "indexed"):
                self._db.execute(
                    f"INSERT OR IGNORE INTO tombstones SELECT paper_id, {version} FROM papers"  # noqa: S608
                    f" {among} AND {version} IS NOT NULL",
                    [gone],
                )
            for table in ("keys", "aliases", "parts"):
                self._db.execute(f"DELETE FROM {table} {among}", [touched])  # noqa: S608
            self._db.execute(f"DELETE FROM papers {among}", [gone])  # noqa: S608
            for paper, keys in change.papers:
                self._save(paper)
                self._save_keys(paper, keys)
            for paper_id, parts in change.parts.items():
                self._save_parts(paper_id, parts)
            self._db.executemany(
                "INSERT OR IGNORE INTO aliases VALUES (?, ?)", change.aliases.items()
            )
            self._db.executemany("UPDATE records SET paper_id = ? WHERE paper_id = ?", moved)

    def remove(self, paper_ids: Iterable[str]) -> None:
        """Forget papers, all or none; nothing serves them from now on.

        What the index holds of them is listed in `tombstones`. Their records are forgotten too, so
        that taking in the same source again brings them back.
        """
        ids = list(paper_ids)
        among = "WHERE paper_id IN (SELECT value FROM json_each(?))"
        with self._explained(), self._db:
            for version in ("version", "indexed"):
                self._db.execute(
                    f"INSERT OR IGNORE INTO tombstones SELECT paper_id, {version} FROM papers"  # noqa: S608
                    f" {among} AND {version} IS NOT NULL",
                    [listed(ids)],
                )
            for table in ("keys", "records", "parts", "aliases", "papers"):
                self._db.execute(f"DELETE FROM {table} {among}", [listed(ids)])  # noqa: S608

    def restore(
        self, papers: Iterable[Paper] = (), parts: Mapping[str, Sequence[Part]] | None = None
    ) -> None:
        """Write papers and parts in place of what is not as it was written, all or none.

        Args:
            papers: What is served of one, if it is damaged too, is served no more until the index
                holds it anew.
            parts: Parts by the id of the paper of each; its other parts stay.
        """
        with self._explained(), self._db:
            for paper_id, own in (parts or {}).items():
                self._save_parts(paper_id, own)
            for paper in papers:
                self._restore(paper)

    def _restore(self, paper: Paper) -> None:
        sql = f"SELECT {SERVED}, held FROM papers WHERE paper_id = ?"  # noqa: S608
        [(_, indexed, *served, held)] = self._db.execute(sql, [paper.paper_id])
        keeps = indexed == paper.version or (
            held is not None and is_whole((paper.paper_id, indexed, *served))
        )
        if indexed is not None and not keeps:
            self._db.execute(
                "INSERT OR IGNORE INTO tombstones VALUES (?, ?)", (paper.paper_id, indexed)
            )
            self._db.execute(
                "UPDATE papers SET indexed = NULL, held = NULL, held_checksum = NULL,"
                " n_chunks = NULL WHERE paper_id = ?",
                [paper.paper_id],
            )
        record = paper.model_dump_json()
        checksum = checksum_of(record.encode(), paper.paper_id, paper.version)
        self._db.execute(
            "UPDATE papers SET record = ?, version = ?, checksum = ? WHERE paper_id = ?",
            (record, paper.version, checksum, paper.paper_id),
        )
        self._db.execute("UPDATE state SET epoch = epoch + 1")

    def mark_indexed(self, papers: Sequence[Paper]) -> None:
        """Note that the index now holds these versions whole, and serve them."""
        with self._explained(), self._db:
            self._mark(papers)

    def mark_searchable(self, papers: Sequence[Paper]) -> None:
        """Note that the words of these, which were not served yet, can be searched; serve them."""
        with self._explained(), self._db:
            self._db.executemany(
                "UPDATE papers SET indexed = ? WHERE paper_id = ? AND indexed IS NULL",
                [(paper.version, paper.paper_id) for paper in papers],
            )
            for fact in text_facts.EACH:
                fact.note(self._db, papers)
            self._db.execute("UPDATE state SET epoch = epoch + 1")

    def clear_tombstones(self, versions: Iterable[Version]) -> None:
        """Note that the index no longer holds anything of these."""
        with self._explained(), self._db:
            self._db.executemany(
                "DELETE FROM tombstones WHERE paper_id = ? AND version = ?", versions
            )
            self._db.execute("UPDATE state SET epoch = epoch + 1")

    def begin(self, snapshot: str | None) -> None:
        """Put an empty index in force, or none."""
        with self._explained(), self._db:
            self._db.execute(
                "UPDATE papers SET indexed = NULL, held = NULL,"
                " held_checksum = NULL, n_chunks = NULL"
            )
            self._switch(snapshot)

    def switch(self, snapshot: str) -> None:
        """Put another index in force, at once: one that holds every paper as it is now."""
        with self._explained(), self._db:
            self._db.execute(
                "UPDATE papers SET indexed = version, held = NULL, held_checksum = NULL,"
                " n_chunks = json_array_length(record, '$.sentences')"
            )
            self._db.execute("UPDATE facts SET described = fields")
            for fact in text_facts.EACH:
                fact.note_lacking(self._db, self._rows)
            self._switch(snapshot)

    def _switch(self, snapshot: str | None) -> None:
        self._db.execute("DELETE FROM tombstones")
        self._db.execute("UPDATE state SET snapshot = ?, epoch = epoch + 1", (snapshot,))

    def _mark(self, papers: Sequence[Paper]) -> None:
        rows = [(p.version, len(p.sentences), p.paper_id) for p in papers]
        self._db.executemany(
            "INSERT OR IGNORE INTO tombstones SELECT paper_id, indexed FROM papers"
            " WHERE indexed <> ? AND paper_id = ?",
            [(version, paper_id) for version, _, paper_id in rows],
        )
        self._db.executemany(
            "UPDATE papers SET indexed = ?, n_chunks = ?, held = NULL, held_checksum = NULL"
            " WHERE paper_id = ?",
            rows,
        )
        self._db.executemany(
            "DELETE FROM tombstones WHERE version = ? AND paper_id = ?",
            [(version, paper_id) for version, _, paper_id in rows],
        )
        self._mark_described(papers)
        for fact in text_facts.EACH:
            fact.note(self._db, papers)
        self._db.execute("UPDATE state SET epoch = epoch + 1")
