"""The catalogue's file, open: papers and the records that they are made of, as they now are."""

import sqlite3
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from footnote.rag.core.errors import IndexDamagedError, IndexMissingError, PaperDamagedError
from footnote.rag.core.records import Paper
from footnote.rag.index import schema
from footnote.rag.index.durable import make_file
from footnote.rag.index.readonly import connect, stamp
from footnote.rag.index.stored import (
    AMONG,
    PART,
    PENDING,
    RECORD,
    SERVED,
    Damage,
    Part,
    State,
    Version,
    is_whole,
    is_whole_part,
    listed,
    read_paper,
    unpacked,
)

# Papers that are read at once where all of them are.
_AT_ONCE = 500
_NEVER_EMBEDDED = f"{PENDING} AND (indexed IS NULL OR n_chunks IS NULL)"
_PUT_BACK = (
    "put a copy of it back and run `footnote rebuild`, or delete the folder and take the papers in "
    "again"
)


class CatalogueFile:
    """All papers of one index folder, and their records, to be read."""

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
            schema.prepare(self._db)

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
            f"SELECT {RECORD} FROM papers WHERE paper_id IN (SELECT paper_id FROM keys"  # noqa: S608
            " WHERE key IN (SELECT value FROM json_each(?))) ORDER BY paper_id",
            [listed(keys)],
        )

    def get(self, paper_ids: Iterable[str]) -> dict[str, Paper]:
        """Return the papers among these ids that exist."""
        found = self._papers(f"SELECT {RECORD} FROM papers {AMONG}", [listed(paper_ids)])  # noqa: S608
        return {paper.paper_id: paper for paper in found}

    def known(self, paper_ids: Iterable[str]) -> set[str]:
        """Return those of these ids that are papers, whole or not."""
        rows = self._rows(f"SELECT paper_id FROM papers {AMONG}", [listed(paper_ids)])  # noqa: S608
        return {paper_id for (paper_id,) in rows}

    def papers(self) -> list[Paper]:
        """Return every paper, by title."""
        papers = self._papers(f"SELECT {RECORD} FROM papers", ())  # noqa: S608
        return sorted(papers, key=lambda p: (p.title.casefold(), p.paper_id))

    def papers_of_records(self, fingerprints: Iterable[str]) -> dict[str, str]:
        """Return the ids of the papers that these records already went into, by fingerprint."""
        return dict(
            self._rows(
                "SELECT fingerprint, paper_id FROM records"
                " WHERE fingerprint IN (SELECT value FROM json_each(?))",
                [listed(fingerprints)],
            )
        )

    def after(self, paper_id: str, limit: int) -> list[Paper]:
        """Return up to `limit` papers, by id, from the one after `paper_id` on."""
        return self._papers(
            f"SELECT {RECORD} FROM papers WHERE paper_id > ? ORDER BY paper_id LIMIT ?",  # noqa: S608
            (paper_id, limit),
        )

    def each_paper(self) -> Iterator[Paper]:
        """Yield every paper, by id, of which few are read at once."""
        last = ""
        while papers := self.after(last, _AT_ONCE):
            yield from papers
            last = papers[-1].paper_id

    def keys_of(self, paper_ids: Iterable[str], *, shared_by: int) -> set[str]:
        """Return the identity keys of these papers that at most `shared_by` papers have."""
        return {
            key
            for (key,) in self._rows(
                "SELECT DISTINCT key FROM keys k"
                " WHERE paper_id IN (SELECT value FROM json_each(?)) AND ? >="
                " (SELECT count(*) FROM (SELECT 1 FROM keys WHERE key = k.key LIMIT ? + 1))",
                [listed(paper_ids), shared_by, shared_by],
            )
        }

    def crowded(self, keys: Iterable[str], *, shared_by: int) -> set[str]:
        """Return those of the keys that more than `shared_by` papers have."""
        return {
            key
            for (key,) in self._rows(
                "SELECT value FROM json_each(?) WHERE ? <"
                " (SELECT count(*) FROM (SELECT 1 FROM keys WHERE key = value LIMIT ? + 1))",
                [listed(keys), shared_by, shared_by],
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
            f"SELECT {PART} FROM parts {AMONG} ORDER BY part_id",  # noqa: S608
            [listed(paper_ids)],
        )
        if damaged := dict.fromkeys(row[0] for row in rows if not is_whole_part(row)):
            raise PaperDamagedError(self.file, list(damaged), restorable=False)
        return [
            (paper_id, Part(part_id, self._paper(unpacked(record)), apart, cleaning))
            for paper_id, part_id, apart, record, _, cleaning in rows
        ]

    def oldest_first(self, paper_ids: Iterable[str]) -> list[str]:
        """Return the papers among these ids, in the order in which they were first taken in."""
        return [
            paper_id
            for (paper_id,) in self._rows(
                "SELECT paper_id FROM papers WHERE paper_id IN (SELECT value FROM json_each(?))"
                " ORDER BY rowid",
                [listed(paper_ids)],
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

    def damage(self) -> Damage:
        """List the papers and records that are not as they were written; reads all of them."""
        papers = [
            row[0]
            for row in self._rows(f"SELECT {RECORD} FROM papers ORDER BY paper_id")  # noqa: S608
            if not is_whole(row)
        ]
        papers += [
            row[0]
            for row in self._rows(f"SELECT {SERVED} FROM papers WHERE indexed IS NOT NULL")  # noqa: S608
            if not is_whole(row)
        ]
        records = {
            row[1]: row[0]
            for row in self._rows(f"SELECT {PART} FROM parts ORDER BY part_id")  # noqa: S608
            if not is_whole_part(row)
        }
        return Damage(list(dict.fromkeys(papers)), records)

    def records_of(self, paper_ids: Iterable[str]) -> dict[str, str]:
        """Return fingerprints of the records that went into these papers, with each's paper id."""
        sql = f"SELECT fingerprint, paper_id FROM records {AMONG}"  # noqa: S608
        return dict(self._rows(sql, [listed(paper_ids)]))

    def fingerprints(self) -> frozenset[str]:
        """Return the fingerprints of all records that were taken in."""
        return frozenset(row for (row,) in self._rows("SELECT fingerprint FROM records"))

    def never_embedded(self) -> list[str]:
        """Return the ids of the papers of which the index holds no version whole."""
        rows = self._rows(f"SELECT paper_id FROM papers WHERE {_NEVER_EMBEDDED} ORDER BY paper_id")  # noqa: S608
        return [paper_id for (paper_id,) in rows]

    def whole_parts(self, paper_id: str) -> list[Part]:
        """Return the parts that a paper can be made of anew, in order of their ids; or none.

        A part that is not as it was written is the paper itself, if that is whole and has no other.
        """
        try:
            return [part for _, part in self._parts([paper_id])]
        except PaperDamagedError:
            sql = f"SELECT part_id, apart, cleaning FROM parts {AMONG}"  # noqa: S608
            rows = self._rows(sql, [listed([paper_id])])
            own = self._rows(f"SELECT {RECORD} FROM papers WHERE paper_id = ?", [paper_id])  # noqa: S608
            if len(rows) > 1 or not own or not is_whole(own[0]):
                return []
            [(part_id, apart, cleaning)] = rows
            return [Part(part_id, self._paper(own[0][2]), apart, cleaning)]

    def cleaned_otherwise(self, part_ids: Iterable[str], cleaning: str) -> set[str]:
        """Return those of these parts that were not made by this cleaning."""
        sql = (
            "SELECT part_id FROM parts WHERE cleaning IS NOT ?"
            " AND part_id IN (SELECT value FROM json_each(?))"
        )
        return {part_id for (part_id,) in self._rows(sql, [cleaning, listed(part_ids)])}

    def told_apart(self, part_ids: Iterable[str]) -> set[str]:
        """Return those of these parts that a person told apart from others."""
        sql = (
            "SELECT part_id FROM parts WHERE apart IS NOT NULL"
            " AND part_id IN (SELECT value FROM json_each(?))"
        )
        return {part_id for (part_id,) in self._rows(sql, [listed(part_ids)])}

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
        """Count the papers that the index does not hold whole as they are now."""
        # An id is never empty; asked so, the index of those alone is counted.
        sql = f"SELECT count(*) FROM papers WHERE {PENDING} AND paper_id > ''"  # noqa: S608
        return self._rows(sql)[0][0]

    def pending(self, limit: int, after: str = "") -> list[Paper]:
        """Return up to `limit` papers that the index does not hold whole as they are now, by id.

        Args:
            limit: How many at most.
            after: The id of a paper; from the one after it on.
        """
        return self._papers(
            f"SELECT {RECORD} FROM papers WHERE {PENDING}"  # noqa: S608
            " AND paper_id > ? ORDER BY paper_id LIMIT ?",
            (after, limit),
        )

    def never_served(self, limit: int, after: str) -> list[Paper]:
        """Return up to `limit` papers of which nothing is indexed, by id, from after `after` on."""
        # A plus, since by the index of what is indexed all of them would be sorted each time.
        return self._papers(
            f"SELECT {RECORD} FROM papers WHERE {PENDING} AND +indexed IS NULL"  # noqa: S608
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

    def state(self) -> State:
        """Return which index is in force, and how often it has changed."""
        return State(*self._rows("SELECT snapshot, epoch FROM state")[0])

    def _papers(self, sql: str, values: Sequence[object]) -> list[Paper]:
        rows = self._rows(sql, values)
        if damaged := [row[0] for row in rows if not is_whole(row)]:
            raise self._damaged(damaged)
        return [self._paper(record) for _, _, record, _ in rows]

    def _paper(self, record: bytes) -> Paper:
        try:
            return read_paper(record)
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


def _has_index(folder: Path) -> bool:
    # The second name is that of an earlier version.
    return any(next(folder.glob(f"{name}/*"), None) for name in ("snapshots", "generations"))


def _next_step(error: Exception) -> str:
    damaged = ("malformed", "not a database", "no such table", "no such column")
    if any(sign in str(error) for sign in damaged):
        return f"the file is damaged: {_PUT_BACK}"
    if "full" in str(error) or "disk I/O" in str(error):
        return "free some space on that disk and run the same command again"
    return "check the folder's permissions and space, or name another with --index"
