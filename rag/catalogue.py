"""The truth about which papers there are: one SQLite file. The index is derived from it."""

import json
import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from rag.errors import IndexDamagedError, IndexMissingError
from rag.readonly import connect, stamp
from rag.schema import Paper

_SCHEMA = """
CREATE TABLE IF NOT EXISTS papers (
    paper_id TEXT PRIMARY KEY,
    record   TEXT NOT NULL,
    version  TEXT NOT NULL,
    indexed  TEXT,            -- the version that the index holds, null for none
    held     TEXT,            -- the record of that version, where `record` is a later one
    n_chunks INTEGER          -- how many chunks of it the index holds
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
    record   TEXT NOT NULL,         -- the paper that this record alone would be
    apart    TEXT                   -- parts that a person told apart differ here
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS parts_of_paper ON parts (paper_id);
CREATE TABLE IF NOT EXISTS aliases (
    alias    TEXT PRIMARY KEY,      -- an id that was or could have been this paper's
    paper_id TEXT NOT NULL REFERENCES papers
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leftovers (   -- what the index may hold and nothing asks for any more
    paper_id TEXT NOT NULL,
    version  TEXT NOT NULL,
    PRIMARY KEY (paper_id, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS state (       -- one row
    only       INTEGER PRIMARY KEY CHECK (only = 1),
    epoch      INTEGER NOT NULL,         -- raised whenever the index has changed
    generation TEXT                      -- name of the folder that holds the index; null for none
);
"""
# Of an index that an earlier version made.
_ADDED_COLUMNS = {"held": "TEXT", "n_chunks": "INTEGER"}
# Not with the tables: an earlier version's lack the columns until they are added.
_INDEXES = """
CREATE INDEX IF NOT EXISTS papers_by_state ON papers (indexed, version, n_chunks);
"""


class State(NamedTuple):
    """Which index the catalogue describes; equal for as long as nothing was written to it."""

    generation: str | None
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


class Catalogue:
    """All papers of one index folder. Safe to use from several threads."""

    def __init__(self, file: Path, *, create: bool = False):
        """Open the file.

        Raises:
            IndexMissingError: It does not exist, and `create` is false.
            IndexDamagedError: It is not a catalogue, or may not be written.
        """
        if not create and not file.is_file():
            raise IndexMissingError(
                f"no index in {file.parent}",
                "run `footnote ingest PATH` or name one with --index",
            )
        self.file = file
        with self._explained():
            self._db, self._stamp = connect(file, create=create)
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
        """How many papers there are."""
        return self._rows("SELECT count(*) FROM papers")[0][0]

    def find(self, keys: Iterable[str]) -> list[Paper]:
        """Papers that share at least one of the identity keys, by id."""
        return self._papers(
            "SELECT DISTINCT p.paper_id, record FROM papers p JOIN keys USING (paper_id)"
            " WHERE key IN (SELECT value FROM json_each(?)) ORDER BY p.paper_id",
            [_listed(keys)],
        )

    def get(self, paper_ids: Iterable[str]) -> dict[str, Paper]:
        """The papers among these ids that exist."""
        found = self._papers(
            "SELECT paper_id, record FROM papers"
            " WHERE paper_id IN (SELECT value FROM json_each(?))",
            [_listed(paper_ids)],
        )
        return {paper.paper_id: paper for paper in found}

    def papers(self) -> list[Paper]:
        """Every paper, by title."""
        papers = self._papers("SELECT paper_id, record FROM papers", ())
        return sorted(papers, key=lambda p: (p.title.casefold(), p.paper_id))

    def papers_of_records(self, fingerprints: Iterable[str]) -> dict[str, str]:
        """Ids of the papers that these records already went into, by fingerprint."""
        return dict(
            self._rows(
                "SELECT fingerprint, paper_id FROM records"
                " WHERE fingerprint IN (SELECT value FROM json_each(?))",
                [_listed(fingerprints)],
            )
        )

    def served(self, paper_ids: Iterable[str]) -> dict[str, Paper]:
        """The papers among these ids that the index holds whole, each as the index holds it."""
        found = self._papers(
            "SELECT paper_id, coalesce(held, record) FROM papers WHERE indexed IS NOT NULL"
            " AND paper_id IN (SELECT value FROM json_each(?))",
            [_listed(paper_ids)],
        )
        return {paper.paper_id: paper for paper in found}

    def served_after(self, paper_id: str, limit: int) -> list[Paper]:
        """Up to `limit` papers that the index holds whole, by id, from the one after `paper_id`."""
        return self._papers(
            "SELECT paper_id, coalesce(held, record) FROM papers"
            " WHERE indexed IS NOT NULL AND paper_id > ? ORDER BY paper_id LIMIT ?",
            (paper_id, limit),
        )

    def after(self, paper_id: str, limit: int) -> list[Paper]:
        """Up to `limit` papers, by id, from the one after `paper_id` on."""
        return self._papers(
            "SELECT paper_id, record FROM papers WHERE paper_id > ? ORDER BY paper_id LIMIT ?",
            (paper_id, limit),
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
            "INSERT OR IGNORE INTO leftovers SELECT paper_id, version FROM papers"
            " WHERE paper_id = ? AND version <> ? AND indexed IS NOT version",
            (paper.paper_id, paper.version),
        )
        self._db.execute(
            "INSERT INTO papers (paper_id, record, version) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET held = CASE"
            "  WHEN indexed IS NULL OR indexed = excluded.version THEN NULL"
            "  ELSE coalesce(held, record) END,"
            " record = excluded.record, version = excluded.version",
            (paper.paper_id, paper.model_dump_json(), paper.version),
        )

    def _save_keys(self, paper: Paper, keys: Iterable[str]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO keys VALUES (?, ?)", [(key, paper.paper_id) for key in keys]
        )

    def _save_parts(self, paper_id: str, parts: Iterable[Part]) -> None:
        rows = [(p.part_id, paper_id, p.paper.model_dump_json(), p.apart) for p in parts]
        self._db.executemany("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?)", rows)
        self._db.executemany(
            "INSERT OR REPLACE INTO records VALUES (?, ?)", [row[:2] for row in rows]
        )

    def keys_of(self, paper_ids: Iterable[str], *, shared_by: int) -> set[str]:
        """Identity keys of these papers that at most `shared_by` papers have."""
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
        """Those of the keys that more than `shared_by` papers have."""
        return {
            key
            for (key,) in self._rows(
                "SELECT value FROM json_each(?) WHERE ? <"
                " (SELECT count(*) FROM (SELECT 1 FROM keys WHERE key = value LIMIT ? + 1))",
                [_listed(keys), shared_by, shared_by],
            )
        }

    def parts_of(self, papers: Iterable[Paper]) -> dict[str, list[Part]]:
        """Parts of each paper by its id; a paper saved without any is its own only part."""
        known = {paper.paper_id: paper for paper in papers}
        parts: dict[str, list[Part]] = {paper_id: [] for paper_id in known}
        rows = self._rows(
            "SELECT paper_id, part_id, record, apart FROM parts"
            " WHERE paper_id IN (SELECT value FROM json_each(?)) ORDER BY part_id",
            [_listed(known)],
        )
        for paper_id, part_id, record, apart in rows:
            parts[paper_id].append(Part(part_id, self._paper(record), apart))
        for paper_id, held in parts.items():
            if not held:
                held.append(Part(f"paper:{paper_id}", known[paper_id]))
        return parts

    def oldest_first(self, paper_ids: Iterable[str]) -> list[str]:
        """The papers among these ids, in the order in which they were first taken in."""
        return [
            paper_id
            for (paper_id,) in self._rows(
                "SELECT paper_id FROM papers WHERE paper_id IN (SELECT value FROM json_each(?))"
                " ORDER BY rowid",
                [_listed(paper_ids)],
            )
        ]

    def resolve(self, paper_id: str) -> str | None:
        """The id of the paper that is, was or could have been known by this one."""
        found = self._rows(
            "SELECT paper_id FROM papers WHERE paper_id = :id UNION ALL"
            " SELECT a.paper_id FROM aliases a JOIN papers USING (paper_id) WHERE alias = :id",
            {"id": paper_id},
        )
        return found[0][0] if found else None

    def aliases(self) -> dict[str, str]:
        """Ids of papers by the further ids under which they are found."""
        return dict(self._rows("SELECT alias, paper_id FROM aliases"))

    def aliases_of(self, paper_id: str) -> list[str]:
        """Further ids under which a paper is found, sorted."""
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
                    f"INSERT OR IGNORE INTO leftovers SELECT paper_id, {version} FROM papers"  # noqa: S608
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

        What the index holds of them is listed in `leftovers`. Their records are forgotten too, so
        that taking in the same source again brings them back.
        """
        ids = list(paper_ids)
        among = "WHERE paper_id IN (SELECT value FROM json_each(?))"
        with self._explained(), self._db:
            for version in ("version", "indexed"):
                self._db.execute(
                    f"INSERT OR IGNORE INTO leftovers SELECT paper_id, {version} FROM papers"  # noqa: S608
                    f" {among} AND {version} IS NOT NULL",
                    [_listed(ids)],
                )
            for table in ("keys", "records", "parts", "aliases", "papers"):
                self._db.execute(f"DELETE FROM {table} {among}", [_listed(ids)])  # noqa: S608

    def count_pending(self) -> int:
        """How many papers the index does not hold as they are now."""
        return self._rows("SELECT count(*) FROM papers WHERE indexed IS NOT version")[0][0]

    def count_served(self) -> int:
        """How many papers the index holds."""
        return self._rows("SELECT count(*) FROM papers WHERE indexed IS NOT NULL")[0][0]

    def count_chunks(self) -> int:
        """How many chunks the index holds, of all papers."""
        return self._rows(
            "SELECT coalesce(sum(n_chunks), 0) FROM papers WHERE indexed IS NOT NULL"
        )[0][0]

    def pending(self, limit: int) -> list[Paper]:
        """Up to `limit` papers that the index does not hold as they are now."""
        return self._papers(
            "SELECT paper_id, record FROM papers WHERE indexed IS NOT version"
            " ORDER BY paper_id LIMIT ?",
            (limit,),
        )

    def leftovers(self) -> list[Version]:
        """Versions that the index may hold, whole or in part, and that are not to be served."""
        return [
            Version(*row)
            for row in self._rows(
                "SELECT l.paper_id, l.version FROM leftovers l LEFT JOIN papers p"
                " ON p.paper_id = l.paper_id AND p.indexed = l.version WHERE p.paper_id IS NULL"
            )
        ]

    def mark_indexed(self, papers: Iterable[Paper]) -> None:
        """Note that the index now holds these versions whole, and serve them."""
        with self._explained(), self._db:
            self._mark(papers)

    def mark_cleared(self, versions: Iterable[Version]) -> None:
        """Note that the index no longer holds anything of these."""
        with self._explained(), self._db:
            self._db.executemany(
                "DELETE FROM leftovers WHERE paper_id = ? AND version = ?", versions
            )
            self._db.execute("UPDATE state SET epoch = epoch + 1")

    def state(self) -> State:
        """Which index is in force, and how often it has changed."""
        return State(*self._rows("SELECT generation, epoch FROM state")[0])

    def begin(self, generation: str | None) -> None:
        """Put an empty index in force, or none."""
        with self._explained(), self._db:
            self._db.execute("UPDATE papers SET indexed = NULL, held = NULL, n_chunks = NULL")
            self._switch(generation)

    def switch(self, generation: str) -> None:
        """Put another index in force, at once: one that holds every paper as it is now."""
        with self._explained(), self._db:
            self._db.execute(
                "UPDATE papers SET indexed = version, held = NULL,"
                " n_chunks = json_array_length(record, '$.sentences')"
            )
            self._switch(generation)

    def _switch(self, generation: str | None) -> None:
        self._db.execute("DELETE FROM leftovers")
        self._db.execute("UPDATE state SET generation = ?, epoch = epoch + 1", (generation,))

    def _mark(self, papers: Iterable[Paper]) -> None:
        rows = [(p.version, len(p.sentences), p.paper_id) for p in papers]
        self._db.executemany(
            "INSERT OR IGNORE INTO leftovers SELECT paper_id, indexed FROM papers"
            " WHERE indexed <> ? AND paper_id = ?",
            [(version, paper_id) for version, _, paper_id in rows],
        )
        self._db.executemany(
            "UPDATE papers SET indexed = ?, n_chunks = ?, held = NULL WHERE paper_id = ?", rows
        )
        self._db.executemany(
            "DELETE FROM leftovers WHERE version = ? AND paper_id = ?",
            [(version, paper_id) for version, _, paper_id in rows],
        )
        self._db.execute("UPDATE state SET epoch = epoch + 1")

    def _make_tables(self) -> None:
        self._db.executescript(_SCHEMA)
        columns = {name for _, name, *_ in self._db.execute("PRAGMA table_info(papers)")}
        for name, kind in _ADDED_COLUMNS.items():
            if name not in columns:
                self._db.execute(f"ALTER TABLE papers ADD COLUMN {name} {kind}")
        self._db.executescript(_INDEXES)
        # Asked first: a reader must not wait for a writer in order to write what is there already.
        if not self._db.execute("SELECT 1 FROM state").fetchone():
            with self._db:
                self._db.execute("INSERT OR IGNORE INTO state VALUES (1, 0, NULL)")

    def _papers(self, sql: str, values: Sequence[object]) -> list[Paper]:
        return [self._paper(record) for _, record in self._rows(sql, values)]

    def _paper(self, record: str) -> Paper:
        try:
            return Paper.model_validate_json(record)
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
        except sqlite3.Error as error:
            raise IndexDamagedError(
                f"catalogue {self.file} cannot be used: {error}", _next_step(error)
            ) from error


def _next_step(error: sqlite3.Error) -> str:
    damaged = ("malformed", "not a database", "no such table", "no such column")
    if any(sign in str(error) for sign in damaged):
        return (
            "the file is damaged: put a copy of it back and run `footnote rebuild`, or delete "
            "the folder and take the papers in again"
        )
    if "full" in str(error) or "disk I/O" in str(error):
        return "free some space on that disk and run the same command again"
    return "check the folder's permissions and space, or name another with --index"


def _listed(values: Iterable[str]) -> str:
    # For `json_each`: SQLite limits how many parameters a statement may have.
    return json.dumps(list(values))
