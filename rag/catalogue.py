"""The truth about which papers there are: one SQLite file. The index is derived from it."""

import json
import sqlite3
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from rag.errors import IndexDamagedError, IndexMissingError
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
                f"no index in {file.parent}; run `footnote ingest PATH` or name one with --index"
            )
        self.file = file
        with self._explained():
            self._db = sqlite3.connect(file, check_same_thread=False, timeout=30)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._make_tables()

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
                self._db.executemany(
                    "INSERT OR IGNORE INTO keys VALUES (?, ?)",
                    [(key, paper.paper_id) for key in keys],
                )
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
            for table in ("keys", "records", "papers"):
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

    def _papers(self, sql: str, values: Iterable[object]) -> list[Paper]:
        try:
            return [Paper.model_validate_json(record) for _, record in self._rows(sql, values)]
        except ValueError as error:
            raise IndexDamagedError(
                f"catalogue {self.file} holds a record that is no paper: {error}"
            ) from error

    def _rows(self, sql: str, values: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        with self._explained():
            return self._db.execute(sql, tuple(values)).fetchall()

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise IndexDamagedError(
                f"catalogue {self.file} cannot be used: {error}; {_next_step(error)}"
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
