"""Take papers in on a Ray cluster: files are read, and shards filled, by its workers.

Workers and this process share a file system, and hand each other files; Ray carries places and
counts alone. What is done lies in a folder beside the index until all is:

records/       cleaned records, a file a block of the source; there whole or not at all
papers/00/     papers that a shard is to be given, a file a batch, in order of their ids
filled/        the same files, once their shard holds them
locks/00/      held by the one worker that fills a shard

A record's paper is decided by one process, which writes the catalogue, in the order of the records
and in the batches of an ingest without Ray: so the catalogue is the same, row for row.
"""

import os
import platform
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from footnote.ingest.cluster import Cluster, connected
from footnote.ingest.identity.keys import record_fingerprint
from footnote.ingest.identity.merge import CLEANING
from footnote.ingest.lines import Span
from footnote.ingest.opening import Meter
from footnote.ingest.pipeline import Read, clean
from footnote.ingest.record import Refusal, SourceRecord
from footnote.ingest.sources import NamedFile, cut, read_source
from footnote.ingest.storage import Place
from footnote.rag.core.base import Record
from footnote.rag.core.errors import IndexAccessError
from footnote.rag.core.records import Paper, fingerprint
from footnote.rag.index import lock
from footnote.rag.index.catalogue import Catalogue
from footnote.rag.index.durable import make_file, make_folder, sync
from footnote.rag.index.embedding import Embedder
from footnote.rag.index.passages import embed_papers
from footnote.rag.index.sharding import shard_of
from footnote.rag.index.snapshot import Snapshot
from footnote.rag.index.stored import Part
from footnote.rag.index.writer import Progress

# Bytes of JSON Lines a block: some seconds' work.
_BLOCK_BYTES = 4_000_000
# Papers that a shard is given at once: a lost worker repeats at most these.
_BATCH = 64
# How long the last worker of a shard may take to end, once its machine or its driver is lost.
_SHARD_WAIT_S = 120.0


class _Line(Record):
    """A line of a block: a record as it was cleaned, or what was refused."""

    record: SourceRecord | None = None
    paper: Paper | None = None
    reason: str | None = None
    refusal: Refusal | None = None


class _Block(NamedTuple):
    """A part of a source, and where its cleaned records are kept."""

    file: Place
    source: str
    span: Span | None
    n_bytes: int
    """0 of a file that is not there."""
    kept: Path


@contextmanager
def ray_engine(index: Path, load_embedder: Callable[[], Embedder]) -> Generator["RayEngine"]:
    """Connect to the cluster that RAY_ADDRESS names, or to one on this machine alone.

    What was done before an ingest failed or was killed is kept for the next one.

    Args:
        index: The index folder, at the same place on every machine.
        load_embedder: Loads the embedder; it is sent to the workers.

    Raises:
        ConfigError: Ray is not installed, or the cluster does not answer.
    """
    index = index.resolve()
    work = index.with_name(f"{index.name}.ingest")
    with connected() as cluster:
        yield RayEngine(cluster, work, load_embedder)
    shutil.rmtree(work, ignore_errors=True)


class RayEngine:
    """Reads files and fills shards by the workers of a cluster."""

    def __init__(self, cluster: Cluster, work: Path, load_embedder: Callable[[], Embedder]):
        """Work on a cluster, and keep what is done in a folder."""
        self._cluster = cluster
        self._work = work
        self._load_embedder = load_embedder

    def read(self, files: Iterator[NamedFile], meter: Meter) -> Iterator[Read | Refusal]:
        """Yield what the files hold in order, cleaned, and a refusal for each thing left out."""
        make_folder(self._work / "records")
        blocks = ((block,) for file in files for block in self._blocks(file))
        for block in self._cluster.in_order(_clean_block, blocks):
            meter.n_bytes += block.n_bytes
            yield from _items(block.kept)

    def _blocks(self, named: NamedFile) -> Iterator[_Block]:
        file, spans = named.file.absolute(), iter([None])
        try:
            n_bytes, changed = file.stat().st_size, file.stat().st_mtime_ns
        except (OSError, ValueError):  # whoever reads it says why
            n_bytes, changed = 0, 0
        if n_bytes > _BLOCK_BYTES:
            [spans] = self._cluster.in_order(_cut, [(file, _BLOCK_BYTES)])
        for span in spans:
            told = (file, n_bytes, changed, span, named.source, CLEANING)
            kept = self._work / "records" / f"{fingerprint(*map(str, told))}.jsonl"
            yield _Block(file, named.source, span, n_bytes if span is None else span.n_bytes, kept)

    def fill(self, snapshot: Snapshot, catalogue: Catalogue, on_progress: Progress) -> None:
        """Add all papers that the catalogue has pending, and mark them indexed."""
        total, done = catalogue.count_pending(), 0
        shards = self._spread(catalogue, snapshot.card.shards)
        tasks = [
            (self._load_embedder, snapshot.folder.resolve(), number, self._work)
            for number in shards
        ]
        for _ in self._cluster.at_once(_fill_shard, tasks):
            done += self._mark_filled(catalogue)
            on_progress("indexing", done, total)

    def _spread(self, catalogue: Catalogue, n_shards: int) -> list[int]:
        """Write the papers that are pending for the shards that they fall to; returns which."""
        for name in ("papers", "filled"):  # what an earlier ingest did not mark is pending
            shutil.rmtree(self._work / name, ignore_errors=True)
            make_folder(self._work / name)
        batches: dict[int, list[Paper]] = {}
        numbers, last = count(), ""
        while papers := catalogue.pending(_BATCH, after=last):
            last = papers[-1].paper_id
            for paper in papers:
                shard = shard_of(paper.paper_id, n_shards)
                batch = batches.setdefault(shard, [])
                batch.append(paper)
                if len(batch) == _BATCH:
                    self._hand_out(shard, next(numbers), batch)
                    batch.clear()
        for shard, batch in batches.items():
            if batch:
                self._hand_out(shard, next(numbers), batch)
        return sorted(batches)

    def _hand_out(self, shard: int, number: int, batch: Sequence[Paper]) -> None:
        """Write a batch for a shard; batches are taken in the order of their numbers."""
        folder = _papers_of(self._work, shard)
        make_folder(folder)
        _write_lines(folder / f"{shard:03}-{number:09}.jsonl", batch)

    def _mark_filled(self, catalogue: Catalogue) -> int:
        """Mark the batches that their shards hold; returns how many papers."""
        n_papers = 0
        for file in sorted((self._work / "filled").glob("*.jsonl")):
            papers = _papers(file)
            catalogue.mark_indexed(papers)
            file.unlink()
            n_papers += len(papers)
        return n_papers


def _cut(file: Place, n_bytes: int) -> list[Span | None]:
    """Cut a file into blocks."""
    _check_seen(file)
    return list(cut(file, n_bytes))


def _clean_block(block: _Block) -> _Block:
    """Read and clean the records of a block, unless they are kept."""
    if block.n_bytes:
        _check_seen(block.file)
    _check_seen(block.kept.parent)
    if not block.kept.is_file():
        _write_lines(block.kept, map(_line, read_source(block.file, block.source, span=block.span)))
    return block


def _fill_shard(
    load_embedder: Callable[[], Embedder], snapshot: Path, number: int, work: Path
) -> None:
    """Add to a shard the batches that are handed out for it."""
    _check_seen(snapshot)
    folder = _papers_of(work, number)
    shard = Snapshot.load(snapshot).shard(number)
    with lock.writing(work / "locks" / folder.name, wait_s=_SHARD_WAIT_S):
        embedder = load_embedder()
        for file in sorted(folder.glob("*.jsonl")):
            papers = _papers(file)
            shard.add(papers, *embed_papers(embedder, papers))
            file.rename(work / "filled" / file.name)


def _check_seen(path: Place) -> None:
    """Make sure that this machine sees a file or folder that the one of the command sees.

    Raises:
        IndexAccessError: It does not.
    """
    if not path.exists():
        raise IndexAccessError(
            f"{path} is not seen on machine {platform.node()} of the Ray cluster",
            "keep papers and index where all its machines find them under one path",
        )


def _papers_of(work: Path, shard: int) -> Path:
    return work / "papers" / f"{shard:03}"


def _line(read: SourceRecord | Refusal) -> _Line:
    if isinstance(read, Refusal):
        return _Line(refusal=read)
    cleaned = clean(read)
    if isinstance(cleaned, str):
        return _Line(record=read, reason=cleaned)
    return _Line(record=read, paper=cleaned.paper)


def _items(kept: Path) -> Iterator[Read | Refusal]:
    with kept.open(encoding="utf-8") as lines:
        for line in map(_Line.model_validate_json, lines):
            if line.refusal:
                yield line.refusal
            elif line.record:
                yield Read(line.record, _cleaned(line.record, line))


def _cleaned(record: SourceRecord, line: _Line) -> Part | str | None:
    if line.paper is None:
        return line.reason
    return Part(record_fingerprint(record), line.paper, cleaning=CLEANING)


def _papers(file: Path) -> list[Paper]:
    with file.open(encoding="utf-8") as lines:
        return [Paper.model_validate_json(line) for line in lines]


def _write_lines(file: Path, records: Iterable[Record]) -> None:
    """Write records as JSON Lines; the file is there whole or not at all, whoever writes it too."""
    draft = file.with_name(f"{file.name}.{uuid4().hex}")
    make_file(draft)
    with draft.open("wb") as opened:
        for record in records:
            opened.write(record.model_dump_json(exclude_defaults=True).encode() + b"\n")
        opened.flush()
        os.fsync(opened.fileno())
    draft.replace(file)
    sync(file.parent)
