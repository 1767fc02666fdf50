"""The tables of the catalogue's file: made where they are missing, and brought up to date."""

import sqlite3
from contextlib import suppress

from footnote.rag.index import facts, text_facts
from footnote.rag.index.stored import BY_WORDS, PART, PENDING, RECORD, checksum_of, version_of

_SCHEMA = """
CREATE TABLE IF NOT EXISTS papers (
    paper_id TEXT PRIMARY KEY,
    record   TEXT NOT NULL,
    version  TEXT NOT NULL,
    indexed  TEXT,            -- the version that the index holds, null for none
    held     TEXT,            -- the record of that version, where `record` is a later one
    n_chunks INTEGER,         -- how many chunks of it the index holds; null for its words alone
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
    record   BLOB NOT NULL,         -- the paper that this record alone would be, as `packed`
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
# is removed, reads its own keys, and not those of all papers. An earlier version's `papers_pending`
# was of fewer papers.
_OF_IDS = f"""
CREATE INDEX IF NOT EXISTS papers_to_embed ON papers (paper_id) WHERE {PENDING};
CREATE INDEX IF NOT EXISTS papers_by_words ON papers (paper_id) WHERE {BY_WORDS};
CREATE INDEX IF NOT EXISTS papers_served ON papers (indexed, paper_id) WHERE indexed IS NOT NULL;
CREATE INDEX IF NOT EXISTS keys_of_paper ON keys (paper_id);
CREATE INDEX IF NOT EXISTS records_of_paper ON records (paper_id);
CREATE INDEX IF NOT EXISTS aliases_of_paper ON aliases (paper_id);
"""


def prepare(db: sqlite3.Connection) -> None:
    """Make what tables and indexes a catalogue lacks, and bring those of an earlier version up."""
    if _has_old_names(db):
        with db:
            db.execute("BEGIN IMMEDIATE")
            _rename_old(db)
    db.executescript(_SCHEMA)
    if _lacking(db):
        with db:
            db.execute("BEGIN IMMEDIATE")
            lacking = _lacking(db)
            for table, column in lacking:
                kind = _ADDED_COLUMNS[table][column]
                db.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
            if ("parts", "checksum") in lacking:
                _add_checksums(db)
    db.executescript(_INDEXES)
    # An earlier version's that cannot be written is read without it.
    with suppress(sqlite3.OperationalError):
        db.executescript(_OF_IDS)
    facts.prepare(db)
    for fact in text_facts.EACH:
        fact.prepare(db)
    # Asked first: a reader must not wait for a writer in order to write what is there already.
    if not db.execute("SELECT 1 FROM state").fetchone():
        with db:
            db.execute("INSERT OR IGNORE INTO state VALUES (1, 0, NULL)")


def _lacking(db: sqlite3.Connection) -> list[tuple[str, str]]:
    """List the tables and columns that an earlier version did not make."""
    return [
        (table, column)
        for table, columns in _ADDED_COLUMNS.items()
        for there in [_columns(db, table)]
        for column in columns
        if column not in there
    ]


def _columns(db: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in db.execute(f"PRAGMA table_info({table})")}


def _has_old_names(db: sqlite3.Connection) -> bool:
    return bool(_columns(db, _OLD_TABLE)) or _OLD_COLUMN in _columns(db, "state")


def _rename_old(db: sqlite3.Connection) -> None:
    """Rename what an earlier version named otherwise, unless another process just has."""
    if _columns(db, _OLD_TABLE):
        db.execute(f"ALTER TABLE {_OLD_TABLE} RENAME TO tombstones")
    if _OLD_COLUMN in _columns(db, "state"):
        db.execute(f"ALTER TABLE state RENAME COLUMN {_OLD_COLUMN} TO snapshot")


def _add_checksums(db: sqlite3.Connection) -> None:
    """Take what an earlier version wrote for what it should be, but for what is plainly not."""
    rows = db.execute(f"SELECT {RECORD} FROM papers").fetchall()  # noqa: S608
    db.executemany(
        "UPDATE papers SET checksum = ? WHERE paper_id = ?",
        [
            (checksum_of(record, paper_id, version), paper_id)
            for paper_id, version, record, _ in rows
            if version_of(record) == version
        ],
    )
    rows = db.execute(
        "SELECT paper_id, indexed, CAST(held AS BLOB) FROM papers WHERE held IS NOT NULL"
    ).fetchall()
    db.executemany(
        "UPDATE papers SET held_checksum = ? WHERE paper_id = ?",
        [
            (checksum_of(record, paper_id, indexed), paper_id)
            for paper_id, indexed, record in rows
            if version_of(record) == indexed
        ],
    )
    rows = db.execute(f"SELECT {PART} FROM parts").fetchall()  # noqa: S608
    db.executemany(
        "UPDATE parts SET checksum = ? WHERE part_id = ?",
        [
            (checksum_of(record, paper_id, part_id, apart), part_id)
            for paper_id, part_id, apart, record, *_ in rows
        ],
    )
