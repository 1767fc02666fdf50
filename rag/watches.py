"""Standing questions, what was told of each, and their news: one file of SQLite beside the index.

It lies beside the folder and not in it, so that a new index over the same papers tells nothing
again. A paper is known by the sentences that it had when it was first looked at: what a later
version adds is as new as a new paper.
"""

import datetime
import sqlite3
import uuid
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from pydantic import Field, ValidationError

from footnote.rag.core.base import Record, Text, is_none
from footnote.rag.core.errors import IndexAccessError, IndexDamagedError, QuestionError
from footnote.rag.core.partial import PaperDate
from footnote.rag.core.records import Citation, Paper, fingerprint
from footnote.rag.core.request import Filters
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.durable import make_file, make_folder

Kept = TypeVar("Kept", bound=Record)

_SCHEMA = """
CREATE TABLE IF NOT EXISTS state (        -- one row
    only   INTEGER PRIMARY KEY CHECK (only = 1),
    look   INTEGER NOT NULL,              -- how often new sentences were found
    corpus TEXT NOT NULL,                 -- the catalogue's fingerprint at the last of them
    feed   TEXT NOT NULL                  -- the id of the feed, the same for good
);
CREATE TABLE IF NOT EXISTS sentences (    -- of papers, by the look that first saw them
    paper_id TEXT NOT NULL,
    look     INTEGER NOT NULL,
    version  TEXT NOT NULL,               -- of the paper, at that look
    hashes   BLOB NOT NULL,               -- eight bytes a sentence that was new then
    PRIMARY KEY (paper_id, look)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sentences_by_look ON sentences (look);
CREATE TABLE IF NOT EXISTS watches (
    watch_id TEXT PRIMARY KEY,
    record   TEXT NOT NULL,
    look     INTEGER NOT NULL             -- the last one whose sentences it was asked of
);
CREATE TABLE IF NOT EXISTS told (         -- sentences that a reader was told of, or knew before
    watch_id TEXT NOT NULL,
    quote    TEXT NOT NULL,
    kind     TEXT NOT NULL,
    PRIMARY KEY (watch_id, quote)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS news (
    number   INTEGER PRIMARY KEY,
    watch_id TEXT NOT NULL,
    record   TEXT NOT NULL,
    is_read  INTEGER NOT NULL DEFAULT 0   -- 1 once `footnote watch` has printed it
);
"""
_HASH_BYTES = 8
# Papers that are read at once.
_AT_ONCE = 500
_WAIT_S = 30
# News that are kept of all questions; the oldest make room.
_KEPT = 2_000

NewsKind = Literal["support", "number", "against", "open"]
"""A new sentence that answers; one with a figure that was asked for and not told before; one that
speaks against a claim; one that speaks to a claim, where quotes alone do not tell what it says."""


class Watch(Record):
    """A standing question."""

    watch_id: Text
    question: Text
    filters: Filters = Filters()
    """Which papers may answer; all where the question itself says it."""
    is_claim: bool = False
    """True for a claim, whose evidence for and against is watched."""
    added: datetime.datetime

    @classmethod
    def of(cls, question: str, filters: Filters, *, is_claim: bool) -> "Watch":
        """Return a question as it is watched; the same one has the same id."""
        line = " ".join(question.split())
        told_apart = fingerprint(line, filters.model_dump_json(), str(is_claim))
        return cls(
            watch_id=told_apart[:_HASH_BYTES],
            question=line,
            filters=filters,
            is_claim=is_claim,
            added=now(),
        )


class News(Record):
    """A sentence of a new paper, or of a new version of one, for a standing question."""

    news_id: Text
    watch_id: Text
    question: Text
    kind: NewsKind
    citation: Citation
    """The sentence and its paper; scored as in an answer, or by how much of the claim it says."""
    figures: tuple[str, ...] = ()
    """Figures of the sentence that no sentence told before has."""
    reason: str | None = Field(default=None, exclude_if=is_none)
    """Of a claim: in what it differs, or why it cannot be told for or against."""
    is_first: bool = False
    """True for the first sentence that speaks against a claim."""
    date: PaperDate | None = None
    """The paper's."""
    url: str | None = None
    found: datetime.datetime
    corpus: Text
    """Fingerprint of the papers among which it was found."""


class Told(NamedTuple):
    """What a reader knows already of a standing question."""

    quotes: tuple[str, ...]
    has_contradiction: bool


class Look(NamedTuple):
    """Which papers are here."""

    number: int
    corpus: str


class Watches:
    """The standing questions of one index. Safe to use from several threads and processes."""

    def __init__(self, index: Path):
        """Use the file beside an index folder; the first question makes it."""
        self.file = index.with_name(f"{index.name}.watches.sqlite")

    def all(self) -> list[Watch]:
        """Return the standing questions, in the order in which they were added."""
        rows = self._rows("SELECT record FROM watches ORDER BY rowid")
        return [self._read(Watch, record) for (record,) in rows]

    def add(self, watch: Watch, look: Look, known: Iterable[tuple[str, NewsKind]]) -> Watch:
        """Keep a question; one that is kept already stays as it is.

        Args:
            watch: The question.
            look: Sentences that came with it, or before, are not news.
            known: Sentences that answer it among those, and what each is for it.

        Returns:
            The question as it is kept.

        Raises:
            IndexAccessError: It cannot be written.
        """
        with self._writing() as db:
            record = watch.model_dump_json()
            before = db.execute(
                "SELECT record FROM watches WHERE watch_id = ?", [watch.watch_id]
            ).fetchone()
            if before:
                return self._read(Watch, before[0])
            row = (watch.watch_id, record, look.number)
            db.execute("INSERT INTO watches VALUES (?, ?, ?)", row)
            _tell(db, watch.watch_id, known)
        return watch

    def remove(self, watch_id: str) -> Watch:
        """Take a question out, with its news.

        Raises:
            QuestionError: There is none of this id.
            IndexAccessError: It cannot be written.
        """
        found = {watch.watch_id: watch for watch in self.all()}
        if watch_id not in found:
            raise QuestionError(
                f"there is no standing question {watch_id[:100]!r}",
                "`footnote watch list` lists them",
            )
        with self._writing() as db:
            for table in ("watches", "told", "news"):  # names of ours
                db.execute(f"DELETE FROM {table} WHERE watch_id = ?", [watch_id])  # noqa: S608
        return found[watch_id]

    def look(self, catalogue: Catalogue) -> Look:
        """Note which sentences of the papers served are new, if any are.

        Raises:
            IndexAccessError: It cannot be written.
        """
        corpus = catalogue.fingerprint()
        with self._writing() as db:
            number, before = db.execute("SELECT look, corpus FROM state").fetchone()
            if corpus == before:
                return Look(number, corpus)
            known = dict(db.execute("SELECT paper_id, version FROM sentences ORDER BY look"))
            served = catalogue.served_versions()
            changed = [i for i, version in served.items() if known.get(i) != version]
            if changed:
                number += 1
                _note_sentences(db, catalogue, changed, number, is_first=not known)
            db.execute("UPDATE state SET look = ?, corpus = ?", [number, corpus])
        return Look(number, corpus)

    def behind(self, look: Look) -> list[tuple[Watch, int]]:
        """Return the questions not yet asked of all sentences, each with its last look."""
        sql = "SELECT record, look FROM watches WHERE look < ? ORDER BY rowid"
        return [(self._read(Watch, r), number) for r, number in self._rows(sql, [look.number])]

    def fresh(self, after: int) -> dict[str, frozenset[bytes]]:
        """Return the sentences, by their hashes, that papers have since a look."""
        found: dict[str, frozenset[bytes]] = {}
        for paper_id, hashes in self._rows(
            "SELECT paper_id, hashes FROM sentences WHERE look > ?", [after]
        ):
            if hashes:
                found[paper_id] = found.get(paper_id, frozenset()) | _cut(hashes)
        return found

    def told(self, watch_id: str) -> Told:
        """Return what was told of a question."""
        rows = self._rows("SELECT quote, kind FROM told WHERE watch_id = ?", [watch_id])
        return Told(tuple(q for q, _ in rows), any(kind == "against" for _, kind in rows))

    def note(self, watch: Watch, after: int, look: Look, news: Sequence[News]) -> list[News]:
        """Keep the news of a question and that it was asked: all of it, or nothing.

        Returns:
            Those that are kept; none where another process was faster, or the question is gone.
        """
        with self._writing() as db:
            moved = db.execute(
                "UPDATE watches SET look = ? WHERE watch_id = ? AND look = ?",
                [look.number, watch.watch_id, after],
            )
            if not moved.rowcount:
                return []
            rows = [(watch.watch_id, each.model_dump_json()) for each in news]
            db.executemany("INSERT INTO news (watch_id, record) VALUES (?, ?)", rows)
            _tell(db, watch.watch_id, ((each.citation.quote, each.kind) for each in news))
            db.execute(
                "DELETE FROM news WHERE number <= (SELECT max(number) FROM news) - ?", [_KEPT]
            )
        return list(news)

    def news(self, *, unread: bool = False) -> dict[int, News]:
        """Return the news that are kept, the newest first, each by its number.

        Args:
            unread: Leave out what `mark_read` was told.
        """
        which = " WHERE is_read = 0" if unread else ""
        sql = f"SELECT number, record FROM news{which} ORDER BY number DESC"  # noqa: S608
        return {number: self._read(News, record) for number, record in self._rows(sql)}

    def mark_read(self, numbers: Iterable[int]) -> None:
        """Note that a person has these news."""
        listed = [(number,) for number in numbers]
        if listed:
            with self._writing() as db:
                db.executemany("UPDATE news SET is_read = 1 WHERE number = ?", listed)

    @property
    def feed_id(self) -> str:
        """The id of the feed of these questions, the same for good once there was one."""
        rows = self._rows("SELECT feed FROM state")
        return rows[0][0] if rows else uuid.UUID(int=0).urn

    def _rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        if not self.file.is_file():
            return []
        with self._explained(), closing(self._connect()) as db:
            return db.execute(sql, values).fetchall()

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        with self._explained():
            make_folder(self.file.parent)
            make_file(self.file)
            with closing(self._connect()) as db:
                if not db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
                    db.executescript(_SCHEMA)
                db.execute("BEGIN IMMEDIATE")
                db.execute("INSERT OR IGNORE INTO state VALUES (1, 0, '', ?)", [uuid.uuid4().urn])
                yield db
                db.execute("COMMIT")

    def _connect(self) -> sqlite3.Connection:
        # What is not committed when the connection is closed is taken back.
        db = sqlite3.connect(self.file, timeout=_WAIT_S, isolation_level=None)
        db.execute("PRAGMA synchronous = FULL")
        return db

    def _read(self, kind: type[Kept], record: object) -> Kept:
        try:
            return kind.model_validate_json(str(record))
        except ValidationError as error:
            raise self._damaged(error.errors()[0]["msg"]) from error

    @contextmanager
    def _explained(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise self._unwritable(error.strerror) from error
        except sqlite3.OperationalError as error:
            raise self._unwritable(str(error)) from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error

    def _unwritable(self, reason: str | None) -> IndexAccessError:
        return IndexAccessError(
            f"the standing questions in {self.file} cannot be kept: {reason}",
            "check the folder's permissions and space, and that no other command is stuck",
        )

    def _damaged(self, reason: str) -> IndexDamagedError:
        return IndexDamagedError(
            f"the standing questions in {self.file} cannot be read: {reason}",
            "move the file away, and add them again",
        )


def hash_of(quote: str) -> bytes:
    """Return what a sentence is known by."""
    return bytes.fromhex(fingerprint(quote))


def now() -> datetime.datetime:
    """Return the moment, to the second."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def _tell(db: sqlite3.Connection, watch_id: str, told: Iterable[tuple[str, NewsKind]]) -> None:
    rows = [(watch_id, quote, kind) for quote, kind in told]
    db.executemany("INSERT OR IGNORE INTO told VALUES (?, ?, ?)", rows)


def _note_sentences(
    db: sqlite3.Connection,
    catalogue: Catalogue,
    paper_ids: Sequence[str],
    look: int,
    *,
    is_first: bool,
) -> None:
    """Note which sentences of these papers are new: of all where nothing was noted before."""
    # A paper may have been known by another id before it was merged.
    earlier: dict[str, list[str]] = {}
    for alias, paper_id in {} if is_first else catalogue.aliases().items():
        earlier.setdefault(paper_id, []).append(alias)
    left = iter(paper_ids)
    while batch := list(islice(left, _AT_ONCE)):
        for paper_id, paper in catalogue.served(batch).items():
            ids = [] if is_first else [paper_id, *earlier.get(paper_id, ())]
            added = _hashes(paper) - _known(db, ids)
            row = (paper_id, look, paper.version, b"".join(sorted(added)))
            db.execute("INSERT INTO sentences VALUES (?, ?, ?, ?)", row)


def _hashes(paper: Paper) -> frozenset[bytes]:
    return frozenset(hash_of(paper.quote(span)) for span in paper.sentences)


def _known(db: sqlite3.Connection, paper_ids: Iterable[str]) -> frozenset[bytes]:
    found: frozenset[bytes] = frozenset()
    for paper_id in paper_ids:
        rows = db.execute("SELECT hashes FROM sentences WHERE paper_id = ?", [paper_id])
        found = found.union(*(_cut(hashes) for (hashes,) in rows))
    return found


def _cut(hashes: bytes) -> frozenset[bytes]:
    starts = range(0, len(hashes), _HASH_BYTES)
    return frozenset(hashes[at : at + _HASH_BYTES] for at in starts)
