"""From files to an index, as in the upper half of the architecture diagram."""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from ingest.identity import (
    find_same_work,
    identity_keys,
    merge,
    record_fingerprint,
    to_paper,
    with_own_id,
)
from ingest.record import Refusal, SourceRecord
from ingest.sources import find_files, read_source
from rag.catalogue import Catalogue
from rag.errors import SourceError
from rag.index import Index, Progress
from rag.schema import Paper, Record

# Papers a transaction: an interrupted ingest repeats at most these.
_BATCH = 200


class Report(Record):
    """What an ingest did; field by field as the command's `--json` prints it."""

    records: int
    """Records read, refused ones included."""
    papers: int
    """Papers that the accepted ones are."""
    added: int
    updated: int
    unchanged: int
    refused: tuple[Refusal, ...]
    seconds: float


def ingest(paths: Sequence[Path], index: Index, on_progress: Progress) -> Report:
    """Read files and folders into the catalogue, then bring the index up to it.

    A bad record or file is refused and listed; the rest goes on.

    Args:
        paths: Files of any known format, or folders of them.
        index: Where the papers go.
        on_progress: Told how many records are read, then how many papers of all are indexed.

    Raises:
        IndexMismatchError: The index was built with other settings; nothing is changed.
        SourceError: Nothing could be taken in, and something was refused.
    """
    started = time.perf_counter()
    with index.writing():
        # Before anything is written: the catalogue must not run ahead of an index it cannot fill.
        index.check_settings()
        tally = _Tally()
        for batch in _batches(_read(paths, tally)):
            _store(batch, index.catalogue, tally)
            on_progress("reading", tally.records, None)
        index.update(on_progress)
    report = tally.report(time.perf_counter() - started)
    if not report.papers and report.refused:
        first = report.refused[0]
        where = f"{first.source}, {first.record}" if first.record else first.source
        raise SourceError(
            f"no paper could be read: {where}: {first.reason}"
            + (f" (and {len(report.refused) - 1} more)" if len(report.refused) > 1 else "")
        )
    return report


class _Tally:
    def __init__(self) -> None:
        self.records = 0
        self.refused: list[Refusal] = []
        self.added: set[str] = set()
        self.updated: set[str] = set()
        self.seen: set[str] = set()

    def refuse(self, record: SourceRecord, reason: str) -> None:
        source, title = record.sighting.source, record.title.strip()[:80]
        self.refused.append(Refusal(source=source, record=title, reason=reason))

    def count(self, paper: Paper, known: Paper | None) -> None:
        self.seen.add(paper.paper_id)
        if known is None:
            self.added.add(paper.paper_id)
        elif paper != known and paper.paper_id not in self.added:
            self.updated.add(paper.paper_id)

    def report(self, seconds: float) -> Report:
        return Report(
            records=self.records,
            papers=len(self.seen),
            added=len(self.added),
            updated=len(self.updated),
            unchanged=len(self.seen - self.added - self.updated),
            refused=tuple(self.refused),
            seconds=round(seconds, 3),
        )


def _read(paths: Sequence[Path], tally: _Tally) -> Iterator[SourceRecord]:
    for file, source in find_files(paths):
        for item in read_source(file, source):
            tally.records += isinstance(item, SourceRecord) or item.record is not None
            if isinstance(item, Refusal):
                tally.refused.append(item)
            else:
                yield item


def _batches(records: Iterator[SourceRecord]) -> Iterator[list[SourceRecord]]:
    batch: list[SourceRecord] = []
    for record in records:
        batch.append(record)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    yield batch


def _store(records: list[SourceRecord], catalogue: Catalogue, tally: _Tally) -> None:
    """Merge records into the catalogue, all or none of the batch."""
    by_fingerprint = {record_fingerprint(record): record for record in records}
    taken_in = catalogue.papers_of_records(by_fingerprint)
    tally.seen.update(taken_in.values())
    new = {f: record for f, record in by_fingerprint.items() if f not in taken_in}
    changed: dict[str, Paper] = {}
    ids_by_key: defaultdict[str, set[str]] = defaultdict(set)
    paper_ids: dict[str, str] = {}
    for record_id, record in new.items():
        try:
            seen = to_paper(record)
        except ValueError:
            tally.refuse(record, "nothing is left of its title or abstract once cleaned")
            continue
        keys = identity_keys(seen)
        # A paper changed by this batch stands for its older self in the catalogue.
        candidates = {p.paper_id: changed.get(p.paper_id, p) for p in catalogue.find(keys)}
        candidates |= {i: changed[i] for key in keys for i in ids_by_key[key]}
        known = find_same_work(seen, candidates.values())
        if known:
            paper = merge(known, seen)
        else:
            paper = with_own_id(seen) if seen.paper_id in candidates else seen
        tally.count(paper, known)
        paper_ids[record_id] = paper.paper_id
        if paper != known:
            changed[paper.paper_id] = paper
            for key in identity_keys(paper):
                ids_by_key[key].add(paper.paper_id)
    catalogue.save(((p, identity_keys(p)) for p in changed.values()), paper_ids)
