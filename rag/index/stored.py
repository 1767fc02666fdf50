"""How papers and records stand in the rows of the catalogue, each row with its checksum."""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from footnote.rag.core.records import Paper

# Papers that are asked for again and again; each takes some 10 kB.
_KEPT_PAPERS = 512

# A record as bytes: what is damaged need not be text any more.
RECORD = "paper_id, version, CAST(record AS BLOB), checksum"
SERVED = (
    "paper_id, indexed, CAST(coalesce(held, record) AS BLOB),"
    " iif(held IS NULL, checksum, held_checksum)"
)
PART = "paper_id, part_id, apart, CAST(record AS BLOB), checksum, cleaning"
AMONG = "WHERE paper_id IN (SELECT value FROM json_each(?))"
PENDING = "(indexed IS NOT version OR n_chunks IS NULL)"
"""Of a paper that the index does not hold whole as it is now; SQLite's index of these has it so."""
BY_WORDS = "(indexed IS NOT NULL AND n_chunks IS NULL)"
"""Of one that is served and found by its words alone; the same."""


class State(NamedTuple):
    """Which index the catalogue describes; equal for as long as nothing was written to it."""

    snapshot: str | None
    epoch: int


class Version(NamedTuple):
    """One version of a paper, as the index knows it."""

    paper_id: str
    version: str


class Part(NamedTuple):
    """One record of a paper, kept so that merging can be explained and undone."""

    part_id: str
    """Fingerprint of the record."""
    paper: Paper
    """What this record alone would be."""
    apart: str | None = None
    """Two parts for which both have this, and differ in it, are never one paper."""
    cleaning: str | None = None
    """By which the paper was made of the record; None for an earlier program's."""

    @property
    def own(self) -> tuple[str, str | None]:
        """What its row says beside the paper."""
        return self.part_id, self.apart


class Damage(NamedTuple):
    """What is not as it was written."""

    papers: Sequence[str]
    """Ids of papers."""
    records: Mapping[str, str]
    """Fingerprints of records, as they were taken in, with the id of the paper of each."""


class Regrouping(NamedTuple):
    """Papers made anew from their parts."""

    papers: Sequence[tuple[Paper, Iterable[str]]]
    """Each with its identity keys; they replace those of the same id."""
    parts: Mapping[str, Sequence[Part]]
    """All parts of each of them, by paper id."""
    aliases: Mapping[str, str]
    """Further ids under which they are found."""
    gone: Sequence[str]
    """Ids that are papers no more."""


@lru_cache(_KEPT_PAPERS)
def read_paper(record: bytes) -> Paper:
    """Read a paper from its record; the same one for the same record, which cannot be changed."""
    return Paper.model_validate_json(record)


def checksum_of(record: bytes, *about: str | None) -> int:
    """Compute the checksum of a record and of what else its row says of it."""
    return zlib.crc32(record, zlib.crc32("\n".join(said or "" for said in about).encode()))


def packed(paper: Paper) -> bytes:
    """Write a paper as compressed JSON; a part is read only where papers are merged or told apart.

    Less than a third of its size: of most papers title and abstract stand in it twice.
    """
    return zlib.compress(paper.model_dump_json().encode())


def unpacked(record: bytes) -> bytes:
    """Return the JSON of a part, as `packed` or as an earlier version wrote it."""
    return record if record.startswith(b"{") else zlib.decompress(record)


def is_whole(row: Sequence[Any]) -> bool:
    """Return True if a row of `RECORD` or `SERVED` is as it was written."""
    paper_id, version, record, checksum, *_ = row
    return checksum_of(record, paper_id, version) == checksum


def is_whole_part(row: Sequence[Any]) -> bool:
    """Return True if a row of `PART` is as it was written."""
    paper_id, part_id, apart, record, checksum, _ = row
    return checksum_of(record, paper_id, part_id, apart) == checksum


def version_of(record: bytes) -> str | None:
    """Return the version that a record is; None for one that is no paper."""
    try:
        return Paper.model_validate_json(record).version
    except ValueError:
        return None


def listed(values: Iterable[str]) -> str:
    """Write values for `json_each`: SQLite limits how many parameters a statement may have."""
    return json.dumps(list(values))
