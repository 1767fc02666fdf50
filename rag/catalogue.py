"""The truth about which papers there are: one SQLite file. The index is derived from it."""

import json
import sqlite3
from collections.abc import Generator, Iterable, Mapping, Sequence
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
"""


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
                self._save(paper)
                self._save_keys(paper, keys)
            self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?)", records.items())

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

    def leftovers(self) -> list[Version]:
        """Versions that the index may hold, and that are of no paper any more."""
        return [
            Version(*row)
            for row in self._rows(
                "SELECT l.paper_id, l.version FROM leftovers l LEFT JOIN papers p"
                " ON p.paper_id = l.paper_id WHERE p.paper_id IS NULL"
            )
        ]

    def mark_cleared(self, versions: Iterable[Version]) -> None:
        """Note that the index no longer holds anything of these."""
        with self._explained(), self._db:
            self._db.executemany(
                "DELETE FROM leftovers WHERE paper_id = ? AND version = ?", versions
            )

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

    def _save(self, paper: Paper) -> None:
        self._db.execute(
            "INSERT INTO papers (paper_id, record, version) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET record = excluded.record, version = excluded.version",
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
                f"catalogue {self.file} cannot be used: {error}; "
                "check the folder's permissions and space, or name another with --index"
            ) from error


def _listed(values: Iterable[str]) -> str:
    # For `json_each`: SQLite limits how many parameters a statement may have.
    return json.dumps(list(values))
