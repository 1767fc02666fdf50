"""Papers cut into the passages that are searched, sentences, and what a store is told of each."""

import datetime
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from footnote.rag.core.records import Paper

# Named on the index card: another way of cutting needs another name, and a rebuild.
CHUNKER = "sentences-under-title"
# Where their vectors come from one pass over the paper.
IN_CONTEXT = "sentences-and-title-in-context"
# Of a list, in Chroma Cloud, less a bit: nothing is answered from it, the catalogue has them all.
_MOST_BYTES = 4_000


class Place(NamedTuple):
    """Which sentence a chunk is."""

    paper_id: str
    version: str
    sentence: int
    """Counted from 0."""


def sentence_texts(paper: Paper) -> list[str]:
    """Return what is embedded of each sentence of a paper, in order: itself under the title.

    A system is often named in the title alone. One sentence a chunk finds papers as well as windows
    of three (`docs/experiments.md`), and the same vectors then tell which sentence answers.
    """
    return [f"{paper.title}\n{paper.quote(span)}" for span in paper.sentences]


def facts_of(paper: Paper) -> dict[str, Any]:
    """Return what a vector store is told of a paper beside its text, to filter by.

    Returns:
        `date` as the whole number YYYYMMDD where its day is known, `year`, `organisation`,
        `upvotes`, `n_authors`, `withdrawn`, and the lists `authors` and `sources`, of many the
        first; None for what is not known.
    """
    day = paper.date
    return {
        "date": int(day.strftime("%Y%m%d")) if isinstance(day, datetime.date) else None,
        "year": day.year if day else None,
        "organisation": paper.organisation,
        "upvotes": paper.upvotes,
        "n_authors": paper.n_authors,
        "withdrawn": paper.withdrawn,
        "authors": _fitting(paper.authors) or None,
        "sources": _fitting(dict.fromkeys(s.source for s in paper.sightings)) or None,
    }


def _fitting(names: Iterable[str]) -> list[str]:
    """Return the first of the names, as many as a hosted store takes."""
    ends = accumulate(len(name.encode()) for name in names)
    return [name for name, end in zip(names, ends, strict=True) if end <= _MOST_BYTES]


def chunk_id(paper: Paper, number: int) -> str:
    """Return the id of the chunk that holds a paper's sentence, counted from 0.

    It names the version too, so that a later one is added beside it before this one goes.
    """
    return sentence_id(version_id(paper.paper_id, paper.version), number)


def version_id(paper_id: str, version: str) -> str:
    """Return what the ids of all chunks of one version of a paper begin with."""
    return f"{paper_id}@{version}"


def sentence_id(version_id: str, number: int) -> str:
    """Return the id of a chunk by its version's and the sentence's number."""
    return f"{version_id}#{number}"


def version_of_chunk(chunk: str) -> str:
    """Return the `version_id` in an id of `chunk_id`."""
    return chunk.rpartition("#")[0]


def place_of_chunk(chunk: str) -> Place:
    """Read an id of `chunk_id`."""
    of_version, _, number = chunk.rpartition("#")
    paper_id, _, version = of_version.rpartition("@")
    return Place(paper_id, version, int(number))


def paper_of_chunk(chunk: str) -> str:
    """Return the paper's id in an id of `chunk_id`."""
    return chunk.rpartition("@")[0]


def best_of_shards(
    by_shard: Sequence[list[tuple[str, float]]],
    depth: int,
    *,
    paper_of: Callable[[str], str] = paper_of_chunk,
) -> list[tuple[str, float]]:
    """Merge what each shard found, ids with cosines, best first, at most `depth`.

    Args:
        by_shard: Of each shard what it found, best first, at most `depth`.
        depth: How many are kept.
        paper_of: Tells the paper that an id is of; of papers as near the smaller id comes first.
    """
    if len(by_shard) == 1:
        return by_shard[0]
    found = [each for own in by_shard for each in own]
    return sorted(found, key=lambda each: (-each[1], paper_of(each[0])))[:depth]
