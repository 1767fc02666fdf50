"""What the texts of papers hold, told once and kept by their versions: a figure, a web address.

A version is a fingerprint of a text, so what is known of one stays true. What an earlier version of
the program has indexed is read when it is asked for.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from footnote.rag.core.quantity import states_figure
from footnote.rag.core.records import Paper
from footnote.rag.core.text import has_address
from footnote.rag.index.readonly import UNWRITABLE

_TABLE = """CREATE {temp} TABLE {exists} {name} (
    version TEXT PRIMARY KEY,
    stated  INTEGER NOT NULL
) WITHOUT ROWID"""
# Texts that are read at once.
_AT_ONCE = 500
_LISTED = "(SELECT value FROM json_each(?))"
# A damaged record has no text.
_RECORD = "coalesce(held, record)"
_TEXTS = f"""SELECT indexed, {_RECORD} ->> '$.abstract' FROM papers
    WHERE indexed IN {_LISTED} AND json_valid({_RECORD})"""  # noqa: S608

Rows = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]
"""Reads with a statement and its values."""


class TextFact:
    """Something that an abstract holds or does not."""

    def __init__(self, name: str, holds: Callable[[str], bool]):
        """Keep it in a table.

        Args:
            name: Of the table.
            holds: Returns True for an abstract that holds it.
        """
        self.name = name
        self._holds = holds
        # Of versions that the table lacks.
        self._read: dict[str, bool] = {}
        self._note = f"INSERT OR REPLACE INTO {name} VALUES (?, ?)"  # noqa: S608
        self._lacking = f"""SELECT indexed, paper_id FROM papers
            WHERE indexed IS NOT NULL AND indexed NOT IN (SELECT version FROM {name})"""  # noqa: S608
        self.holding_sql = f"""SELECT paper_id FROM papers
            WHERE indexed IN (SELECT version FROM {name} WHERE stated)"""  # noqa: S608
        self.count_sql = f"SELECT count(*) FROM ({self.holding_sql})"  # noqa: S608

    def prepare(self, db: sqlite3.Connection) -> None:
        """Make the table, unless it is there; of this connection alone in a file not writable."""
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [self.name]).fetchone():
            return
        try:
            with db:
                db.execute(_TABLE.format(temp="", exists="IF NOT EXISTS", name=self.name))
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in UNWRITABLE:
                raise
            db.execute("PRAGMA temp_store = MEMORY")
            with db:
                db.execute(_TABLE.format(temp="TEMP", exists="IF NOT EXISTS", name=self.name))

    def note(self, db: sqlite3.Connection, papers: Iterable[Paper]) -> None:
        """Note it of papers that are being indexed."""
        db.executemany(self._note, [(p.version, self._holds(p.abstract)) for p in papers])

    def note_lacking(self, db: sqlite3.Connection, rows: Rows) -> None:
        """Note it of all papers that are served and of which it is not noted yet."""
        lacking = [version for version, _ in rows(self._lacking, ())]
        db.executemany(self._note, self._read_from_text(rows, lacking))

    def papers(self, rows: Rows) -> list[str]:
        """Return the ids of the served papers that hold it."""
        return [paper_id for (paper_id,) in rows(self.holding_sql, ())] + self._of_lacking(rows)

    def count(self, rows: Rows) -> int:
        """Count the served papers that hold it."""
        return rows(self.count_sql, ())[0][0] + len(self._of_lacking(rows))

    def _of_lacking(self, rows: Rows) -> list[str]:
        """Return the ids of those that hold it and are not in the table."""
        lacking = rows(self._lacking, ())
        unread = [version for version, _ in lacking if version not in self._read]
        self._read.update(self._read_from_text(rows, unread))
        return [paper_id for version, paper_id in lacking if self._read.get(version)]

    def _read_from_text(self, rows: Rows, versions: Sequence[str]) -> Iterator[tuple[str, bool]]:
        for at in range(0, len(versions), _AT_ONCE):
            for version, abstract in rows(_TEXTS, [json.dumps(versions[at : at + _AT_ONCE])]):
                yield version, self._holds(abstract or "")


FIGURES = TextFact("figures", states_figure)
LINKS = TextFact("links", has_address)
EACH = (FIGURES, LINKS)
