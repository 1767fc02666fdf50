"""Paths in storage elsewhere, such as `s3://bucket/papers`, by fsspec."""

import errno
import os
import re
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)
# A page of the web is no folder, though fsspec takes what it links to for files.
_WEB = ("http", "https")


class Stat(NamedTuple):
    """What is told of a file before it is read, under the names that `Path.stat` has."""

    st_size: int
    st_mtime_ns: int
    """0 where the storage does not tell."""


class RemotePath:
    """A file or a folder in storage elsewhere: what `Path` has, as far as readers of files ask.

    Whatever the storage's own package raises is an `OSError` here, as it is of `Path`.
    """

    def __init__(self, url: str, info: Mapping[str, Any] | None = None):
        """Name a place; nothing is asked yet. `info` is what fsspec says of it, where it did."""
        self._url = url
        self._told = info

    def __str__(self) -> str:
        return self._url

    def __repr__(self) -> str:
        return f"RemotePath({self._url!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and self._url == other._url

    def __hash__(self) -> int:
        return hash(self._url)

    @property
    def name(self) -> str:
        """Return its last part."""
        return self._url.rstrip("/").rpartition("/")[2]

    def absolute(self) -> "RemotePath":
        """Return itself."""
        return self

    def relative_to(self, folder: "RemotePath") -> PurePosixPath:
        """Return its path inside a folder that it came from."""
        with _as_os_errors():
            return PurePosixPath(self._there[1]).relative_to(folder._there[1])

    def exists(self) -> bool:
        """Return True if something is there."""
        try:
            return bool(self._info)
        except FileNotFoundError:
            return False

    def is_dir(self) -> bool:
        """Return True for a folder, or what the storage has in place of one."""
        return self.exists() and self._info["type"] == "directory"

    def is_file(self) -> bool:
        """Return True for a file."""
        return self.exists() and self._info["type"] == "file"

    def is_symlink(self) -> bool:
        """Return True for a link."""
        return self.exists() and bool(self._info.get("islink"))

    def stat(self) -> Stat:
        """Say how large it is, and when it was changed."""
        with _as_os_errors():
            files, path = self._there
            try:
                changed = int(files.modified(path).timestamp() * 1e9)
            except NotImplementedError:
                changed = 0
            return Stat(int(self._info.get("size") or 0), changed)

    def iterdir(self) -> Iterator["RemotePath"]:
        """Yield what a folder holds."""
        with _as_os_errors():
            files, path = self._there
            found = files.ls(path, detail=True)
        for info in found:
            # Some storages keep an empty object that is called as its folder is.
            if info["name"].rstrip("/") != path.rstrip("/"):
                yield RemotePath(files.unstrip_protocol(info["name"]), info)

    def open(self) -> BinaryIO:
        """Open it to be read as bytes."""
        with _as_os_errors():
            files, path = self._there
            return cast(BinaryIO, files.open(path, "rb"))

    @cached_property
    def _there(self) -> "tuple[AbstractFileSystem, str]":
        from fsspec.core import url_to_fs  # 0.1 s that files of this machine need not wait for

        if self._url.partition(":")[0].lower() in _WEB:
            raise OSError(
                f"what is on the web is not read; `curl -L {self._url} | footnote ingest -`"
            )
        return url_to_fs(self._url)

    @cached_property
    def _info(self) -> Mapping[str, Any]:
        if self._told is not None:
            return self._told
        with _as_os_errors():
            files, path = self._there
            return files.info(path)


Place = Path | RemotePath


def to_place(path: str | Path) -> Place:
    """Return the place that a text names: in storage elsewhere where it begins as an address."""
    text = str(path)
    return RemotePath(text) if _URL.match(text) else Path(path)


@contextmanager
def _as_os_errors() -> Generator[None]:
    """Raise what a storage's package raises as an `OSError` that says it in one line.

    Each package has errors of its own, and one may be missing: fsspec then says which.
    """
    try:
        yield
    except FileNotFoundError as error:  # fsspec gives it the path in place of what is wrong
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT)) from error
    except OSError:
        raise
    except Exception as error:
        told = " ".join(str(error).split())[:300]
        raise OSError(told or type(error).__name__) from error
