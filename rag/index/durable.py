"""What is relied on later: on disk before it is, and readable by its owner alone."""

import os
import sys
from pathlib import Path

_OWNERS_FOLDER, _OWNERS_FILE = 0o700, 0o600


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing; one that is there stays as it is."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=_OWNERS_FOLDER, exist_ok=True)
        sync(each.parent)


def make_file(file: Path) -> None:
    """Make an empty file; one that is there stays as it is."""
    if not file.exists():
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT, _OWNERS_FILE))
        sync(file.parent)


def write_durably(file: Path, data: bytes) -> None:
    """Write a file so that, whenever the power fails, it is there whole or as it was before."""
    draft = file.with_name(f"{file.name}.new")
    opened = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _OWNERS_FILE)
    with open(opened, "wb") as writer:  # noqa: PTH123 - a descriptor has no path
        writer.write(data)
        writer.flush()
        os.fsync(opened)
    draft.replace(file)
    sync(file.parent)


def delete_durably(file: Path) -> None:
    """Delete a file, so that it does not come back when the power fails; none there is fine."""
    file.unlink(missing_ok=True)
    sync(file.parent)


def sync(path: Path) -> None:
    """Wait until what a file holds, or which names a folder has, is on disk.

    Windows waits for files alone: it opens no folder, and its names need no waiting for.
    """
    if sys.platform == "win32" and path.is_dir():
        return
    # Windows waits for nothing that is open to be read alone.
    opened = os.open(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sync_all(folder: Path) -> None:
    """Wait until a folder is on disk with all that is in it, at any depth, but for SQLite's files.

    SQLite syncs its own. And closing any of them here would drop the locks that this process holds
    on it (https://www.sqlite.org/howtocorrupt.html, 2.2): another process then takes the log of
    writes for nobody's and deletes it.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_dir() or (path.is_file() and ".sqlite" not in path.name):
            sync(path)
    sync(folder)
