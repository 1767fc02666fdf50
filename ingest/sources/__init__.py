"""Find what to read, and read it in whatever known format it is."""

import io
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple, cast

from footnote.ingest.lines import Line, Span, cut_lines, read_lines
from footnote.ingest.opening import STDIN, Meter, opened
from footnote.ingest.record import Refusal, SourceRecord, fault
from footnote.ingest.sources import array, atom, bibtex, jsonl, pages, parquet, ris, table
from footnote.ingest.sources.plugged import Source, plugged
from footnote.ingest.storage import Place
from footnote.rag.core.errors import PluginError, SourceError

# Each has `detects(head)` and `parse(lines, source)`; the first that detects its format reads.
# Those of plugins are asked before: who installs one wants it to read.
FORMATS: tuple[Source, ...] = (jsonl, array, atom, bibtex, ris, table, pages)
FORMAT_NAMES = "a listing page, JSONL, a JSON array, Atom, BibTeX, RIS, CSV, TSV or Parquet"
# So many lines that are not blank tell the format; looked for among so many.
_HEAD_TEXTS = 40
_HEAD_LINES = 1_000
_HEAD_BYTES = 200_000


class NamedFile(NamedTuple):
    """A file, and the name that its sightings carry."""

    file: Place
    source: str


def find_files(paths: Sequence[Place]) -> Iterator[NamedFile]:
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
                inside = file.relative_to(cast(Any, path))  # of the folder's own kind
                yield NamedFile(file, printable(inside.as_posix()))
        else:
            yield NamedFile(path, printable(path.name or str(path)))


def _is_folder(path: Place) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # a name that no file can have
        return False


def _walk(folder: Place) -> Iterator[Place]:
    try:
        inside = sorted((p for p in folder.iterdir() if not p.name.startswith(".")), key=str)
    except OSError:
        yield folder
        return
    named = {path.name: path for path in inside}
    if {"corpus.jsonl", "queries.jsonl"} <= named.keys():
        yield named["corpus.jsonl"]
        return
    for path in inside:
        if _is_folder(path) and not path.is_symlink():
            yield from _walk(path)
        else:
            yield path


def count_bytes(paths: Sequence[Place]) -> int | None:
    """Count the bytes of all files below the paths; None when they cannot be counted beforehand."""
    total = 0
    for file, _ in find_files(paths):
        try:
            total += file.stat().st_size
        except (OSError, ValueError):
            return None
    return total


def cut(path: Place, n_bytes: int) -> Iterator[Span | None]:
    """Cut a file into spans that can be read one by one, each a little longer than `n_bytes`.

    None is the whole of it: of a format whose records are no lines, of what gzip packed, or of a
    file that cannot be read.
    """
    if _is_longer(path, n_bytes) and _is_of_lines(path):
        yield from cut_lines(path, n_bytes)
    else:
        yield None


def _is_longer(path: Place, n_bytes: int) -> bool:
    try:
        return path.is_file() and path.stat().st_size > n_bytes
    except (OSError, ValueError):  # whoever reads it says why
        return False


def _is_of_lines(path: Place) -> bool:
    try:
        with opened(path, Meter()) as file:
            return file.seekable() and _format(_take(read_lines(file)))[0] is jsonl
    except SourceError:
        return False


def read_source(
    path: Place, source: str, meter: Meter | None = None, span: Span | None = None
) -> Iterator[SourceRecord | Refusal]:
    """Yield the records of one file in order, and a refusal for each thing left out.

    Args:
        path: The file.
        source: The name that its sightings carry.
        meter: Counts what is read.
        span: One of `cut`; None for the whole file.
    """
    try:
        with opened(path, meter or Meter()) as file:
            parse = parquet.parse if parquet.is_parquet(file) else partial(_parse_lines, span=span)
            for item in parse(file, source):
                yield _checked(item)
    except SourceError as error:
        # A plugin that cannot be loaded might have read it.
        reason = "; ".join([str(error), *plugged().problems])
        yield Refusal(source=source, record=None, reason=reason)


def _parse_lines(
    file: io.BufferedReader, source: str, *, span: Span | None
) -> Iterator[SourceRecord | Refusal]:
    lines = read_lines(file, span)
    head = _take(lines)
    form, failures = (jsonl, []) if span else _format(head)
    for failure in failures:
        yield Refusal(source=source, record=None, reason=failure)
    if form is None:
        # A fault in a file that no format knows explains it better than its format does.
        fault = next((x.fault for x in head if x.fault), None)
        raise SourceError(fault or f"not {FORMAT_NAMES}")
    yield from form.parse(chain(head, lines), source)


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
