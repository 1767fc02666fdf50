"""One writer at a time: the lock of an index folder, and who holds it."""

import datetime
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from footnote.rag.core.errors import IndexAccessError, IndexBusyError
from footnote.rag.index.durable import make_folder, write_durably

_WAIT_S = 0.5


@contextmanager
def writing(folder: Path, *, wait_s: float = _WAIT_S) -> Generator[None]:
    """Hold an index folder for writing; it is made if it is not there.

    Args:
        folder: The index folder.
        wait_s: How long another process may take to let go of it.

    Raises:
        IndexBusyError: Another process holds it; the message says which and since when.
        IndexAccessError: The folder cannot be written.
    """
    lock = FileLock(folder / "lock", timeout=wait_s, mode=0o600)
    try:
        make_folder(folder)
        lock.acquire()
    except Timeout as error:
        raise IndexBusyError(
            f"index {folder} is being written by {_holder(folder)}", "wait for it to end"
        ) from error
    except OSError as error:
        raise IndexAccessError(
            f"index folder {folder} cannot be written: {error.strerror}",
            "name another with --index",
        ) from error
    try:
        _note_holder(folder)
        yield
    finally:
        (folder / "writer").unlink(missing_ok=True)
        lock.release()


def check_free(folder: Path) -> None:
    """Make sure that nobody holds an index folder, without making anything.

    Raises:
        IndexBusyError: Another process holds it.
    """
    if (folder / "lock").is_file():
        with writing(folder, wait_s=_WAIT_S / 5):
            pass


def _note_holder(folder: Path) -> None:
    now = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    try:
        write_durably(folder / "writer", f"process {os.getpid()} since {now}\n".encode())
    except OSError as error:  # a full disk: said here, before anything is begun
        raise IndexAccessError(
            f"index folder {folder} cannot be written: {error.strerror}",
            "free some space or name another with --index",
        ) from error


def _holder(folder: Path) -> str:
    try:
        return (folder / "writer").read_text(encoding="utf-8").strip() or "another process"
    except OSError:
        return "another process"
