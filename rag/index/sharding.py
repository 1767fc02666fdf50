"""Which shard of a snapshot holds a paper: told by its id alone, everywhere and for ever."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Shard = TypeVar("Shard")


def shard_of(paper_id: str, n_shards: int) -> int:
    """Return the number of a paper's shard, from 0."""
    return zlib.crc32(paper_id.encode()) % n_shards


def split(
    items: Iterable[Item], paper_of: Callable[[Item], str], shards: Sequence[Shard]
) -> Iterator[tuple[Shard, list[Item]]]:
    """Yield each shard that has any of the items, with those of them, in order.

    Args:
        items: Anything that is of one paper.
        paper_of: Tells the id of an item's paper.
        shards: All of the snapshot's, in the order of their numbers.
    """
    own: list[list[Item]] = [[] for _ in shards]
    for item in items:
        own[shard_of(paper_of(item), len(shards)) if len(shards) > 1 else 0].append(item)
    for shard, theirs in zip(shards, own, strict=True):
        if theirs:
            yield shard, theirs
