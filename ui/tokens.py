"""Tokens and passwords: who may ask, read or write. Only hashes of them are kept."""

import datetime
import hashlib
import hmac
import json
import secrets
import threading
from enum import StrEnum
from pathlib import Path

from filelock import FileLock
from pydantic import TypeAdapter, ValidationError

from footnote.rag.core.base import Record, Text
from footnote.rag.core.errors import ConfigError
from footnote.rag.index.durable import make_folder, write_durably

_PREFIX = "footnote_"
# 2^14 with blocks of 8 takes 16 MB and some 40 ms: what RFC 7914 gives for logins.
_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}


class Scope(StrEnum):
    """What a caller may do; each may also do what those before it may."""

    READ = "read"
    """Search and list papers."""
    ASK = "ask"
    """Ask and check."""
    WRITE = "write"
    """Change which papers are here, and use the page, which can."""

    def covers(self, other: "Scope") -> bool:
        """Return True if who has this one may do what the other one allows."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


class Token(Record):
    """A token that was given out, without its secret."""

    name: Text
    scope: Scope
    created: datetime.date
    sha256: Text
    """Of the secret, which is long and random: nothing slower is needed."""


_LISTED = TypeAdapter(tuple[Token, ...])


class Tokens:
    """The tokens of one index, in a file beside its folder. Safe to use from several threads."""

    def __init__(self, index: Path):
        """Use the file beside an index folder; the first `new` makes it."""
        self._file = index.with_name(f"{index.name}.tokens.json")
        self._lock = threading.Lock()
        self._read: tuple[object, tuple[Token, ...]] = (None, ())

    def new(self, name: str, scope: Scope) -> str:
        """Make a token, and return its secret, which is kept nowhere.

        Raises:
            ConfigError: There is one of this name, or the file cannot be read.
        """
        secret = _PREFIX + secrets.token_urlsafe(32)
        make_folder(self._file.parent)
        with self._writing():
            if name in (token.name for token in self.all()):
                raise ConfigError(f"there is a token {name!r} already; revoke it, or name another")
            token = Token(
                name=name,
                scope=scope,
                created=datetime.datetime.now(datetime.UTC).date(),
                sha256=_hashed(secret),
            )
            self._write((*self.all(), token))
        return secret

    def revoke(self, name: str) -> None:
        """Take a token back; a server that runs refuses it from its next call on.

        Raises:
            ConfigError: There is none of this name.
        """
        with self._writing():
            kept = tuple(token for token in self.all() if token.name != name)
            if len(kept) == len(self.all()):
                raise ConfigError(f"there is no token {name!r}; `footnote token list` names all")
            self._write(kept)

    def all(self) -> tuple[Token, ...]:
        """List the tokens, oldest first; read anew where the file has changed.

        Raises:
            ConfigError: The file cannot be read.
        """
        try:
            seen = self._file.stat()
        except FileNotFoundError:
            return ()
        with self._lock:
            state = (seen.st_mtime_ns, seen.st_ino)
            if self._read[0] != state:
                self._read = state, self._load()
            return self._read[1]

    def find(self, secret: str) -> Token | None:
        """Return the token with this secret, or None."""
        asked = _hashed(secret)
        return next((t for t in self.all() if hmac.compare_digest(t.sha256, asked)), None)

    def _load(self) -> tuple[Token, ...]:
        try:
            return _LISTED.validate_json(self._file.read_bytes())
        except (OSError, ValidationError) as error:
            raise ConfigError(
                f"the tokens in {self._file} cannot be read; restore the file, or delete it and "
                "make new ones"
            ) from error

    def _write(self, tokens: tuple[Token, ...]) -> None:
        rows = [token.model_dump(mode="json") for token in tokens]
        write_durably(self._file, json.dumps(rows, indent=1).encode())

    def _writing(self) -> FileLock:
        return FileLock(f"{self._file}.lock", timeout=10)


def hash_password(password: str) -> str:
    """Return what `web.users` keeps of a password."""
    salt = secrets.token_bytes(16)
    return f"scrypt:{salt.hex()}:{_stretched(password, salt).hex()}"


def is_password(password: str, kept: str) -> bool:
    """Return True if this is the password of which that is kept; takes some 40 ms."""
    _, salt, expected = kept.split(":")
    found = _stretched(password, bytes.fromhex(salt))
    return hmac.compare_digest(found, bytes.fromhex(expected))


def _stretched(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode(errors="replace"), salt=salt, **_SCRYPT)


def _hashed(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()
