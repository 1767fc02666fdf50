"""Which papers state a figure, told by their texts once and kept by their versions.

A version is a fingerprint of a text, so what is known of one stays true. What an earlier version of
the program has indexed is read when it is asked for.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from footnote.rag.core.quantity import states_figure
from footnote.rag.core.records import Paper
from footnote.rag.index.readonly import UNWRITABLE

_TABLE = """CREATE {temp} TABLE figures (
    version TEXT PRIMARY KEY,
    stated  INTEGER NOT NULL
) WITHOUT ROWID"""
_NOTE = "INSERT OR REPLACE INTO figures VALUES (?, ?)"
# Texts that are read at once.
_AT_ONCE = 500
_LISTED = "(SELECT value FROM json_each(?))"
_LACKING = """SELECT indexed, paper_id FROM papers
    WHERE indexed IS NOT NULL AND indexed NOT IN (SELECT version FROM figures)"""
# A damaged record has no text.
_RECORD = "coalesce(held, record)"
_TEXTS = f"""SELECT indexed, {_RECORD} ->> '$.abstract' FROM papers
    WHERE indexed IN {_LISTED} AND json_valid({_RECORD})"""  # noqa: S608
_STATING = """SELECT paper_id FROM papers
    WHERE indexed IN (SELECT version FROM figures WHERE stated)"""
_N_STATING = f"SELECT count(*) FROM ({_STATING})"  # noqa: S608

Rows = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]
"""Reads with a statement and its values."""

# Of versions that the table lacks.
_read: dict[str, bool] = {}


def prepare(db: sqlite3.Connection) -> None:
    """Make the table, unless it is there; of this connection alone where nothing can be written."""
    if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'figures'").fetchone():
        return
    try:
        with db:
            db.execute(_TABLE.format(temp="").replace("TABLE", "TABLE IF NOT EXISTS"))
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in UNWRITABLE:
            raise
        db.execute("PRAGMA temp_store = MEMORY")
        with db:
            db.execute(_TABLE.format(temp="TEMP"))


def note(db: sqlite3.Connection, papers: Iterable[Paper]) -> None:
    """Note of papers that are being indexed if they state a figure."""
    db.executemany(_NOTE, [(paper.version, states_figure(paper.abstract)) for paper in papers])


def note_lacking(db: sqlite3.Connection, rows: Rows) -> None:
    """Note it of all papers that are served and of which it is not noted yet."""
    lacking = [version for version, _ in rows(_LACKING, ())]
    db.executemany(_NOTE, _read_from_text(rows, lacking))


def stating(rows: Rows) -> list[str]:
    """Return the ids of the served papers that state a figure."""
    return [paper_id for (paper_id,) in rows(_STATING, ())] + _stating_of_lacking(rows)


def count_stating(rows: Rows) -> int:
    """Count the served papers that state a figure."""
    return rows(_N_STATING, ())[0][0] + len(_stating_of_lacking(rows))


def _stating_of_lacking(rows: Rows) -> list[str]:
    """Return the ids of those that state one and are not in the table."""
    lacking = rows(_LACKING, ())
    unread = [version for version, _ in lacking if version not in _read]
    _read.update(_read_from_text(rows, unread))
    return [paper_id for version, paper_id in lacking if _read.get(version)]


def _read_from_text(rows: Rows, versions: Sequence[str]) -> Iterator[tuple[str, bool]]:
    for at in range(0, len(versions), _AT_ONCE):
        for version, abstract in rows(_TEXTS, [json.dumps(versions[at : at + _AT_ONCE])]):
            yield version, states_figure(abstract or "")
