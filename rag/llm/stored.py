"""Keep the replies of a model, so that the same prompt is not paid for twice."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from pydantic import TypeAdapter, ValidationError

from footnote.rag.llm.port import Around, End, Message, Model, Put, Said, Usage

FILE = "replies.sqlite"
_MOST_BYTES, _MOST_OF_ONE = 50_000_000, 500_000
# Whoever asks is not kept waiting by another process that writes.
_WAIT_S = 0.5
_DAMAGED = frozenset([sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB])
_PIECES = TypeAdapter(list[str])
_TABLE = """
CREATE TABLE IF NOT EXISTS replies (
    n INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE, size INTEGER, digest TEXT, pieces TEXT
)"""
_FORGET_OLDEST = """
DELETE FROM replies WHERE n <= (
    SELECT max(n) FROM (SELECT n, sum(size) OVER (ORDER BY n DESC) AS total FROM replies)
    WHERE total > ?
)"""


class Stored(Around):
    """A model that gives the reply it gave before to the same messages."""

    def __init__(self, model: Model, replies: "Replies", settings: str):
        """Look nothing up yet.

        Args:
            model: Is asked what is not kept.
            replies: Where they are kept.
            settings: All that makes the model, or another one, say something else.
        """
        super().__init__(model)
        self._replies = replies
        self._settings = settings

    def in_form(self, schema: Mapping[str, Any]) -> Self:
        """Return one that writes JSON of this schema; what it says is kept apart."""
        other = super().in_form(schema)
        other._settings = json.dumps([self._settings, schema], sort_keys=True)
        return other

    def begin(
        self, messages: Sequence[Message], put: Put, *, deadline: float
    ) -> Callable[[], None]:
        """Begin to answer in the background, or give what was answered before; see `Model`."""
        key = _digest([self._settings, self.name, self.max_tokens, *messages])
        if kept := self._replies.find(key):
            for piece in kept:
                put(piece)
            put(End(complete=True, usage=Usage(0, 0), cached=True))
            return lambda: None
        pieces: list[str] = []

        def heard(said: Said) -> None:
            if isinstance(said, str):
                pieces.append(said)
            elif isinstance(said, End) and said.complete:
                self._replies.keep(key, pieces)
            put(said)

        return self._model.begin(messages, heard, deadline=deadline)


class Replies:
    """A file of whole replies, up to 50 MB, the oldest going first.

    Several processes may use it. Where it cannot be read or written nothing is kept, and nobody
    hears of it: the model is asked.
    """

    def __init__(self, folder: Path, most_bytes: int = _MOST_BYTES):
        """Note where it is; it is made with the first reply.

        Args:
            folder: Where the file is, or will be.
            most_bytes: Of all replies together.
        """
        self._file = folder / FILE
        self._most_bytes = most_bytes

    def find(self, key: str) -> list[str] | None:
        """Return the pieces of a reply; None where it is not here, or is damaged."""
        found = None
        if self._file.is_file():
            with self._open() as database:
                asked = "SELECT digest, pieces FROM replies WHERE key = ?"
                found = database.execute(asked, [key]).fetchone()
        if not found or found[0] != _digest([key, found[1]]):
            return None
        with suppress(ValidationError):
            return _PIECES.validate_json(found[1])
        return None

    def keep(self, key: str, pieces: Sequence[str]) -> None:
        """Keep a whole reply, and forget the oldest where there are too many."""
        text = json.dumps(list(pieces))
        if not pieces or len(text) > min(_MOST_OF_ONE, self._most_bytes):
            return
        row = [key, len(text), _digest([key, text]), text]
        with suppress(OSError), self._open(makes=True) as database:
            database.execute(_TABLE)
            database.execute(
                "INSERT OR REPLACE INTO replies (key, size, digest, pieces) VALUES (?, ?, ?, ?)",
                row,
            )
            database.execute(_FORGET_OLDEST, [self._most_bytes])

    @contextmanager
    def _open(self, *, makes: bool = False) -> Generator[sqlite3.Connection]:
        """Open the file for one transaction; whatever goes wrong in it ends it, and is all.

        Raises:
            OSError: It is to be made, and cannot be.
        """
        if makes:  # for nobody but its owner to read
            self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self._file, os.O_WRONLY | os.O_CREAT, 0o600))
        try:
            with closing(sqlite3.connect(self._file, timeout=_WAIT_S)) as database, database:
                yield database
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED:
                with suppress(OSError):
                    self._file.unlink()


def _digest(parts: Sequence[object]) -> str:
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()
