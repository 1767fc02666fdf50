"""Open what holds papers as a stream of bytes, unpacked where gzip packed it."""

import gzip
import io
import sys
import zlib
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from footnote.ingest.storage import Place
from footnote.rag.core.errors import SourceError

STDIN = Path("-")
_GZIP = b"\x1f\x8b"
# Abstracts shrink to a third, and what repeats them to a thirtieth; what was made to fill a machine
# shrinks up to a thousand times. The first bytes of a small file may be anything.
_MOST_UNPACKED = 200
_FREE_BYTES = 10_000_000


class Meter:
    """Counts the bytes that were read of files, as they lie there."""

    def __init__(self) -> None:
        self.n_bytes = 0


@contextmanager
def opened(path: Place, meter: Meter) -> Generator[io.BufferedReader]:
    """Open a file, or the standard input for `-`; what it has packed by gzip is read unpacked.

    What is unpacked, or comes through a pipe, cannot be sought in (`seekable`).

    Raises:
        SourceError: It cannot be opened or is no regular file; or, while it is read, it cannot
            be read on, is damaged, or unpacks to far more than papers do.
    """
    with ExitStack() as stack:
        try:
            raw = _Counted(_open(path), meter)
        except OSError as error:
            raise SourceError(error.strerror or str(error)) from error
        except ValueError as error:  # a name with a null byte
            raise SourceError(str(error)) from error
        file: io.BufferedReader = stack.enter_context(_buffered(raw))
        if file.peek(len(_GZIP)).startswith(_GZIP):
            file = stack.enter_context(_buffered(_Unpacked(file, raw)))
        yield file


def check_unpacked(n_bytes: int, n_packed: int) -> None:
    """Make sure that so many bytes may come out of so many.

    Raises:
        SourceError: They are far more than papers unpack to.
    """
    if n_bytes > max(_FREE_BYTES, _MOST_UNPACKED * n_packed):
        raise SourceError(
            f"a file that unpacks to more than {_MOST_UNPACKED} times its size, as no papers do"
        )


def _buffered(raw: io.RawIOBase) -> io.BufferedReader:
    return io.BufferedReader(raw)


def _open(path: Place) -> BinaryIO | io.RawIOBase:
    if path == STDIN:
        return _open_stdin()
    if path.is_dir():
        raise SourceError(_why_not_listed(path))
    if path.exists() and not path.is_file():
        # A pipe without a writer would be waited for without end.
        raise SourceError("not a regular file")
    # What comes through a pipe is read as it comes.
    return path.open("rb", buffering=0) if isinstance(path, Path) else path.open()


def _open_stdin() -> io.RawIOBase:
    """The standard input, to be closed without closing it for others."""
    if sys.stdin is None:  # a process may be started without one
        raise SourceError("there is no standard input")
    return io.FileIO(sys.stdin.fileno(), closefd=False)


def _why_not_listed(folder: Place) -> str:
    if folder.is_symlink():
        return "a link to a folder; name the folder itself to take it in"
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        return f"a folder that cannot be listed: {error.strerror or error}"
    return "a folder"


class _Counted(io.RawIOBase):
    """A file whose bytes are counted as they are read."""

    def __init__(self, file: BinaryIO | io.RawIOBase, meter: Meter):
        self._file = file
        self._meter = meter
        self.n_bytes = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            read = self._file.read(len(buffer)) or b""
        except Exception as error:  # storages raise what they like
            strerror = error.strerror if isinstance(error, OSError) else None
            raise SourceError(strerror or str(error) or type(error).__name__) from error
        buffer[: len(read)] = read
        self.n_bytes += len(read)
        self._meter.n_bytes += len(read)
        return len(read)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Unpacked(io.RawIOBase):
    """What is in a file that gzip packed."""

    def __init__(self, packed: io.BufferedReader, counted: _Counted):
        self._file = gzip.GzipFile(fileobj=packed)
        self._counted = counted
        self._n_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        try:
            read = self._file.read1(len(buffer))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise SourceError(
                f"a damaged gzip file, read as far as it is whole: {error}"
            ) from error
        buffer[: len(read)] = read
        self._n_bytes += len(read)
        check_unpacked(self._n_bytes, self._counted.n_bytes)
        return len(read)
