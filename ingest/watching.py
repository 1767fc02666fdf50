"""Take papers in as they come: what changed in folders, and what services have from time to time.

Files are told by their time and size, which are looked at whenever the system says that something
changed there, and now and then: so nothing is lost that changed while papers were taken in.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from watchfiles import watch

from footnote.ingest.opening import STDIN
from footnote.ingest.pipeline import is_file
from footnote.ingest.sources import NamedFile, find_files
from footnote.ingest.storage import RemotePath, to_place
from footnote.rag.core.errors import SourceError

What = str | Path | NamedFile

# Changes that come within so many milliseconds are taken in together: a file that is being written.
_TOGETHER_MS = 2_000
# And so long must nothing have changed.
_QUIET_MS = 300
# However quiet the system is, files are looked at again: some folders of a network tell nothing.
_LOOK_S = 30.0
_Stamps = dict[NamedFile, tuple[int, int]]


def changes(
    paths: Sequence[str], *, every_s: float, look_s: float = _LOOK_S
) -> Iterator[list[What]]:
    """Yield what is to be taken in: first all of it, then what has changed, without end.

    Args:
        paths: Files, folders of them, or what to fetch from services.
        every_s: From one fetch of the services to the next.
        look_s: How long nothing is looked at where the system tells of no change.

    Raises:
        SourceError: One of them is the standard input, which ends, or lies in storage elsewhere.
    """
    if str(STDIN) in paths:
        raise SourceError("the standard input cannot be watched; name a file or a folder")
    if elsewhere := next((p for p in paths if isinstance(to_place(p), RemotePath)), None):
        raise SourceError(f"{elsewhere} cannot be watched; take it in again from time to time")
    files = [Path(path).absolute() for path in paths if is_file(path)]
    services = [path for path in paths if not is_file(path)]
    stamps, due = _stamps(files), time.monotonic() + every_s
    yield [*files, *services]
    while True:
        # What changed before the system was asked to tell of it is seen here alone.
        found = _stamps(files)
        if found == stamps:
            _wait(files, min(look_s, due - time.monotonic()) if services else look_s)
            found = _stamps(files)
        else:
            found = _settled(files, found)
        changed: list[What] = [each for each, stamp in found.items() if stamps.get(each) != stamp]
        stamps = found
        if services and time.monotonic() >= due:
            due = time.monotonic() + every_s
            changed += services
        if changed:
            yield changed


def _stamps(paths: Sequence[Path]) -> _Stamps:
    found: _Stamps = {}
    for each in find_files(paths):
        try:
            stat = each.file.stat()
        except OSError:  # it is gone again, or was never there
            continue
        found[each] = stat.st_mtime_ns, stat.st_size
    return found


def _settled(files: Sequence[Path], found: _Stamps) -> _Stamps:
    """Wait until nothing has changed for a moment since the files were found so, or for a while."""
    until = time.monotonic() + _TOGETHER_MS / 1_000
    while True:
        time.sleep(_QUIET_MS / 1_000)
        before, found = found, _stamps(files)
        if found == before or time.monotonic() >= until:
            return found


def _wait(files: Sequence[Path], longest_s: float) -> None:
    """Wait until something changes near the files, or for so long."""
    longest_ms = max(1, int(longest_s * 1_000))
    # A file that is replaced by another is seen in its folder.
    folders = {path if path.is_dir() else path.parent for path in files}
    there = [folder for folder in folders if folder.is_dir()]
    if not there:
        time.sleep(longest_ms / 1_000)
        return
    woken = watch(
        *there,
        watch_filter=None,
        debounce=_TOGETHER_MS,
        step=_QUIET_MS,
        recursive=any(path.is_dir() for path in files),
        rust_timeout=longest_ms,
        yield_on_timeout=True,
        raise_interrupt=True,
    )
    with closing(woken):
        next(woken)
