"""Read an index where nothing can be written: a read-only disk, another's folder, a full disk.

SQLite, tantivy and Chroma all make files where they only read: shared memory, locks, migrations.
"""

import os
import shutil
import sqlite3
import tempfile
import time
import weakref
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

_TIMEOUT_S = 30
_LOOK_S = 0.02
# How long those who read are waited for, where nothing depends on it.
_FOLD_TIMEOUT_S = 1
# Held by those who write; a stand-in has its own.
_LOCKS = ("*.lock", "gate")
UNWRITABLE = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
)
"""What SQLite fails with where it cannot write, its shared memory say; not what another holds."""


class Stamp(NamedTuple):
    """Which file is at a place, so that another in its stead is noticed."""

    device: int
    inode: int
    changes: tuple[int, int, bool] | None = None
    """Time and size of the file, and if it has a log; None for one that SQLite watches itself."""

    @property
    def is_watched(self) -> bool:
        """Return True if a change of the file's content changes it."""
        return self.changes is not None


def stamp(file: Path, *, watched: bool = False) -> Stamp:
    """Stamp a SQLite file as it now is.

    Args:
        file: The file.
        watched: Return what a change of its content changes, too.

    Raises:
        OSError: It is not there, or may not be looked at.
    """
    found = file.stat()
    if not watched:
        return Stamp(found.st_dev, found.st_ino)
    return Stamp(
        found.st_dev, found.st_ino, (found.st_mtime_ns, found.st_size, _log_of(file).exists())
    )


def is_writable(folder: Path) -> bool:
    """Return True if this process may make files in a folder; there need be no room for them."""
    return os.access(folder, os.W_OK | os.X_OK)


class Opened(NamedTuple):
    """A SQLite file, open."""

    db: sqlite3.Connection
    stamp: Stamp
    """Watched where it is read as it was when it was opened, whatever a writer elsewhere does."""


def connect(file: Path, *, create: bool = False) -> Opened:
    """Open a SQLite file with its log of writes beside it, to be read alone where need be.

    Args:
        file: The file.
        create: Make it, if it is not there; then it has to be writable.

    Raises:
        sqlite3.Error: It cannot be opened in any way.
    """
    try:
        db = _tried(file, "" if create else "?mode=rw", _TIMEOUT_S)
        _keep_log(db)
        return Opened(db, stamp(file))
    except sqlite3.OperationalError as error:
        if create or error.sqlite_errorcode & 0xFF not in UNWRITABLE:
            raise
    try:
        seen = stamp(file, watched=True)
        log = _log_of(file)
        if log.is_file() and log.stat().st_size:
            return Opened(_copied(file, log), seen)
    except OSError as error:
        raise sqlite3.OperationalError(str(error)) from error
    # SQLite then neither locks nor looks for changes. Its documentation calls that safe for as long
    # as nobody writes the file (https://www.sqlite.org/uri.html#uriimmutable). This process cannot;
    # one on another machine or mount may: the stamp tells, and the file is then opened anew.
    return Opened(_tried(file, "?mode=ro&immutable=1", _TIMEOUT_S), seen)


def _keep_log(db: sqlite3.Connection) -> None:
    """Have writes go to a log, once nobody else reads or makes the file.

    SQLite itself waits for nobody there, so of two that make one catalogue one would fail.
    """
    for attempts_left in reversed(range(round(_TIMEOUT_S / _LOOK_S))):
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not attempts_left:
                raise
            time.sleep(_LOOK_S)


def _copied(file: Path, log: Path) -> sqlite3.Connection:
    """Open a copy of a file whose log an interrupted writer left, which `immutable` passes over."""
    folder = _temporary()
    try:
        for part in (file, log):
            shutil.copyfile(part, folder / part.name)
        return _tried(folder / file.name, "?mode=rw", _TIMEOUT_S)
    finally:
        shutil.rmtree(folder)  # what SQLite has open it keeps


def fold_logs(folder: Path) -> None:
    """Write what the logs of SQLite files hold to these files, and empty the logs.

    Otherwise each keeps the room of its largest transaction, 4 MB at least, until the last process
    closes it. One that is read just now is left as it is.

    Args:
        folder: Where they are, at any depth; without Chroma's.

    Raises:
        sqlite3.Error: One cannot be written.
    """
    for file in folder.rglob("*.sqlite"):
        log = _log_of(file)
        if log.is_file() and log.stat().st_size:
            with closing(_tried(file, "?mode=rw", _FOLD_TIMEOUT_S)) as db:
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def stand_in(*folders: Path, copied: str) -> Path:
    """Make a folder that can be written and has the files of another, or of several.

    Args:
        folders: The other ones; of files of one name there is the last.
        copied: Pattern of the names of files that are copied; to all others there are links.

    Returns:
        A temporary folder; `drop_with` has it deleted.

    Raises:
        OSError: There is no room for it, or a file cannot be read.
    """
    made = _temporary()
    try:
        for entry in (entry for folder in folders for entry in folder.iterdir()):
            if any(entry.match(lock) for lock in _LOCKS):
                continue
            if entry.match(copied):
                shutil.copyfile(entry, made / entry.name)
            else:
                (made / entry.name).symlink_to(entry.absolute())
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return made


def drop_with(owner: object, made: Path) -> Callable[[], object]:
    """Delete a stand-in when its owner is gone, at the end of the process at the latest.

    Returns:
        Deletes it at once.
    """
    return weakref.finalize(owner, shutil.rmtree, made, ignore_errors=True)


def _tried(file: Path, how: str, timeout_s: float) -> sqlite3.Connection:
    """Open a file and read from it: SQLite does neither when it connects."""
    place = file.absolute().as_uri() + how
    db = sqlite3.connect(place, uri=True, check_same_thread=False, timeout=timeout_s)
    try:
        db.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error:
        db.close()
        raise
    return db


def _log_of(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def _temporary() -> Path:
    return Path(tempfile.mkdtemp(prefix="footnote-"))
