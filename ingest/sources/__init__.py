"""Find what to read, and read it in whatever known format it is."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from ingest.lines import Line, load_lines
from ingest.record import Refusal, SourceRecord, fault
from ingest.sources import jsonl, pages
from rag.errors import SourceError

# Each has `detects(head)` and `parse(lines, source)`; the first that detects its format reads.
FORMATS = (jsonl, pages)
FORMAT_NAMES = "a listing page or JSONL"
_HEAD_LINES = 40


def find_files(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield each file below the paths with the name that its sightings carry.

    A file is named by itself, a file of a folder by its path inside that folder; hidden files
    are left out. Folders are walked in sorted order. A path that does not exist is yielded too,
    so that it can be refused by name.
    """
    for path in paths:
        if path.is_dir():
            for file in sorted(p for p in path.rglob("*") if p.is_file()):
                name = file.relative_to(path)
                if not any(part.startswith(".") for part in name.parts):
                    yield file, _printable(name.as_posix())
        else:
            yield path, _printable(path.name or str(path))


def read_source(path: Path, source: str) -> Iterator[SourceRecord | Refusal]:
    """Yield the records of one file in order, and a refusal for each thing left out."""
    try:
        lines = load_lines(path)
        head = _take(lines, _HEAD_LINES)
        form = next((f for f in FORMATS if f.detects(head)), None)
        if form is None:
            # A fault in a file that no format knows explains it better than its format does.
            reason = next((x.fault for x in head if x.fault), f"not {FORMAT_NAMES}")
            yield Refusal(source=source, record=None, reason=reason)
            return
        for item in form.parse(chain(head, lines), source):
            yield _checked(item)
    except SourceError as error:
        yield Refusal(source=source, record=None, reason=str(error))


def _take(lines: Iterator[Line], n_texts: int) -> list[Line]:
    """The lines up to the `n_texts`-th that is not blank."""
    head: list[Line] = []
    for line in lines:
        head.append(line)
        n_texts -= bool(line.text.strip() or line.fault)
        if n_texts == 0:
            break
    return head


def _checked(item: SourceRecord | Refusal) -> SourceRecord | Refusal:
    if isinstance(item, Refusal):
        return item
    reason = fault(item)
    if reason is None:
        return item
    name = _printable(item.title.strip()[:80]) or None
    return Refusal(source=item.sighting.source, record=name, reason=reason)


def _printable(text: str) -> str:
    """Text that can be written as UTF-8; a file's name may be any bytes."""
    return text.encode(errors="replace").decode()
