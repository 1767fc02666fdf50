"""The truth about which papers there are: one SQLite file. The index is derived from it."""

import json
import sqlite3
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rag.errors import IndexDamagedError, IndexMissingError
from rag.schema import Paper

_SCHEMA = """
CREATE TABLE IF NOT EXISTS papers (
    paper_id TEXT PRIMARY KEY,
    record   TEXT NOT NULL,
    version  TEXT NOT NULL,
    indexed  TEXT             -- the version that the index holds, null for none
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
"""


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
            self._db.executescript(_SCHEMA)

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

    def save(
        self, papers: Iterable[tuple[Paper, Iterable[str]]], records: Mapping[str, str]
    ) -> None:
        """Add or replace papers, all or none.

        Args:
            papers: Each with its identity keys.
            records: Fingerprints of the records taken in, with the id of the paper of each.
        """
        with self._explained(), self._db:
            for paper, keys in papers:
                self._db.execute(
                    "INSERT INTO papers (paper_id, record, version) VALUES (?, ?, ?)"
                    " ON CONFLICT DO UPDATE SET record = excluded.record,"
                    " version = excluded.version",
                    (paper.paper_id, paper.model_dump_json(), paper.version),
                )
                self._db.executemany(
                    "INSERT OR IGNORE INTO keys VALUES (?, ?)",
                    [(key, paper.paper_id) for key in keys],
                )
            self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?)", records.items())

    def count_pending(self) -> int:
        """How many papers the index does not hold as they are now."""
        return self._rows("SELECT count(*) FROM papers WHERE indexed IS NOT version")[0][0]

    def pending(self, limit: int) -> list[Paper]:
        """Up to `limit` papers that the index does not hold as they are now."""
        return self._papers(
            "SELECT paper_id, record FROM papers WHERE indexed IS NOT version"
            " ORDER BY paper_id LIMIT ?",
            (limit,),
        )

    def mark_indexed(self, papers: Iterable[Paper]) -> None:
        """Note that the index now holds these versions."""
        with self._explained(), self._db:
            self._db.executemany(
                "UPDATE papers SET indexed = ? WHERE paper_id = ?",
                [(paper.version, paper.paper_id) for paper in papers],
            )

    def mark_all_pending(self) -> None:
        """Note that the index holds nothing."""
        with self._explained(), self._db:
            self._db.execute("UPDATE papers SET indexed = NULL")

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
                f"catalogue {self.file} cannot be used: {error}; "
                "check the folder's permissions and space, or name another with --index"
            ) from error


def _listed(values: Iterable[str]) -> str:
    # For `json_each`: SQLite limits how many parameters a statement may have.
    return json.dumps(list(values))
