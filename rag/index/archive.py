"""One file that holds an index whole: made while the index is asked, restored whole or not at all.

A ZIP archive. One member lists the others, each with its size and checksum; they are the files of
the index folder, with the snapshot in force and without any other. SQLite's files are copied by
SQLite, which gives each as it is between two transactions.
"""

import errno
import hashlib
import os
import shutil
import sqlite3
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple
from uuid import uuid4

from pydantic import ConfigDict, ValidationError

from footnote.rag.core.base import Record
from footnote.rag.core.errors import BackupError, IndexAccessError, IndexDamagedError
from footnote.rag.index import lock
from footnote.rag.index.durable import make_file, make_folder, sync
from footnote.rag.index.index import Index
from footnote.rag.index.snapshot import FOLDER, SNAPSHOTS

FORMAT_VERSION = 1
_LIST = "footnote-backup.json"
_CATALOGUE = "catalogue.sqlite"
# What lies beside the folder under its name, standing questions and hashed tokens, and where that
# is in the archive.
_BESIDE, _BESIDE_FOLDER = ("watches.sqlite", "tokens.json"), "beside"
# Pages of services are fetched anew where need be; all else of the folder is kept.
_FETCHED = "fetched"
# Locks, and what is a process's and not the index's. SQLite's logs are in the copies it makes.
_OF_PROCESSES = ("lock", "writer", "gate", "*.lock", "*-wal", "*-shm", "*-journal", "*.new")
_READ_BYTES = 1 << 20
# Vectors hardly shrink, however long it takes; the catalogue does at once.
_LEVEL = 1
# Bytes; a file takes some 150, and an index has a few dozen.
_LONGEST_LIST = 10_000_000
# What Python raises for an archive that was cut or changed.
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    UnicodeDecodeError,
)


class ArchivedFile(Record):
    """One file of the index folder, as it was written."""

    # What a later version adds is passed over.
    model_config = ConfigDict(extra="ignore")

    name: str
    """Its place in the folder, with `/`."""
    size: int
    sha256: str


class Contents(Record):
    """What a backup holds."""

    # What a later version adds is passed over.
    model_config = ConfigDict(extra="ignore")

    format_version: int = FORMAT_VERSION
    footnote: str
    """Version of the program that made it."""
    made: str
    """When, in UTC, as ISO 8601."""
    papers: int
    files: tuple[ArchivedFile, ...]


def back_up(index: Index, file: Path, *, replace: bool = False) -> Contents:
    """Write an index to a file, which is there whole or not at all; nobody writes it meanwhile.

    Where a Chroma server holds the vectors, the catalogue is in it and nothing derived from it: the
    command that first asks what was restored makes that anew.

    Args:
        index: Whole, as `IndexWriter.recover` leaves it.
        file: Outside of the index folder.
        replace: Write it in place of a file that is there.

    Raises:
        BackupError: The file is there already, or lies inside the index folder.
        IndexBusyError: Another process writes the index, or has replaced it.
        IndexDamagedError: The index is not whole, or the file cannot be written.
    """
    if file.resolve().is_relative_to(index.folder.resolve()):
        raise BackupError(f"{file} lies in the index folder", "name a file outside of it")
    if file.is_dir() or (file.exists() and not replace):
        raise BackupError(f"{file} is there already", "name another file, or add --replace")
    try:
        with lock.writing(index.folder), _beside(file) as beside:
            index.check_in_place()
            contents = _write(index, beside / "backup", beside)
            (beside / "backup").replace(file)
            sync(file.absolute().parent)
            return contents
    except (OSError, sqlite3.Error) as error:
        raise IndexAccessError(
            f"backup {file} cannot be written: {error}", "free some space or name another file"
        ) from error


def restore(file: Path, folder: Path, *, replace: bool = False) -> Contents:
    """Make an index folder of a backup; it takes its place once every file is checked.

    Who asks an index in that place is answered from the restored one from then on.

    Args:
        file: What `back_up` wrote.
        folder: The index folder.
        replace: Put it in place of an index that is there, which is deleted.

    Raises:
        BackupError: The file is no backup, or not as it was written, or there is something in the
            folder already; nothing was changed.
        IndexBusyError: Another process writes the index that is there.
        IndexAccessError: The folder cannot be written.
    """
    _check_free(folder, replace=replace)
    with _opened(file) as archive:
        contents = _listed(archive)
        try:
            place = folder.resolve()  # where a link leads
            make_folder(place.parent)
            with _beside(place) as beside:
                _extract(archive, contents, beside / "restored")
                _put_in_place(beside / "restored", place)
                _put_beside(folder)
        except OSError as error:
            raise IndexAccessError(
                f"index folder {folder} cannot be written: {error}",
                "free some space or name another with --index",
            ) from error
    return contents


@contextmanager
def _beside(path: Path) -> Generator[Path]:
    """Give a folder on the same disk for what is being made; it is deleted afterwards."""
    parent = path.absolute().parent
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=parent) as made:
        yield Path(made)


def _write(index: Index, draft: Path, beside: Path) -> Contents:
    snapshot = index.snapshot()
    if not snapshot.is_sealed or snapshot.faults(thorough=True):
        raise IndexDamagedError(f"index {index.folder} is not whole", "run `footnote rebuild`")
    kept = snapshot.name if snapshot.card.store == FOLDER else None
    make_file(draft)  # for its owner alone
    with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        contents = Contents(
            footnote=version("footnote-papers"),
            made=datetime.now(UTC).isoformat(timespec="seconds"),
            papers=len(index.catalogue),
            files=tuple(
                _add(archive, _still(file, beside), name)
                for file, name in [*_inside(index.folder, kept), *_of_its_name(index.folder)]
            ),
        )
        archive.writestr(_LIST, contents.model_dump_json())
    sync(draft)
    return contents


def _inside(folder: Path, snapshot: str | None) -> Iterator[tuple[Path, str]]:
    """Yield the files of the folder that a backup holds, with their names in it."""
    for file in sorted(folder.rglob("*")):
        place = file.relative_to(folder)
        of_another = place.parts[0] == SNAPSHOTS and place.parts[1:2] != (snapshot,)
        is_kept = not of_another and place.parts[0] != _FETCHED
        if is_kept and file.is_file() and not any(map(file.match, _OF_PROCESSES)):
            yield file, place.as_posix()


def _of_its_name(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files beside the folder that go with it, with their names in a backup."""
    for name in _BESIDE:
        if (file := _beside_it(folder, name)).is_file():
            yield file, f"{_BESIDE_FOLDER}/{name}"


def _beside_it(folder: Path, name: str) -> Path:
    return folder.with_name(f"{folder.name}.{name}")


def _still(file: Path, beside: Path) -> Path:
    """Return a file that nobody changes: of one of SQLite's, a copy."""
    if ".sqlite" not in file.name:
        return file
    copy = beside / "copy.sqlite"
    copy.unlink(missing_ok=True)
    with (
        closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
        closing(sqlite3.connect(copy)) as to,
    ):
        source.backup(to)
    return copy


def _add(archive: zipfile.ZipFile, source: Path, name: str) -> ArchivedFile:
    with source.open("rb") as read, archive.open(name, "w", force_zip64=True) as written:
        size, sha256 = _copy(read, written)
    return ArchivedFile(name=name, size=size, sha256=sha256)


class _Copied(NamedTuple):
    size: int
    sha256: str


def _copy(source: IO[bytes], to: IO[bytes], most: int | None = None) -> _Copied:
    """Copy a file, up to just above `most` bytes of it."""
    size, sha256 = 0, hashlib.sha256()
    while (most is None or size <= most) and (data := source.read(_READ_BYTES)):
        to.write(data)
        sha256.update(data)
        size += len(data)
    return _Copied(size, sha256.hexdigest())


def _check_free(folder: Path, *, replace: bool) -> None:
    there = [file for name in _BESIDE if (file := _beside_it(folder, name)).exists()]
    if there and not replace:
        raise BackupError(f"{there[0]} is there", "name another with --index, or add --replace")
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    if not (folder / _CATALOGUE).is_file():
        raise BackupError(f"{folder} is not empty and no index", "name another with --index")
    if not replace:
        raise BackupError(
            f"there is an index in {folder}", "name another with --index, or add --replace"
        )


@contextmanager
def _opened(file: Path) -> Generator[zipfile.ZipFile]:
    """Open a backup; what fails in reading it is said of it."""
    try:
        archive = zipfile.ZipFile(file)
    except _UNREADABLE as error:
        raise BackupError(
            f"{file} is no backup, or the end of it is lost", "name what `footnote backup` wrote"
        ) from error
    except OSError as error:
        raise BackupError(
            f"backup {file} cannot be read: {error.strerror}", "name another"
        ) from error
    with archive:
        try:
            yield archive
        except _AlteredError as error:
            raise _damaged(file, str(error)) from error
        except _UNREADABLE as error:
            raise _damaged(file, " ".join(str(error).split())) from error


class _AlteredError(Exception):
    """A backup is not as it was written; says in what."""


def _damaged(file: Path, why: str) -> BackupError:
    return BackupError(f"backup {file} is damaged: {why}", "restore another; nothing was changed")


def _listed(archive: zipfile.ZipFile) -> Contents:
    if _LIST not in archive.namelist():
        raise BackupError(
            f"{archive.filename} is no backup of an index", "name what `footnote backup` wrote"
        )
    with archive.open(_LIST) as read:
        told = read.read(_LONGEST_LIST + 1)
    if len(told) > _LONGEST_LIST:
        raise _AlteredError(f"its list of files is longer than {_LONGEST_LIST:,} bytes")
    try:
        contents = Contents.model_validate_json(told)
    except ValidationError as error:
        raise _AlteredError(f"{_LIST} cannot be read") from error
    if contents.format_version > FORMAT_VERSION:
        raise BackupError(
            f"backup {archive.filename} was made by footnote {contents.footnote}",
            "restore it with that version or a later one",
        )
    names = [listed.name for listed in contents.files]
    if sorted([*names, _LIST]) != sorted(archive.namelist()) or _CATALOGUE not in names:
        raise _AlteredError("it does not hold the files that it lists")
    if outside := [name for name in names if not _is_inside(name)]:
        raise _AlteredError(f"it names {outside[0]!r}, outside of the index folder")
    return contents


def _is_inside(name: str) -> bool:
    place = PurePosixPath(name)
    return not place.is_absolute() and ".." not in place.parts and "\\" not in name


def _extract(archive: zipfile.ZipFile, contents: Contents, folder: Path) -> None:
    """Write the files of a backup, each checked; all are on disk when this ends."""
    made = {folder}
    for listed in contents.files:
        file = folder / listed.name
        make_folder(file.parent)
        make_file(file)
        made.update(parent for parent in file.parents if parent.is_relative_to(folder))
        with archive.open(listed.name) as source, file.open("r+b") as to:
            copied = _copy(source, to, listed.size)
            to.flush()
            os.fsync(to.fileno())
        if copied != (listed.size, listed.sha256):
            raise _AlteredError(f"{listed.name} is not as it was written")
    for each in made:
        sync(each)


def _put_in_place(made: Path, folder: Path) -> None:
    """Give a folder its place; what is there is moved away, and back where that fails."""
    if not folder.exists():
        made.rename(folder)
        sync(folder.parent)
        return
    replaced = folder.with_name(f".{folder.name}-{uuid4().hex[:8]}")
    with lock.writing(folder):
        try:
            _move_away(folder, replaced)
            made.rename(folder)
        except BaseException:  # Ctrl-C too, between the two
            if replaced.exists():
                _move_back(replaced, folder)
            raise
    sync(folder.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def _move_away(folder: Path, replaced: Path) -> None:
    try:
        folder.rename(replaced)
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.EXDEV):
            raise
        raise IndexAccessError(
            f"index folder {folder} is a mount point", "name a folder inside it with --index"
        ) from error


def _move_back(replaced: Path, folder: Path) -> None:
    try:
        replaced.rename(folder)
    except OSError as error:
        raise IndexAccessError(
            f"something else is in {folder} by now; what was there is in {replaced}",
            "look at both, and keep the one that you want",
        ) from error


def _put_beside(folder: Path) -> None:
    """Give what goes with a restored index its place beside it."""
    made = folder / _BESIDE_FOLDER
    for name in _BESIDE:
        if not (made / name).is_file():
            continue
        place = _beside_it(folder, name)
        # A log belongs to the file that was there.
        for log in ("-wal", "-shm"):
            place.with_name(place.name + log).unlink(missing_ok=True)
        shutil.move(made / name, place)  # to another disk, where the folder is a link to one
    if made.is_dir():
        made.rmdir()
    sync(folder.absolute().parent)
