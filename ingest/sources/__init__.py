"""Find what to read, and read it in whatever known format it is."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from footnote.ingest.lines import STDIN, Line, Span, cut_lines, load_lines
from footnote.ingest.record import Refusal, SourceRecord, fault
from footnote.ingest.sources import array, atom, bibtex, jsonl, pages, ris, table
from footnote.ingest.sources.plugged import Source, plugged
from footnote.rag.core.errors import PluginError, SourceError

# Each has `detects(head)` and `parse(lines, source)`; the first that detects its format reads.
# Those of plugins are asked before: who installs one wants it to read.
FORMATS: tuple[Source, ...] = (jsonl, array, atom, bibtex, ris, table, pages)
FORMAT_NAMES = "a listing page, JSONL, a JSON array, Atom, BibTeX, RIS, CSV or TSV"
# So many lines that are not blank tell the format; looked for among so many.
_HEAD_TEXTS = 40
_HEAD_LINES = 1_000
_HEAD_BYTES = 200_000


class NamedFile(NamedTuple):
    """A file, and the name that its sightings carry."""

    file: Path
    source: str


def find_files(paths: Sequence[Path]) -> Iterator[NamedFile]:
    """Yield each file below the paths with the name that its sightings carry.

    A file is named by itself, a file of a folder by its path inside that folder; hidden files
    are left out, and of a BEIR folder everything but its corpus. Folders are walked in sorted
    order. What cannot be read is yielded too, so that it can be refused by name: a path that does
    not exist, a folder that may not be listed, a link to a folder. `-` is the standard input.
    """
    for path in paths:
        if path == STDIN:
            yield NamedFile(path, "standard input")
        elif _is_folder(path):
            for file in _walk(path):
                yield NamedFile(file, printable(file.relative_to(path).as_posix()))
        else:
            yield NamedFile(path, printable(path.name or str(path)))


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _walk(folder: Path) -> Iterator[Path]:
    try:
        inside = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    except OSError:
        yield folder
        return
    names = {path.name for path in inside}
    if {"corpus.jsonl", "queries.jsonl"} <= names:
        yield folder / "corpus.jsonl"
        return
    for path in inside:
        if _is_folder(path) and not path.is_symlink():
            yield from _walk(path)
        else:
            yield path


class Meter:
    """Counts the bytes of the lines that were read."""

    def __init__(self) -> None:
        self.n_bytes = 0

    def count(self, lines: Iterable[Line]) -> Iterator[Line]:
        """Yield the same lines, counted as they pass."""
        for line in lines:
            self.n_bytes += line.n_bytes
            yield line


def count_bytes(paths: Sequence[Path]) -> int | None:
    """Count the bytes of all files below the paths; None when they cannot be counted beforehand."""
    total = 0
    for file, _ in find_files(paths):
        try:
            total += file.stat().st_size
        except (OSError, ValueError):
            return None
    return total


def cut(path: Path, n_bytes: int) -> Iterator[Span | None]:
    """Cut a file into spans that can be read one by one, each a little longer than `n_bytes`.

    None is the whole of it: of a format whose records are no lines, or a file that cannot be read.
    """
    if _is_longer(path, n_bytes) and _is_of_lines(path):
        yield from cut_lines(path, n_bytes)
    else:
        yield None


def _is_longer(path: Path, n_bytes: int) -> bool:
    try:
        return path.is_file() and path.stat().st_size > n_bytes
    except (OSError, ValueError):  # whoever reads it says why
        return False


def _is_of_lines(path: Path) -> bool:
    try:
        return _format(_take(load_lines(path)))[0] is jsonl
    except SourceError:
        return False


def read_source(
    path: Path, source: str, meter: Meter | None = None, span: Span | None = None
) -> Iterator[SourceRecord | Refusal]:
    """Yield the records of one file in order, and a refusal for each thing left out.

    Args:
        path: The file.
        source: The name that its sightings carry.
        meter: Counts what is read.
        span: One of `cut`; None for the whole file.
    """
    try:
        lines = (meter or Meter()).count(load_lines(path, span))
        head = _take(lines)
        form, failures = (jsonl, []) if span else _format(head)
        for failure in failures:
            yield Refusal(source=source, record=None, reason=failure)
        if form is None:
            # A fault in a file that no format knows explains it better than its format does.
            fault = next((x.fault for x in head if x.fault), None)
            raise SourceError(fault or f"not {FORMAT_NAMES}")
        for item in form.parse(chain(head, lines), source):
            yield _checked(item)
    except SourceError as error:
        # A plugin that cannot be loaded might have read it.
        reason = "; ".join([str(error), *plugged().problems])
        yield Refusal(source=source, record=None, reason=reason)


def _format(head: Sequence[Line]) -> tuple[Source | None, list[str]]:
    """Return what reads a file that begins so, and which plugins failed at its head."""
    failures: list[str] = []
    for form in (*plugged().formats, *FORMATS):
        try:
            if form.detects(head):
                return form, failures
        except PluginError as error:
            failures.append(str(error))
    return None, failures


def _take(lines: Iterator[Line]) -> list[Line]:
    """The lines by which the format is known, without the blank ones above the first."""
    head: list[Line] = []
    n_texts, n_bytes = 0, 0
    for line in lines:
        is_blank = not line.text.strip()
        if head or not is_blank:
            head.append(line)
            n_bytes += line.n_bytes
            n_texts += not is_blank
        if n_texts == _HEAD_TEXTS or len(head) == _HEAD_LINES or n_bytes > _HEAD_BYTES:
            break
    return head


def _checked(item: SourceRecord | Refusal) -> SourceRecord | Refusal:
    if isinstance(item, Refusal):
        record = item.record and printable(item.record)
        return item.model_copy(update={"record": record, "reason": printable(item.reason)})
    reason = fault(item)
    if reason is None:
        return item
    name = printable(" ".join(item.title.split())[:80]) or "a record without a title"
    return Refusal(source=item.sighting.source, record=name, reason=reason)


def printable(text: str) -> str:
    """Make a text that can be shown: what would steer a terminal is written as an escape."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
