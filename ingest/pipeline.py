"""From files to an index, as in the upper half of the architecture diagram."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from footnote.ingest.identity.keys import record_fingerprint
from footnote.ingest.identity.merge import CLEANING, regroup, to_part
from footnote.ingest.opening import STDIN, Meter
from footnote.ingest.record import MAX_REPEATS, MAX_SENTENCES, Refusal, SourceRecord
from footnote.ingest.restore import restore, take_back
from footnote.ingest.services import Locator, fetch_pages, is_locator, parse_locator
from footnote.ingest.sources import (
    NamedFile,
    count_bytes,
    find_files,
    printable,
    read_source,
)
from footnote.ingest.storage import Place, to_place
from footnote.rag.core.base import Record
from footnote.rag.core.config import Sources
from footnote.rag.core.errors import FetchError, SourceError
from footnote.rag.core.records import Paper
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.index import Index
from footnote.rag.index.stored import Part, Regrouping
from footnote.rag.index.writer import Elsewhere, IndexWriter, Progress

Item = TypeVar("Item")
# Papers a transaction: an interrupted ingest repeats at most these.
_BATCH = 200
# How often what was read is made searchable.
_SEARCHABLE_EVERY_S = 2.0
# Refusals that are listed, and reasons by which further ones are counted.
_MAX_LISTED = 1_000
_MAX_REASONS = 100
_OTHER_REASONS = "other reasons"


class IngestReport(Record):
    """What an ingest did; field by field as the command's `--json` prints it."""

    records: int
    """Records read: `accepted + refused_count`."""
    accepted: int
    papers: int
    """Papers that the accepted ones are."""
    added: int
    updated: int
    unchanged: int
    refused: tuple[Refusal, ...]
    """The first thousand, records and sources."""
    refused_count: int
    """All refused records, listed or not."""
    refused_sources: int
    """Files and services that were refused as a whole, or failed on the way."""
    refused_further: dict[str, int]
    """How many were refused beyond those listed, by reason; rare reasons together."""
    restored: tuple[str, ...]
    """Ids of papers that were not as they had been written, and are again."""
    seconds: float


class Read(NamedTuple):
    """A record that was read."""

    record: SourceRecord
    cleaned: Part | str | None = None
    """What `clean` makes of it; None where that was not done yet."""


class Engine(Elsewhere, Protocol):
    """Reads files, and fills an index, by other processes than this one."""

    def read(self, files: Iterator[NamedFile], meter: Meter) -> Iterator[Read | Refusal]:
        """Yield what the files hold in order, cleaned, and a refusal for each thing left out."""
        ...


def ingest(
    paths: Sequence[str | Path | NamedFile],
    index: Index,
    on_progress: Progress,
    sources: Sources | None = None,
    engine: Engine | None = None,
) -> IngestReport:
    """Read files, folders and services into the catalogue, then bring the index up to it.

    A bad record or file is refused and listed; the rest goes on.

    Args:
        paths: Files of any known format, folders of them, both here or in storage elsewhere
            (`s3://bucket/papers`), `-` for the standard input, or what to fetch, such as
            `arxiv:2309.06180`; single files of a folder by their name there.
        index: Where the papers go.
        on_progress: Told how many pages are fetched and how many records are read, then how many
            papers of all are indexed.
        sources: How papers are fetched.
        engine: Where the work is done, of files alone; None for this process.

    Raises:
        IndexMismatchError: The index was built with other settings; nothing is changed.
        SourceError: Nothing could be taken in, and something was refused.
    """
    started = time.perf_counter()
    writer = IndexWriter(index)
    with writer.writing():
        # Before anything is written: the catalogue must not run ahead of an index it cannot fill.
        index.check_settings()
        tally, due = _Tally(), 0.0
        restored, lost = restore(index.catalogue)
        tally.restored.update(restored)
        reader = _PathReader(
            index.folder / "fetched", sources or Sources(), tally, on_progress, engine
        )
        for batch in _batches(reader.read(paths)):
            _store(batch, index.catalogue, tally, lost)
            on_progress("reading", tally.records, reader.estimate())
            if not engine and time.monotonic() > due:
                writer.make_searchable()
                due = time.monotonic() + _SEARCHABLE_EVERY_S
        writer.update(on_progress, engine)
    report = tally.report(time.perf_counter() - started)
    if not report.papers and report.refused:
        first = report.refused[0]
        where = f"{first.source}, {first.record}" if first.record else first.source
        more = report.refused_count + report.refused_sources - 1
        raise SourceError(
            f"no paper could be read: {where}: {first.reason}"
            + (f" (and {more:,} more)" if more else "")
        )
    return report


class _Tally:
    def __init__(self) -> None:
        self.accepted = 0
        self.refused_records = 0
        self.refused_sources = 0
        self.listed: list[Refusal] = []
        self.further = Counter[str]()
        self.added: set[str] = set()
        self.updated: set[str] = set()
        self.seen: set[str] = set()
        self.restored: set[str] = set()

    @property
    def records(self) -> int:
        return self.accepted + self.refused_records

    def refuse(self, refusal: Refusal) -> None:
        if refusal.record is None:
            self.refused_sources += 1
        else:
            self.refused_records += 1
        if len(self.listed) < _MAX_LISTED:
            self.listed.append(refusal)
        elif refusal.reason in self.further or len(self.further) < _MAX_REASONS:
            self.further[refusal.reason] += 1
        else:
            self.further[_OTHER_REASONS] += 1

    def count(self, change: Regrouping, known: Mapping[str, Paper]) -> None:
        for paper, _ in change.papers:
            self.seen.add(paper.paper_id)
            if paper.paper_id not in known:
                self.added.add(paper.paper_id)
            elif paper != known[paper.paper_id] and paper.paper_id not in self.added:
                self.updated.add(paper.paper_id)
        for ids in (self.seen, self.added, self.updated):
            ids.difference_update(change.gone)

    def report(self, seconds: float) -> IngestReport:
        return IngestReport(
            records=self.records,
            accepted=self.accepted,
            papers=len(self.seen),
            added=len(self.added),
            updated=len(self.updated),
            unchanged=len(self.seen - self.added - self.updated),
            refused=tuple(self.listed),
            refused_count=self.refused_records,
            refused_sources=self.refused_sources,
            refused_further=dict(self.further.most_common()),
            restored=tuple(sorted(self.restored)),
            seconds=round(seconds, 3),
        )


class _PathReader:
    """Reads one path after the other; what cannot be read is refused."""

    def __init__(
        self,
        cache: Path,
        sources: Sources,
        tally: _Tally,
        on_progress: Progress,
        engine: Engine | None,
    ):
        self._engine = engine
        self._cache = cache
        self._sources = sources
        self._tally = tally
        self._on_progress = on_progress
        self._meter = Meter()
        self._n_bytes: int | None = 0

    def read(self, paths: Sequence[str | Path | NamedFile]) -> Iterator[Read]:
        files = [p.file if isinstance(p, NamedFile) else to_place(p) for p in paths if is_file(p)]
        self._n_bytes = count_bytes(files)
        if self._engine:
            yield from self._told(self._engine.read(self._files(paths), self._meter))
        else:
            yield from map(Read, self._read_here(paths))

    def _files(self, paths: Sequence[str | Path | NamedFile]) -> Iterator[NamedFile]:
        for path in paths:
            if isinstance(path, NamedFile):
                yield path
            elif is_file(path) and path != str(STDIN):
                yield from find_files([to_place(path)])
            else:
                self._refuse(str(path), "other machines read files alone; take it in without them")

    def _read_here(self, paths: Sequence[str | Path | NamedFile]) -> Iterator[SourceRecord]:
        for path in paths:
            if isinstance(path, NamedFile):
                yield from self._read_file(*path)
            elif is_file(path):
                for file, source in find_files([to_place(path)]):
                    yield from self._read_file(file, source)
            else:
                yield from self._fetch(str(path))

    def estimate(self) -> int | None:
        """Guess how many records there are, from how much is read; None when not known."""
        if not self._n_bytes or not self._meter.n_bytes:
            return None
        share = min(1.0, self._meter.n_bytes / self._n_bytes)
        return max(self._tally.records, round(self._tally.records / share))

    def _fetch(self, path: str) -> Iterator[SourceRecord]:
        n_read, n_before = 0, self._tally.refused_records + self._tally.refused_sources
        try:
            locator = parse_locator(path)
            if locator:
                for page in fetch_pages(locator, self._sources, self._cache, self._on_progress):
                    for record in self._read_file(page.file, locator.shown):
                        n_read += 1
                        yield _given_by(locator, record)
        except FetchError as error:
            kept = "what was fetched so far is kept; run the same command again"
            self._refuse(path, f"{error}; {kept}")
        except SourceError as error:
            self._refuse(path, str(error))
        else:
            n_now = self._tally.refused_records + self._tally.refused_sources
            if not n_read and n_now == n_before:
                self._refuse(path, "nothing is found there")

    def _read_file(self, file: Place, source: str) -> Iterator[SourceRecord]:
        yield from self._told(read_source(file, source, self._meter))

    def _told(self, items: Iterator[Item | Refusal]) -> Iterator[Item]:
        for item in items:
            if isinstance(item, Refusal):
                self._tally.refuse(item)
            else:
                yield item

    def _refuse(self, path: str, reason: str) -> None:
        self._tally.refuse(Refusal(source=printable(path), record=None, reason=reason))


def is_file(path: str | Path | NamedFile) -> bool:
    """Return True if this names a file or a folder, and not what is fetched from a service."""
    if isinstance(path, NamedFile) or not is_locator(str(path)):
        return True
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # a search may be longer than any name
        return False


def _given_by(locator: Locator, record: SourceRecord) -> SourceRecord:
    if locator.service == "zotero":  # people wrote it, as they write files
        return record
    sighting = record.sighting.model_copy(update={"service": locator.service})
    return record.model_copy(update={"sighting": sighting})


def _batches(records: Iterator[Read]) -> Iterator[list[Read]]:
    batch: list[Read] = []
    for read in records:
        batch.append(read)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch


def _store(records: list[Read], catalogue: Catalogue, tally: _Tally, lost: dict[str, str]) -> None:
    """Merge records into the catalogue, all or none of the batch; `lost` ones come back."""
    alike: defaultdict[str, list[Read]] = defaultdict(list)
    for read in records:
        alike[record_fingerprint(read.record)].append(read)
    taken_in = catalogue.papers_of_records(alike)
    tally.seen.update(taken_in.values())
    outdated = catalogue.cleaned_otherwise(alike, CLEANING)
    parts: list[Part] = []
    for part_id, same in alike.items():
        if part_id not in taken_in or part_id in outdated or part_id in lost:
            cleaned = same[-1].cleaned or clean(same[-1].record)
            if isinstance(cleaned, str):
                for read in same:
                    tally.refuse(_refusal(read.record, cleaned))
                continue
            parts.append(cleaned)
        tally.accepted += len(same)
    back = [part for part in parts if part.part_id in lost]
    restored = take_back(back, lost, catalogue)
    tally.restored.update(restored)
    tally.updated.update(restored)
    for part in back:
        del lost[part.part_id]
        parts.remove(part)
    change = regroup(parts, catalogue)
    known = catalogue.get(paper.paper_id for paper, _ in change.papers)
    catalogue.regroup(change)
    tally.count(change, known)


def clean(record: SourceRecord) -> Part | str:
    """Make the paper that a record alone would be; or say why it is refused."""
    try:
        part = to_part(record)
    except ValueError:
        return "nothing is left of its title or abstract once cleaned"
    return _too_long(part.paper) or part


def _refusal(record: SourceRecord, reason: str) -> Refusal:
    title = printable(" ".join(record.title.split())[:80])
    return Refusal(source=record.sighting.source, record=title, reason=reason)


def _too_long(paper: Paper) -> str | None:
    """Say why an abstract is too long or repeats itself; None for one that does neither."""
    if (n_sentences := len(paper.sentences)) > MAX_SENTENCES:
        return f"abstract of {n_sentences:,} sentences, more than {MAX_SENTENCES}"
    times = Counter(paper.quote(span) for span in paper.sentences)
    if times and (most := max(times.values())) > MAX_REPEATS:
        return f"abstract that says one sentence {most:,} times, more than {MAX_REPEATS}"
    return None
