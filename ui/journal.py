"""A file of JSON objects, a line each: what the page notes down in the index folder."""

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from footnote.rag.core.errors import IndexAccessError
from footnote.rag.index.durable import make_file, write_durably

# A row as it is written, in bytes; a longer one is not kept.
_MAX_ROW = 200_000


class Journal:
    """Rows in the order in which they were added. Safe to use from several threads."""

    def __init__(self, file: Path, *, keep: int):
        """Use a file, made by the first row.

        Args:
            file: The file, readable by its owner alone.
            keep: Rows at most; the oldest make room. The file may hold as many again meanwhile.
        """
        self.file = file
        self._keep = keep
        self._lock = threading.Lock()
        self._n_rows: int | None = None

    def add(self, row: Mapping[str, object]) -> None:
        """Add a row: whole or not at all, whatever another process adds.

        Raises:
            IndexAccessError: It cannot be written, or is too long.
        """
        line = json.dumps(row, ensure_ascii=False).encode() + b"\n"
        if len(line) > _MAX_ROW:
            raise IndexAccessError(f"a row of {len(line):,} bytes is not kept in {self.file}")
        try:
            with self._lock:
                self._append(line)
        except OSError as error:
            raise IndexAccessError(
                f"{self.file} cannot be written: {error.strerror}", "make the folder writable"
            ) from error

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows that are kept, oldest first; a line that is damaged is passed over."""
        found = [row for line in self._lines() if (row := _row(line)) is not None]
        return found[-self._keep :] if self._keep else []

    def _append(self, line: bytes) -> None:
        make_file(self.file)
        # In one call, at the end, whoever else writes there.
        with self.file.open("ab", buffering=0) as opened:
            opened.write(line)
        self._n_rows = len(self._lines()) if self._n_rows is None else self._n_rows + 1
        if self._n_rows > 2 * self._keep:
            kept = self._lines()[-self._keep :]
            write_durably(self.file, b"".join(each + b"\n" for each in kept))
            self._n_rows = len(kept)

    def _lines(self) -> list[bytes]:
        try:
            return self.file.read_bytes().splitlines()
        except OSError:
            return []


def _row(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    return row if isinstance(row, dict) else None
