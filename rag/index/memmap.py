"""Rows of numbers in files, appended to and memory-mapped, with a list of whose they are.

What is written is on disk before the list names it, and what the list does not name is overwritten:
a killed writer leaves nothing behind that anyone sees. Removing strikes rows off the list alone;
their room is given back when what is left is copied to another folder.

    rows.sqlite        whose rows begin where, and how wide a row of each file is
    a file each        of one type of number; the rows of one number belong together
"""

import json
import math
import mmap
import os
import sqlite3
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from footnote.rag.core.errors import is_fault, unusable
from footnote.rag.index.durable import make_file, make_folder
from footnote.rag.index.readonly import connect
from footnote.rag.index.sharding import split

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    owner  TEXT PRIMARY KEY,
    start  INTEGER NOT NULL,
    n_rows INTEGER NOT NULL,
    note   BLOB NOT NULL        -- what else is kept of the owner
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS files (
    name  TEXT PRIMARY KEY,
    width INTEGER NOT NULL      -- numbers a row
) WITHOUT ROWID;
"""


# Owners that are remembered, a kilobyte each at most; two steps of a question ask for some 200.
_REMEMBERED = 20_000
# A file of fewer bytes is in memory as a whole soon enough.
_SMALL = 256 * 2**20
# No name goes on with a larger character.
_LAST = chr(0x10FFFF)


class Rows(NamedTuple):
    """Rows to be written."""

    owner: str
    arrays: Sequence[np.ndarray]
    """One a file, of as many rows each; a row of a plain vector is one number."""
    note: bytes = b""


class RowRange(NamedTuple):
    """Where an owner's rows are."""

    owner: str
    start: int
    n_rows: int
    note: bytes

    @property
    def end(self) -> int:
        """The first row after them."""
        return self.start + self.n_rows

    @property
    def rows(self) -> slice:
        """As an index of the files."""
        return slice(self.start, self.end)


class Found(NamedTuple):
    """Where rows are, and the files, which reach at least as far."""

    ranges: list[RowRange]
    arrays: Sequence[np.ndarray]
    """(rows, width) each."""


class Owned(NamedTuple):
    """One owner's rows, as they are in the files."""

    owner: str
    arrays: Sequence[np.ndarray]
    """(n_rows, width) each."""
    note: bytes

    @property
    def n_rows(self) -> int:
        """How many there are, in each file."""
        return len(self.arrays[0])


@dataclass
class _Seen:
    """What was read since the list last changed."""

    version: int | None = None
    ranges: dict[str, RowRange] = field(default_factory=dict[str, RowRange])
    arrays: Sequence[np.ndarray] = ()
    maps: Sequence[mmap.mmap | None] = ()
    """What the arrays are views of; None for an empty file."""
    all: Found | None = None


class MemmapRows:
    """Rows by owner. One writer at a time; readers see what was complete when they asked."""

    def __init__(
        self, folder: Path, files: Mapping[str, type[np.generic]], part: str, *, kept: bool = True
    ):
        """Open the files in this folder, or make them.

        Args:
            folder: Where they are.
            files: The numbers of each, by its name.
            part: What they are to a person.
            kept: False where there is nothing to keep: no file is made, even by a reader.

        Raises:
            IndexDamagedError: The folder cannot be used.
        """
        self._folder = folder
        self._types = files
        self._part = part
        self._seen = _Seen()
        with self.explained():
            file = folder / "rows.sqlite"
            if kept:
                make_folder(folder)
                self._db, _ = connect(file, create=not file.is_file())
                self._db.execute("PRAGMA synchronous = FULL")
            else:
                self._db = sqlite3.connect(":memory:", check_same_thread=False)
            self._db.executescript(_SCHEMA)

    @contextmanager
    def explained(self, done: str = "used") -> Generator[None]:
        """Say of which part of the index it is when a file fails meanwhile."""
        try:
            yield
        except BaseException as error:
            if not is_fault(error):
                raise
            raise unusable(self._part, self._folder, error, done) from error

    def count(self) -> tuple[int, int]:
        """Count the owners, and the rows that they have."""
        with self.explained():
            sums = "SELECT count(*), coalesce(sum(n_rows), 0) FROM rows"
            return self._db.execute(sums).fetchone()

    def owners(self) -> set[str]:
        """Return all owners."""
        with self.explained():
            return {owner for (owner,) in self._db.execute("SELECT owner FROM rows")}

    def remove(self, owners: Iterable[str]) -> None:
        """Strike owners off the list; those that are not on it are passed over."""
        with self._writing():
            self._db.executemany("DELETE FROM rows WHERE owner = ?", [(own,) for own in owners])

    def append(self, added: Iterable[Rows]) -> None:
        """Write rows, each owner's in place of what it had."""
        added = list(added)
        if not added:
            return
        with self.explained("written"):
            widths = self._widths() or {
                name: math.prod(array.shape[1:])
                for name, array in zip(self._types, added[0].arrays, strict=True)
            }
            first = self._end()
            for number, (name, kind) in enumerate(self._types.items()):
                width = widths[name]
                with _at(self._folder / name, first * width * np.dtype(kind).itemsize) as file:
                    for rows in added:
                        array = rows.arrays[number].astype(kind, copy=False)
                        file.write(array.reshape(len(array), width).tobytes())
        lengths = [len(rows.arrays[0]) for rows in added]
        starts = (first + np.cumsum([0, *lengths[:-1]])).tolist()
        # Last, so that the list never names what was not written.
        with self._writing():
            self._db.executemany("INSERT OR IGNORE INTO files VALUES (?, ?)", widths.items())
            self._db.executemany(
                "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?)",
                [
                    (rows.owner, start, length, rows.note)
                    for rows, start, length in zip(added, starts, lengths, strict=True)
                ],
            )

    def find(self, owners: Iterable[str]) -> Found:
        """Find the rows of owners, in the order asked for; unknown owners are left out.

        Each is read once for as long as nobody writes and not too many others are asked for.
        """
        wanted = list(owners)
        with self.explained():
            seen = self._current()
            known = seen.ranges
            if unread := [owner for owner in wanted if owner not in known]:
                rows = self._db.execute(
                    "SELECT owner, start, n_rows, note FROM rows"
                    " WHERE owner IN (SELECT value FROM json_each(?))",
                    [json.dumps(unread)],
                )
                read = {row[0]: RowRange(*row) for row in rows}
                self._map(seen, read.values())
                if len(known) + len(read) > _REMEMBERED:
                    # Another object: one who asks meanwhile goes on with the old one.
                    known = seen.ranges = {own: known[own] for own in wanted if own in known}
                known.update(read)
            return Found([known[o] for o in wanted if o in known], seen.arrays)

    def beginning(self, beginnings: Iterable[str]) -> Found:
        """Find the rows of all owners whose names begin with one of these, in the files' order."""
        with self.explained():
            rows = self._db.execute(
                "SELECT DISTINCT r.owner, r.start, r.n_rows, r.note"
                " FROM json_each(?) AS wanted CROSS JOIN rows AS r"
                " ON r.owner >= wanted.value AND r.owner < wanted.value || ?"
                " ORDER BY r.start",
                [json.dumps(list(beginnings)), _LAST],
            )
            seen, ranges = self._current(), [RowRange(*row) for row in rows]
            self._map(seen, ranges)
            self.read_ahead(ranges)
            return Found(ranges, seen.arrays)

    def read_ahead(self, ranges: Iterable[RowRange]) -> None:
        """Ask the system for rows that are about to be read, all of them at once.

        What a file of many GB has of a few hundred owners is mostly not in memory; each page would
        be waited for in turn.
        """
        if not hasattr(mmap, "MADV_WILLNEED"):  # as on Windows
            return
        ranges, seen = list(ranges), self._seen
        for array, mapped in zip(seen.arrays, seen.maps, strict=True):
            if mapped is None or len(mapped) < _SMALL:
                continue
            a_row = array.strides[0]
            for own in ranges:
                first = own.start * a_row // mmap.PAGESIZE * mmap.PAGESIZE
                end = min(own.end * a_row, len(mapped))
                if first < end:
                    mapped.madvise(mmap.MADV_WILLNEED, first, end - first)

    def all(self) -> Found:
        """Find all rows, in the order of the files; one object until they change."""
        with self.explained():
            seen = self._current()
            if seen.all is None:
                sql = "SELECT owner, start, n_rows, note FROM rows ORDER BY start"
                ranges = [RowRange(*row) for row in self._db.execute(sql)]
                self._map(seen, ranges)
                seen.all = Found(ranges, seen.arrays)
            return seen.all

    def _map(self, seen: _Seen, ranges: Collection[RowRange]) -> None:
        """Map the files as far as these ranges reach."""
        end = max((each.end for each in ranges), default=0)
        if ranges and not (seen.arrays and end <= min(map(len, seen.arrays))):
            widths = self._widths()
            mapped = [_mapped(self._folder / n, t, widths[n]) for n, t in self._types.items()]
            seen.arrays, seen.maps = zip(*mapped, strict=True)
            if end > min(map(len, seen.arrays)):
                raise ValueError(f"its files end before row {end:,}")

    def _current(self) -> _Seen:
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if version != self._seen.version:
            self._seen = _Seen(version)
        return self._seen

    @contextmanager
    def _writing(self) -> Generator[None]:
        """Change the list, all or nothing; what was read of it before is forgotten."""
        try:
            with self.explained("written"), self._db:
                yield
        finally:
            # Another object: one who reads meanwhile goes on filling the old one.
            self._seen = _Seen()

    def _end(self) -> int:
        return self._db.execute("SELECT coalesce(max(start + n_rows), 0) FROM rows").fetchone()[0]

    def _widths(self) -> dict[str, int]:
        return dict(self._db.execute("SELECT name, width FROM files"))


class ShardedRows:
    """Rows by owner in the files of one or more shards, each owner's in that of its paper."""

    def __init__(
        self,
        folders: Sequence[Path],
        files: Mapping[str, type[np.generic]],
        part: str,
        *,
        paper_of: Callable[[str], str],
        kept: bool = True,
    ):
        """Open the files in these folders, or make them; see `MemmapRows`.

        Args:
            folders: One a shard, in their order.
            files: The numbers of each, by its name.
            part: What they are to a person.
            paper_of: Tells the id of an owner's paper.
            kept: False where there is nothing to keep.
        """
        self.shards = [MemmapRows(folder, files, part, kept=kept) for folder in folders]
        self.explained = self.shards[0].explained
        self._paper_of = paper_of

    def count(self) -> tuple[int, int]:
        """Count the owners, and the rows that they have."""
        owners, rows = zip(*(shard.count() for shard in self.shards), strict=True)
        return sum(owners), sum(rows)

    def owners(self) -> set[str]:
        """Return all owners."""
        return {owner for shard in self.shards for owner in shard.owners()}

    def remove(self, owners: Iterable[str]) -> None:
        """Strike owners off the lists; those that are on none are passed over."""
        for shard, own in split(owners, self._paper_of, self.shards):
            shard.remove(own)

    def append(self, added: Iterable[Rows]) -> None:
        """Write rows, each owner's in place of what it had."""
        for shard, own in split(added, lambda rows: self._paper_of(rows.owner), self.shards):
            shard.append(own)

    def copy(self, other: "ShardedRows", owners: Iterable[str]) -> None:
        """Add owners as another has them; those that it lacks are passed over."""
        self.append(Rows(own.owner, own.arrays, own.note) for own in other.read(owners))

    def read(self, owners: Iterable[str]) -> list[Owned]:
        """Return the rows of owners, in the order asked for; unknown owners are left out."""
        wanted = list(owners)
        found: dict[str, Owned] = {}
        for shard, own in split(wanted, self._paper_of, self.shards):
            ranges, arrays = shard.find(own)
            shard.read_ahead(ranges)
            for each in ranges:
                rows = [array[each.rows] for array in arrays]
                found[each.owner] = Owned(each.owner, rows, each.note)
        return [found[owner] for owner in wanted if owner in found]

    def notes(self, owners: Iterable[str]) -> dict[str, bytes]:
        """Return what is kept of owners beside their rows; unknown owners are left out."""
        return {
            each.owner: each.note
            for shard, own in split(owners, self._paper_of, self.shards)
            for each in shard.find(own).ranges
        }


def _mapped(file: Path, kind: type[np.generic], width: int) -> tuple[np.ndarray, mmap.mmap | None]:
    """Map a file as rows."""
    if not file.stat().st_size:
        return np.empty((0, width), kind), None
    with file.open("rb") as opened:
        # Copied where it is written to, which is nowhere: torch refuses what cannot be written.
        mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
    # A plain array: each slice of a memmap is made one anew, and that takes longer than it.
    data = np.frombuffer(mapped, np.uint8)
    a_row = width * np.dtype(kind).itemsize
    # A killed writer may have left a part of one.
    return data[: len(data) // a_row * a_row].view(kind).reshape(-1, width), mapped


@contextmanager
def _at(file: Path, position: int) -> Generator[BinaryIO]:
    """Open a file to write from a position on; what is written is on disk when this ends."""
    make_file(file)
    with file.open("r+b") as opened:
        opened.seek(position)
        yield opened
        opened.flush()
        os.fsync(opened.fileno())
