"""The truth about which papers there are: one SQLite file. The index is derived from it.

A row that holds a record holds its checksum too, over all that the row says of it, and a record is
checked whenever it is read: what is not as it was written is quoted to nobody.
"""

import json
import sqlite3
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

from footnote.rag.core.errors import IndexDamagedError, IndexMissingError, PaperDamagedError
from footnote.rag.core.records import Paper, fingerprint_of
from footnote.rag.core.request import Filters
from footnote.rag.index import browse, facts, figures
from footnote.rag.index.browse import Sheet, Tallied
from footnote.rag.index.durable import make_file
from footnote.rag.index.facts import Facts
from footnote.rag.index.readonly import connect, stamp

_SCHEMA = """
CREATE TABLE IF NOT EXISTS papers (
    paper_id TEXT PRIMARY KEY,
    record   TEXT NOT NULL,
    version  TEXT NOT NULL,
    indexed  TEXT,            -- the version that the index holds, null for none
    held     TEXT,            -- the record of that version, where `record` is a later one
    n_chunks INTEGER,         -- how many chunks of it the index holds
    checksum INTEGER,         -- of the id, `version` and `record`
    held_checksum INTEGER     -- of the id, `indexed` and `held`
);
CREATE TABLE IF NOT EXISTS records (
    fingerprint TEXT PRIMARY KEY,   -- of a record as its source shows it
    paper_id    TEXT NOT NULL REFERENCES papers
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS keys (
    key      TEXT NOT NULL,
    paper_id TEXT NOT NULL REFERENCES papers,
    PRIMARY KEY (key, paper_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    part_id  TEXT PRIMARY KEY,      -- fingerprint of one record
    paper_id TEXT NOT NULL REFERENCES papers,
    record   BLOB NOT NULL,         -- the paper that this record alone would be, as `_packed`
    apart    TEXT,                  -- parts that a person told apart differ here
    checksum INTEGER,               -- of the ids, `apart` and `record`
    cleaning TEXT                   -- by which the paper was made of the record
);
CREATE INDEX IF NOT EXISTS parts_of_paper ON parts (paper_id);
CREATE TABLE IF NOT EXISTS aliases (
    alias    TEXT PRIMARY KEY,      -- an id that was or could have been this paper's
    paper_id TEXT NOT NULL REFERENCES papers
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tombstones (  -- what the index may hold and nothing asks for any more
    paper_id TEXT NOT NULL,
    version  TEXT NOT NULL,
    PRIMARY KEY (paper_id, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (       -- one row
    only     INTEGER PRIMARY KEY CHECK (only = 1),
    epoch    INTEGER NOT NULL,           -- raised whenever the index has changed
    snapshot TEXT                        -- name of the folder that holds the index; null for none
);
"""
# Papers that are asked for again and again; each takes some 10 kB.
_KEPT_PAPERS = 512
# What an earlier version called its tables and columns, and did not have.
_OLD_TABLE, _OLD_COLUMN = "leftovers", "generation"
_ADDED_COLUMNS = {
    "papers": {
        "held": "TEXT",
        "n_chunks": "INTEGER",
        "checksum": "INTEGER",
        "held_checksum": "INTEGER",
    },
    "parts": {"checksum": "INTEGER", "cleaning": "TEXT"},
}
# Not with the tables: an earlier version's lack the columns until they are added.
_INDEXES = """
CREATE INDEX IF NOT EXISTS papers_by_state ON papers (indexed, version, n_chunks);
"""
# So that no record is read where ids alone are asked for: of the few that are pending while many
# are indexed, and of those that are served. And so that a batch that is taken in, or a paper that
# is removed, reads its own keys, and not those of all papers.
_OF_IDS = """
CREATE INDEX IF NOT EXISTS papers_pending ON papers (paper_id) WHERE indexed IS NOT version;
CREATE INDEX IF NOT EXISTS papers_served ON papers (indexed, paper_id) WHERE indexed IS NOT NULL;
CREATE INDEX IF NOT EXISTS keys_of_paper ON keys (paper_id);
CREATE INDEX IF NOT EXISTS records_of_paper ON records (paper_id);
CREATE INDEX IF NOT EXISTS aliases_of_paper ON aliases (paper_id);
"""


# A record as bytes: what is damaged need not be text any more.
_RECORD = "paper_id, version, CAST(record AS BLOB), checksum"
_SERVED = (
    "paper_id, indexed, CAST(coalesce(held, record) AS BLOB),"
    " iif(held IS NULL, checksum, held_checksum)"
)
_PART = "paper_id, part_id, apart, CAST(record AS BLOB), checksum, cleaning"
_AMONG = "WHERE paper_id IN (SELECT value FROM json_each(?))"


# Papers that are read at once where all of them are.
_AT_ONCE = 500


class State(NamedTuple):
    """Which index the catalogue describes; equal for as long as nothing was written to it."""

    snapshot: str | None
    epoch: int


class Version(NamedTuple):
    """One version of a paper, as the index knows it."""

    paper_id: str
    version: str


class Part(NamedTuple):
    """One record of a paper, kept so that merging can be explained and undone."""

    part_id: str
    """Fingerprint of the record."""
    paper: Paper
    """What this record alone would be."""
    apart: str | None = None
    """Two parts for which both have this, and differ in it, are never one paper."""
    cleaning: str | None = None
    """By which the paper was made of the record; None for an earlier program's."""

    @property
    def own(self) -> tuple[str, str | None]:
        """What its row says beside the paper."""
        return self.part_id, self.apart


class Damage(NamedTuple):
    """What is not as it was written."""

    papers: Sequence[str]
    """Ids of papers."""
    records: Mapping[str, str]
    """Fingerprints of records, as they were taken in, with the id of the paper of each."""


class Regrouping(NamedTuple):
    """Papers made anew from their parts."""

    papers: Sequence[tuple[Paper, Iterable[str]]]
    """Each with its identity keys; they replace those of the same id."""
    parts: Mapping[str, Sequence[Part]]
    """All parts of each of them, by paper id."""
    aliases: Mapping[str, str]
    """Further ids under which they are found."""
    gone: Sequence[str]
    """Ids that are papers no more."""


_PUT_BACK = (
    "put a copy of it back and run `footnote rebuild`, or delete the folder and take the papers in "
    "again"
)


class Catalogue:
    """All papers of one index folder. Safe to use from several threads."""

    def __init__(self, file: Path, *, create: bool = False):
        """Open the file.

        Raises:
            IndexMissingError: It does not exist, and `create` is false.
            IndexDamagedError: It is not a catalogue, or may not be written.
        """
        if file.is_file() and not file.stat().st_size and _has_index(file.parent):
            raise IndexDamagedError(f"catalogue {file} is empty beside an index; {_PUT_BACK}")
        if not create and not file.is_file():
            raise IndexMissingError(
                f"no index in {file.parent}",
                "run `footnote ingest PATH` or name one with --index",
            )
        self.file = file
        with self._explained():
            if create:
                make_file(file)
            self._db, self._stamp = connect(file, create=create)
            # What is no text any more must not keep the rest from being read.
            self._db.text_factory = partial(str, encoding="utf-8", errors="replace")
            # Each transaction is on disk when it ends: what was there before it is then deleted.
            self._db.execute("PRAGMA synchronous = FULL")
            self._make_tables()

    def is_in_place(self) -> bool:
        """Return True if the file at its place is still the one that is open.

        Raises:
            IndexMissingError: There is none any more.
        """
        try:
            return stamp(self.file, watched=self._stamp.is_watched) == self._stamp
        except OSError as error:
            raise IndexMissingError(
                f"index {self.file.parent} is gone: it was deleted or moved while this program had "
                "it open",
                "put it back, or take the papers in again with `footnote ingest PATH`",
            ) from error

    def __len__(self) -> int:
        """Count the papers."""
        return self._rows("SELECT count(*) FROM papers")[0][0]

    def find(self, keys: Iterable[str]) -> list[Paper]:
        """Find the papers that share at least one of the identity keys, by id."""
        return self._papers(
            f"SELECT {_RECORD} FROM papers WHERE paper_id IN (SELECT paper_id FROM keys"  # noqa: S608
            " WHERE key IN (SELECT value FROM json_each(?))) ORDER BY paper_id",
            [_listed(keys)],
        )

    def get(self, paper_ids: Iterable[str]) -> dict[str, Paper]:
        """Return the papers among these ids that exist."""
        found = self._papers(f"SELECT {_RECORD} FROM papers {_AMONG}", [_listed(paper_ids)])  # noqa: S608
        return {paper.paper_id: paper for paper in found}

    def known(self, paper_ids: Iterable[str]) -> set[str]:
        """Return those of these ids that are papers, whole or not."""
        rows = self._rows(f"SELECT paper_id FROM papers {_AMONG}", [_listed(paper_ids)])  # noqa: S608
        return {paper_id for (paper_id,) in rows}

    def papers(self) -> list[Paper]:
        """Return every paper, by title."""
        papers = self._papers(f"SELECT {_RECORD} FROM papers", ())  # noqa: S608
        return sorted(papers, key=lambda p: (p.title.casefold(), p.paper_id))

    def papers_of_records(self, fingerprints: Iterable[str]) -> dict[str, str]:
        """Return the ids of the papers that these records already went into, by fingerprint."""
        return dict(
            self._rows(
                "SELECT fingerprint, paper_id FROM records"
                " WHERE fingerprint IN (SELECT value FROM json_each(?))",
                [_listed(fingerprints)],
            )
        )

    def served(self, paper_ids: Iterable[str]) -> dict[str, Paper]:
        """Return the papers among these ids that the index holds whole, each as it holds it."""
        found = self._papers(
            f"SELECT {_SERVED} FROM papers {_AMONG} AND indexed IS NOT NULL",  # noqa: S608
            [_listed(paper_ids)],
        )
        return {paper.paper_id: paper for paper in found}

    def served_after(self, paper_id: str, limit: int) -> list[Paper]:
        """Return up to `limit` papers that the index holds whole, by id, from after `paper_id`."""
        return self._papers(
            f"SELECT {_SERVED} FROM papers"  # noqa: S608
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
        return figures.count_stating(self._rows)

    def matching(self, filters: Filters) -> frozenset[str]:
        """Return the ids of the served papers that may answer; all where nothing is filtered."""
        return facts.matching(self._rows, filters)

    def facts(self, paper_ids: Iterable[str]) -> list[Facts]:
        """Return the facts of those of these papers that are served, by title, then by id."""
        return facts.facts_of(self._rows, paper_ids)

    def names(self, kind: Literal["author", "source"], paper_ids: Iterable[str]) -> dict[str, int]:
        """Count the served papers among these that have each author or source, most first."""
        return facts.names_of(self._rows, kind, paper_ids)

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

    def mark_described(self, papers: Iterable[Paper]) -> None:
        """Note that the vector store's rows say what the records of these say."""
        with self._explained(), self._db:
            self._mark_described(papers)

    def _mark_described(self, papers: Iterable[Paper]) -> None:
        self._db.execute(
            f"UPDATE facts SET described = fields {_AMONG}",  # noqa: S608
            [_listed(paper.paper_id for paper in papers)],
        )

    def after(self, paper_id: str, limit: int) -> list[Paper]:
        """Return up to `limit` papers, by id, from the one after `paper_id` on."""
        return self._papers(
            f"SELECT {_RECORD} FROM papers WHERE paper_id > ? ORDER BY paper_id LIMIT ?",  # noqa: S608
            (paper_id, limit),
        )

    def each_paper(self) -> Iterator[Paper]:
        """Yield every paper, by id, of which few are read at once."""
        last = ""
        while papers := self.after(last, _AT_ONCE):
            yield from papers
            last = papers[-1].paper_id

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
        checksum = _checksum(record.encode(), paper.paper_id, paper.version)
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
                _checksum(record, paper_id, *p.own),
                p.cleaning,
            )
            for p in parts
            for record in [_packed(p.paper)]
        ]
        self._db.executemany(
            "INSERT OR REPLACE INTO parts (part_id, paper_id, record, apart, checksum, cleaning)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            rows,
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO records VALUES (?, ?)", [row[:2] for row in rows]
        )

    def keys_of(self, paper_ids: Iterable[str], *, shared_by: int) -> set[str]:
        """Return the identity keys of these papers that at most `shared_by` papers have."""
        return {
            key
            for (key,) in self._rows(
                "SELECT DISTINCT key FROM keys k"
                " WHERE paper_id IN (SELECT value FROM json_each(?)) AND ? >="
                " (SELECT count(*) FROM (SELECT 1 FROM keys WHERE key = k.key LIMIT ? + 1))",
                [_listed(paper_ids), shared_by, shared_by],
            )
        }

    def crowded(self, keys: Iterable[str], *, shared_by: int) -> set[str]:
        """Return those of the keys that more than `shared_by` papers have."""
        return {
            key
            for (key,) in self._rows(
                "SELECT value FROM json_each(?) WHERE ? <"
                " (SELECT count(*) FROM (SELECT 1 FROM keys WHERE key = value LIMIT ? + 1))",
                [_listed(keys), shared_by, shared_by],
            )
        }

    def parts_of(self, papers: Iterable[Paper]) -> dict[str, list[Part]]:
        """Return the parts of each paper by its id; one saved without any is its own only part."""
        known = {paper.paper_id: paper for paper in papers}
        parts: dict[str, list[Part]] = {paper_id: [] for paper_id in known}
        for paper_id, part in self._parts(known):
            parts[paper_id].append(part)
        for paper_id, held in parts.items():
            if not held:
                held.append(Part(f"paper:{paper_id}", known[paper_id]))
        return parts

    def _parts(self, paper_ids: Iterable[str]) -> list[tuple[str, Part]]:
        """Return the parts of these papers by id, each with the id of its paper.

        Raises:
            PaperDamagedError: One is not as it was written.
        """
        rows = self._rows(
            f"SELECT {_PART} FROM parts {_AMONG} ORDER BY part_id",  # noqa: S608
            [_listed(paper_ids)],
        )
        if damaged := dict.fromkeys(row[0] for row in rows if not _is_whole_part(row)):
            raise PaperDamagedError(self.file, list(damaged), restorable=False)
        return [
            (paper_id, Part(part_id, self._paper(_unpacked(record)), apart, cleaning))
            for paper_id, part_id, apart, record, _, cleaning in rows
        ]

    def oldest_first(self, paper_ids: Iterable[str]) -> list[str]:
        """Return the papers among these ids, in the order in which they were first taken in."""
        return [
            paper_id
            for (paper_id,) in self._rows(
                "SELECT paper_id FROM papers WHERE paper_id IN (SELECT value FROM json_each(?))"
                " ORDER BY rowid",
                [_listed(paper_ids)],
            )
        ]

    def resolve(self, paper_id: str) -> str | None:
        """Return the id of the paper that is, was or could have been known by this one."""
        found = self._rows(
            "SELECT paper_id FROM papers WHERE paper_id = :id UNION ALL"
            " SELECT a.paper_id FROM aliases a JOIN papers USING (paper_id) WHERE alias = :id",
            {"id": paper_id},
        )
        return found[0][0] if found else None

    def aliases(self) -> dict[str, str]:
        """Return the ids of papers by the further ids under which they are found."""
        return dict(self._rows("SELECT alias, paper_id FROM aliases"))

    def aliases_of(self, paper_id: str) -> list[str]:
        """Return the further ids under which a paper is found, sorted."""
        return [
            alias
            for (alias,) in self._rows(
                "SELECT alias FROM aliases WHERE paper_id = ? AND alias <> paper_id ORDER BY alias",
                [paper_id],
            )
        ]

    def regroup(self, change: Regrouping) -> None:
        """Replace papers by what their parts now are, all or none."""
        gone = _listed(change.gone)
        touched = _listed([*(paper.paper_id for paper, _ in change.papers), *change.gone])
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
                    [_listed(ids)],
                )
            for table in ("keys", "records", "parts", "aliases", "papers"):
                self._db.execute(f"DELETE FROM {table} {among}", [_listed(ids)])  # noqa: S608

    def damage(self) -> Damage:
        """List the papers and records that are not as they were written; reads all of them."""
        papers = [
            row[0]
            for row in self._rows(f"SELECT {_RECORD} FROM papers ORDER BY paper_id")  # noqa: S608
            if not _is_whole(row)
        ]
        papers += [
            row[0]
            for row in self._rows(f"SELECT {_SERVED} FROM papers WHERE indexed IS NOT NULL")  # noqa: S608
            if not _is_whole(row)
        ]
        records = {
            row[1]: row[0]
            for row in self._rows(f"SELECT {_PART} FROM parts ORDER BY part_id")  # noqa: S608
            if not _is_whole_part(row)
        }
        return Damage(list(dict.fromkeys(papers)), records)

    def records_of(self, paper_ids: Iterable[str]) -> dict[str, str]:
        """Return fingerprints of the records that went into these papers, with each's paper id."""
        sql = f"SELECT fingerprint, paper_id FROM records {_AMONG}"  # noqa: S608
        return dict(self._rows(sql, [_listed(paper_ids)]))

    def fingerprints(self) -> frozenset[str]:
        """Return the fingerprints of all records that were taken in."""
        return frozenset(row for (row,) in self._rows("SELECT fingerprint FROM records"))

    def never_indexed(self) -> list[str]:
        """Return the ids of the papers of which the index holds no version."""
        rows = self._rows("SELECT paper_id FROM papers WHERE indexed IS NULL ORDER BY paper_id")
        return [paper_id for (paper_id,) in rows]

    def whole_parts(self, paper_id: str) -> list[Part]:
        """Return the parts that a paper can be made of anew, in order of their ids; or none.

        A part that is not as it was written is the paper itself, if that is whole and has no other.
        """
        try:
            return [part for _, part in self._parts([paper_id])]
        except PaperDamagedError:
            sql = f"SELECT part_id, apart, cleaning FROM parts {_AMONG}"  # noqa: S608
            rows = self._rows(sql, [_listed([paper_id])])
            own = self._rows(f"SELECT {_RECORD} FROM papers WHERE paper_id = ?", [paper_id])  # noqa: S608
            if len(rows) > 1 or not own or not _is_whole(own[0]):
                return []
            [(part_id, apart, cleaning)] = rows
            return [Part(part_id, self._paper(own[0][2]), apart, cleaning)]

    def cleaned_otherwise(self, part_ids: Iterable[str], cleaning: str) -> set[str]:
        """Return those of these parts that were not made by this cleaning."""
        sql = (
            "SELECT part_id FROM parts WHERE cleaning IS NOT ?"
            " AND part_id IN (SELECT value FROM json_each(?))"
        )
        return {part_id for (part_id,) in self._rows(sql, [cleaning, _listed(part_ids)])}

    def told_apart(self, part_ids: Iterable[str]) -> set[str]:
        """Return those of these parts that a person told apart from others."""
        sql = (
            "SELECT part_id FROM parts WHERE apart IS NOT NULL"
            " AND part_id IN (SELECT value FROM json_each(?))"
        )
        return {part_id for (part_id,) in self._rows(sql, [_listed(part_ids)])}

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
        sql = f"SELECT {_SERVED}, held FROM papers WHERE paper_id = ?"  # noqa: S608
        [(_, indexed, *served, held)] = self._db.execute(sql, [paper.paper_id])
        keeps = indexed == paper.version or (
            held is not None and _is_whole((paper.paper_id, indexed, *served))
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
        checksum = _checksum(record.encode(), paper.paper_id, paper.version)
        self._db.execute(
            "UPDATE papers SET record = ?, version = ?, checksum = ? WHERE paper_id = ?",
            (record, paper.version, checksum, paper.paper_id),
        )
        self._db.execute("UPDATE state SET epoch = epoch + 1")

    def faults(self) -> list[str]:
        """List what is wrong with the file, a line each with what to do; reads all of it."""
        found = [
            f"catalogue {self.file} is damaged: {line}; {_PUT_BACK}"
            for (line,) in self._rows("PRAGMA integrity_check(3)")
            if line != "ok"
        ]
        damage = self.damage()
        return found + [
            str(self._damaged([paper_id]))
            for paper_id in dict.fromkeys([*damage.papers, *damage.records.values()])
        ]

    def _damaged(self, paper_ids: Sequence[str]) -> PaperDamagedError:
        restorable = all(self.whole_parts(paper_id) for paper_id in paper_ids)
        return PaperDamagedError(self.file, paper_ids, restorable=restorable)

    def count_pending(self) -> int:
        """Count the papers that the index does not hold as they are now."""
        # An id is never empty; asked so, the index of those alone is counted.
        sql = "SELECT count(*) FROM papers WHERE indexed IS NOT version AND paper_id > ''"
        return self._rows(sql)[0][0]

    def count_served(self) -> int:
        """Count the papers that the index holds."""
        return self._rows("SELECT count(*) FROM papers WHERE indexed IS NOT NULL")[0][0]

    def fingerprint(self) -> str:
        """Return what depends on the version of every paper that the index holds, and on no more.

        Reads an index of SQLite's alone: some 0.1 s for 100,000 papers.
        """
        sql = "SELECT indexed FROM papers WHERE indexed IS NOT NULL ORDER BY indexed"
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

    def pending(self, limit: int, after: str = "") -> list[Paper]:
        """Return up to `limit` papers that the index does not hold as they are now, by id.

        Args:
            limit: How many at most.
            after: The id of a paper; from the one after it on.
        """
        return self._papers(
            f"SELECT {_RECORD} FROM papers WHERE indexed IS NOT version"  # noqa: S608
            " AND paper_id > ? ORDER BY paper_id LIMIT ?",
            (after, limit),
        )

    def tombstones(self) -> list[Version]:
        """Return versions that the index may hold, in part at least, and that are not served."""
        return [
            Version(*row)
            for row in self._rows(
                "SELECT t.paper_id, t.version FROM tombstones t LEFT JOIN papers p"
                " ON p.paper_id = t.paper_id AND p.indexed = t.version WHERE p.paper_id IS NULL"
            )
        ]

    def mark_indexed(self, papers: Sequence[Paper]) -> None:
        """Note that the index now holds these versions whole, and serve them."""
        with self._explained(), self._db:
            self._mark(papers)

    def clear_tombstones(self, versions: Iterable[Version]) -> None:
        """Note that the index no longer holds anything of these."""
        with self._explained(), self._db:
            self._db.executemany(
                "DELETE FROM tombstones WHERE paper_id = ? AND version = ?", versions
            )
            self._db.execute("UPDATE state SET epoch = epoch + 1")

    def state(self) -> State:
        """Return which index is in force, and how often it has changed."""
        return State(*self._rows("SELECT snapshot, epoch FROM state")[0])

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
            figures.note_lacking(self._db, self._rows)
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
        figures.note(self._db, papers)
        self._db.execute("UPDATE state SET epoch = epoch + 1")

    def _make_tables(self) -> None:
        if self._has_old_names():
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                self._rename_old()
        self._db.executescript(_SCHEMA)
        if self._lacking():
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                lacking = self._lacking()
                for table, column in lacking:
                    kind = _ADDED_COLUMNS[table][column]
                    self._db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
                if ("parts", "checksum") in lacking:
                    self._add_checksums()
        self._db.executescript(_INDEXES)
        # An earlier version's that cannot be written is read without it.
        with suppress(sqlite3.OperationalError):
            self._db.executescript(_OF_IDS)
        facts.prepare(self._db)
        figures.prepare(self._db)
        # Asked first: a reader must not wait for a writer in order to write what is there already.
        if not self._db.execute("SELECT 1 FROM state").fetchone():
            with self._db:
                self._db.execute("INSERT OR IGNORE INTO state VALUES (1, 0, NULL)")

    def _lacking(self) -> list[tuple[str, str]]:
        """List the tables and columns that an earlier version did not make."""
        return [
            (table, column)
            for table, columns in _ADDED_COLUMNS.items()
            for there in [self._columns(table)]
            for column in columns
            if column not in there
        ]

    def _columns(self, table: str) -> set[str]:
        return {row[1] for row in self._db.execute(f"PRAGMA table_info({table})")}

    def _has_old_names(self) -> bool:
        return bool(self._columns(_OLD_TABLE)) or _OLD_COLUMN in self._columns("state")

    def _rename_old(self) -> None:
        """Rename what an earlier version named otherwise, unless another process just has."""
        if self._columns(_OLD_TABLE):
            self._db.execute(f"ALTER TABLE {_OLD_TABLE} RENAME TO tombstones")
        if _OLD_COLUMN in self._columns("state"):
            self._db.execute(f"ALTER TABLE state RENAME COLUMN {_OLD_COLUMN} TO snapshot")

    def _add_checksums(self) -> None:
        """Take what an earlier version wrote for what it should be, but for what is plainly not."""
        rows = self._db.execute(f"SELECT {_RECORD} FROM papers").fetchall()  # noqa: S608
        self._db.executemany(
            "UPDATE papers SET checksum = ? WHERE paper_id = ?",
            [
                (_checksum(record, paper_id, version), paper_id)
                for paper_id, version, record, _ in rows
                if _version_of(record) == version
            ],
        )
        rows = self._db.execute(
            "SELECT paper_id, indexed, CAST(held AS BLOB) FROM papers WHERE held IS NOT NULL"
        ).fetchall()
        self._db.executemany(
            "UPDATE papers SET held_checksum = ? WHERE paper_id = ?",
            [
                (_checksum(record, paper_id, indexed), paper_id)
                for paper_id, indexed, record in rows
                if _version_of(record) == indexed
            ],
        )
        rows = self._db.execute(f"SELECT {_PART} FROM parts").fetchall()  # noqa: S608
        self._db.executemany(
            "UPDATE parts SET checksum = ? WHERE part_id = ?",
            [
                (_checksum(record, paper_id, part_id, apart), part_id)
                for paper_id, part_id, apart, record, *_ in rows
            ],
        )

    def _papers(self, sql: str, values: Sequence[object]) -> list[Paper]:
        rows = self._rows(sql, values)
        if damaged := [row[0] for row in rows if not _is_whole(row)]:
            raise self._damaged(damaged)
        return [self._paper(record) for _, _, record, _ in rows]

    def _paper(self, record: bytes) -> Paper:
        try:
            return _read_paper(record)
        except ValueError as error:
            raise IndexDamagedError(
                f"catalogue {self.file} holds a record that is no paper: {error}"
            ) from error

    def _rows(
        self, sql: str, values: Sequence[object] | Mapping[str, object] = ()
    ) -> list[tuple[Any, ...]]:
        with self._explained():
            return self._db.execute(sql, values).fetchall()

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise IndexDamagedError(
                f"catalogue {self.file} cannot be used: {error}", _next_step(error)
            ) from error


@lru_cache(_KEPT_PAPERS)
def _read_paper(record: bytes) -> Paper:
    """Read a paper from its record; the same one for the same record, which cannot be changed."""
    return Paper.model_validate_json(record)


def _has_index(folder: Path) -> bool:
    # The second name is that of an earlier version.
    return any(next(folder.glob(f"{name}/*"), None) for name in ("snapshots", "generations"))


def _checksum(record: bytes, *about: str | None) -> int:
    """Compute the checksum of a record and of what else its row says of it."""
    return zlib.crc32(record, zlib.crc32("\n".join(said or "" for said in about).encode()))


def _packed(paper: Paper) -> bytes:
    """Write a paper as compressed JSON; a part is read only where papers are merged or told apart.

    Less than a third of its size: of most papers title and abstract stand in it twice.
    """
    return zlib.compress(paper.model_dump_json().encode())


def _unpacked(record: bytes) -> bytes:
    """Return the JSON of a part, as `_packed` or as an earlier version wrote it."""
    return record if record.startswith(b"{") else zlib.decompress(record)


def _is_whole(row: Sequence[Any]) -> bool:
    """Return True if a row of `_RECORD` or `_SERVED` is as it was written."""
    paper_id, version, record, checksum, *_ = row
    return _checksum(record, paper_id, version) == checksum


def _is_whole_part(row: Sequence[Any]) -> bool:
    """Return True if a row of `_PART` is as it was written."""
    paper_id, part_id, apart, record, checksum, _ = row
    return _checksum(record, paper_id, part_id, apart) == checksum


def _version_of(record: bytes) -> str | None:
    """Return the version that a record is; None for one that is no paper."""
    try:
        return Paper.model_validate_json(record).version
    except ValueError:
        return None


def _next_step(error: Exception) -> str:
    damaged = ("malformed", "not a database", "no such table", "no such column")
    if any(sign in str(error) for sign in damaged):
        return f"the file is damaged: {_PUT_BACK}"
    if "full" in str(error) or "disk I/O" in str(error):
        return "free some space on that disk and run the same command again"
    return "check the folder's permissions and space, or name another with --index"


def _listed(values: Iterable[str]) -> str:
    # For `json_each`: SQLite limits how many parameters a statement may have.
    return json.dumps(list(values))
