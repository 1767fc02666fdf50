"""A vector a paper, kept by Chroma, in a folder or on a server; loaded where it is asked."""

import errno
import os
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

import chromadb
import httpx
import numpy as np
from chromadb.api import ClientAPI
from chromadb.api.models.Collection import Collection
from chromadb.api.shared_system_client import SharedSystemClient
from chromadb.config import Settings
from chromadb.errors import NotFoundError
from filelock import ReadWriteLock

from footnote.rag.core.errors import (
    IndexDamagedError,
    VectorServerError,
    has_room,
    is_fault,
    unusable,
)
from footnote.rag.core.records import Paper
from footnote.rag.index.chunking import best_of_shards, facts_of
from footnote.rag.index.readonly import drop_with, is_writable, stand_in
from footnote.rag.index.sharding import split

Item = TypeVar("Item")
_COLLECTION = "papers"
_FOLDER, _SERVER = "vector store ", "Chroma server "
# Neighbours looked at: with Chroma's default of 100 the order of the same index moved between runs.
_SEARCHED = 400
# Papers that one search names. Of 10,000, and 9,000 of them named, it takes 0.4 s; SQLite takes no
# more than 32,766 values.
_MOST_NAMED = 5_000
# How many times as many papers are looked at before a search names more papers than that.
_WIDER = 4, 16
# Papers a call, or fewer where a server takes fewer. Chroma in a folder writes up to 5,461; smaller
# transactions are shorter waits for readers. It fails to get more than 32,766.
_BATCH = 1_000
_GATE_TIMEOUT_S = 60
_SERVER_TIMEOUT_S = 30.0
_CONNECT_TIMEOUT_S = 5.0
# How often a server is asked that puts a call off, and the longest wait between two of these.
_PUT_OFF = 429
_ATTEMPTS = 8
_LONGEST_WAIT_S = 30.0
# One that opens must not see the table of open systems emptied by another.
_OPENING = threading.Lock()


class Row(NamedTuple):
    """What is kept of a paper."""

    paper_id: str
    version: str
    """Of the text whose sentences the vector is the mean of."""
    vector: np.ndarray
    facts: Mapping[str, Any] = MappingProxyType({})
    """See `facts_of`; none of a row that is read."""


class CosineChroma:
    """A collection of Chroma, whose similarities are cosines.

    It keeps a row a paper, without text: the mean of its sentences' vectors, the version that they
    are of, and its facts (`facts_of`).
    """

    def __init__(
        self,
        collection: Collection,
        place: str,
        gate: Callable[[], AbstractContextManager[object]] = nullcontext,
    ):
        """Use a collection.

        Args:
            collection: Its vectors are compared by their angles.
            place: What a person knows it by.
            gate: Held while it is written.
        """
        self._collection = collection
        self._place = place
        self._gate = gate
        # What a server does not say is -1.
        most = collection._client.get_max_batch_size()  # pyright: ignore[reportPrivateUsage]
        self._batch = min(_BATCH, most) if most > 0 else _BATCH
        # A hosted one gives no more at once than it takes.
        self._most_found = most if 0 < most < _BATCH else None

    def add(self, rows: Sequence[Row]) -> None:
        """Add papers; one that is already here is replaced.

        Raises:
            IndexDamagedError: Chroma cannot write them.
        """
        with self._explained("written"), self._gate():
            for batch in self._batches(rows):
                self._collection.upsert(
                    ids=[row.paper_id for row in batch],
                    embeddings=[row.vector.tolist() for row in batch],
                    metadatas=[
                        {"paper_id": row.paper_id, "version": row.version, **row.facts}
                        for row in batch
                    ],
                )

    def describe(self, papers: Sequence[Paper]) -> None:
        """Give papers their facts anew; one that is not here is passed over.

        Raises:
            IndexDamagedError: Chroma cannot write them.
        """
        with self._explained("written"), self._gate():
            for batch in self._batches(papers):
                self._collection.update(
                    ids=[paper.paper_id for paper in batch],
                    metadatas=[facts_of(paper) for paper in batch],
                )

    def remove(self, paper_ids: Sequence[str]) -> None:
        """Delete papers; one that is not here is passed over.

        Raises:
            IndexDamagedError: Chroma cannot delete them.
        """
        with self._explained("written"), self._gate():
            for batch in self._batches(paper_ids):
                self._collection.delete(ids=list(batch))

    def ids(self) -> set[str]:
        """Return the ids of all papers."""
        found: set[str] = set()
        with self._explained():
            while page := self._collection.get(
                include=[], limit=self._most_found, offset=len(found)
            )["ids"]:
                found.update(page)
                if self._most_found is None:
                    break
        return found

    def rows(self, paper_ids: Sequence[str]) -> list[Row]:
        """Return the rows of those of these papers that are here."""
        found: list[Row] = []
        for batch in self._batches(paper_ids):
            with self._explained():
                held = self._collection.get(ids=list(batch), include=["embeddings", "metadatas"])
            versions = [str(of_one["version"]) for of_one in held["metadatas"] or ()]
            vectors = np.asarray(held["embeddings"])
            found += [Row(*each) for each in zip(held["ids"], versions, vectors, strict=True)]
        return found

    def _batches(self, items: Sequence[Item]) -> Iterator[Sequence[Item]]:
        for first in range(0, len(items), self._batch):
            yield items[first : first + self._batch]

    def count(self) -> int:
        """Count the papers."""
        with self._explained():
            return self._collection.count()

    def nearest(
        self,
        vector: Sequence[float],
        *,
        depth: int,
        only: frozenset[str] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> list[tuple[str, float]]:
        """Find the papers nearest to a vector: ids with cosines, best first, at most `depth`.

        Args:
            vector: Of the collection's dimension.
            depth: Papers at most.
            only: Ids of the papers that may be found; None for all.
            kwargs: For Chroma, beside these.
        """
        if only is None:
            return self.nearest_to_each([vector], depth=depth, **kwargs)[0]
        if len(only) > _MOST_NAMED:
            for times in _WIDER:
                found = self.nearest_to_each([vector], depth=times * depth, **kwargs)[0]
                near = [(id_, cosine) for id_, cosine in found if id_ in only]
                if len(near) >= depth:
                    return near[:depth]
        named = sorted(only)
        near = [
            one
            for first in range(0, len(named), _MOST_NAMED)
            # Not by `ids`: Chroma 1.5.9 fails where one of them is not here.
            for among in [{"paper_id": {"$in": named[first : first + _MOST_NAMED]}}]
            for one in self.nearest_to_each([vector], depth=depth, where=among, **kwargs)[0]
        ]
        return sorted(near, key=lambda one: -one[1])[:depth]

    def nearest_to_each(
        self,
        vectors: Sequence[Sequence[float]],
        *,
        depth: int,
        **kwargs: Any,  # noqa: ANN401
    ) -> list[list[tuple[str, float]]]:
        """Find as `nearest` does, for each of several vectors."""
        with self._explained():
            found = self._collection.query(
                query_embeddings=np.array(vectors, np.float32),
                n_results=min(depth, self._most_found or depth),
                # Its id is all that is read of a row; its metadata take longer than the search.
                include=["distances"],
                **kwargs,
            )
        return [
            [(id_, 1 - distance) for id_, distance in zip(ids, distances, strict=True)]
            for ids, distances in zip(found["ids"], found["distances"] or [], strict=True)
        ]

    @contextmanager
    def _explained(self, done: str = "read") -> Generator[None]:
        try:
            yield
        except IndexDamagedError:
            raise
        except BaseException as error:  # Rust panics are no Exceptions
            if not is_fault(error):
                raise
            raise _unusable(self._place, error, done) from error


class ShardedChroma:
    """The collections of several shards, each with the rows of its papers."""

    def __init__(self, shards: Sequence[CosineChroma]):
        """Use these, in the order of their numbers."""
        self._shards = shards

    def add(self, rows: Sequence[Row]) -> None:
        """Add papers; one that is already here is replaced."""
        for shard, own in split(rows, lambda row: row.paper_id, self._shards):
            shard.add(own)

    def describe(self, papers: Sequence[Paper]) -> None:
        """Give papers their facts anew; one that is not here is passed over."""
        for shard, own in split(papers, lambda paper: paper.paper_id, self._shards):
            shard.describe(own)

    def remove(self, paper_ids: Sequence[str]) -> None:
        """Delete papers; one that is not here is passed over."""
        for shard, own in split(paper_ids, str, self._shards):
            shard.remove(own)

    def ids(self) -> set[str]:
        """Return the ids of all papers."""
        return {id_ for shard in self._shards for id_ in shard.ids()}

    def rows(self, paper_ids: Sequence[str]) -> list[Row]:
        """Return the rows of those of these papers that are here."""
        parts = split(paper_ids, str, self._shards)
        return [row for shard, own in parts for row in shard.rows(own)]

    def count(self) -> int:
        """Count the papers."""
        return sum(shard.count() for shard in self._shards)

    def nearest(
        self, vector: Sequence[float], *, depth: int, only: frozenset[str] | None = None
    ) -> list[tuple[str, float]]:
        """Find as `CosineChroma.nearest` does, in all shards that have any of the papers."""
        if only is None:
            found = [shard.nearest(vector, depth=depth) for shard in self._shards]
        else:
            found = [
                shard.nearest(vector, depth=depth, only=frozenset(own))
                for shard, own in split(only, str, self._shards)
            ]
        return best_of_shards(found, depth, paper_of=str)

    def nearest_to_each(
        self, vectors: Sequence[Sequence[float]], *, depth: int
    ) -> list[list[tuple[str, float]]]:
        """Find as `nearest` does, for each of several vectors."""
        found = [shard.nearest_to_each(vectors, depth=depth) for shard in self._shards]
        return [best_of_shards(own, depth, paper_of=str) for own in zip(*found, strict=True)]


def open_chroma(folder: Path, *, create: bool = False) -> CosineChroma:
    """Open the collection in this folder, as it is now.

    Raises:
        IndexDamagedError: There is none and `create` is false, or Chroma cannot use the folder.
    """
    place = f"{_FOLDER}{folder}"
    if not create and not (folder / "chroma.sqlite3").is_file():
        raise IndexDamagedError(f"{place} is not there", "run `footnote rebuild`")
    if not create and not (is_writable(folder) and has_room(folder)):
        return _open_to_read(folder, place)

    def gate(mode: Literal["read", "write"]) -> AbstractContextManager[object]:
        # An instance a call: they exclude threads of this process too.
        lock = ReadWriteLock(folder / "gate", is_singleton=False, timeout=_GATE_TIMEOUT_S)
        return lock.read_lock() if mode == "read" else lock.write_lock()

    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Chroma loads its graph from several files, which a writer replaces one by one.
        with _OPENING, gate("write" if create else "read"):
            collection = _loaded(folder, create=create)
    except BaseException as error:
        if not is_fault(error):
            raise
        raise _unusable(place, error) from error
    return CosineChroma(collection, place, partial(gate, "write"))


def _open_to_read(folder: Path, place: str) -> CosineChroma:
    """Open the collection in a folder that cannot be written, which Chroma does even to read.

    A stand-in has a copy of Chroma's SQLite file, about a tenth of the folder, and links to the
    graph, which is read whole and let go of.
    """

    def refuse() -> AbstractContextManager[object]:
        number = errno.ENOSPC if is_writable(folder) else errno.EROFS
        raise OSError(number, os.strerror(number))

    try:
        made = stand_in(folder, copied="chroma.sqlite3*")
        drop_with(refuse, made)  # which the store keeps
        with _OPENING:
            collection = _loaded(made, create=False)
    except BaseException as error:
        if not is_fault(error):
            raise
        raise _unusable(place, error) from error
    return CosineChroma(collection, place, refuse)


def _loaded(folder: Path, *, create: bool) -> Collection:
    # Chroma keeps one open system a path in this process, and what it has read of it.
    SharedSystemClient.clear_system_cache()
    client = chromadb.PersistentClient(path=str(folder), settings=_settings())
    collection = _collection(client, _COLLECTION, create=create)
    _load(collection)
    return collection


def open_server(url: str, name: str, *, create: bool = False) -> CosineChroma:
    """Open a collection of a Chroma server.

    Raises:
        VectorServerError: The server does not answer.
        IndexDamagedError: It lacks the collection, and `create` is false.
    """
    place = f"{_SERVER}{url}"
    try:
        return CosineChroma(_collection(_connected(url), name, create=create), place)
    except Exception as error:
        raise _unusable(place, error) from error


def drop_from_server(url: str, name: str) -> None:
    """Delete a collection of a Chroma server; none there is fine.

    Raises:
        VectorServerError: The server does not answer.
    """
    try:
        with suppress(NotFoundError):
            _connected(url).delete_collection(name)
    except Exception as error:
        raise _unusable(f"{_SERVER}{url}", error) from error


@cache
def _connected(url: str) -> ClientAPI:
    """Connect to a server, once an address: a client keeps its connections."""
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    # Its client waits for ever, from its first request on; so ask first, and then set a limit.
    with httpx.Client(timeout=_CONNECT_TIMEOUT_S) as asking:
        _make_patient(asking)
        asking.get(f"{url.rstrip('/')}/api/v2/heartbeat").raise_for_status()
    client = chromadb.HttpClient(
        host=parts.hostname or "",
        port=parts.port or (443 if secure else 80),
        ssl=secure,
        settings=_settings(),
    )
    session: httpx.Client = client._server._session  # pyright: ignore
    session.timeout = _SERVER_TIMEOUT_S
    _make_patient(session)
    return client


def _make_patient(client: httpx.Client) -> None:
    """Have a client send again what a server puts off, through a proxy too."""
    ways = client._mounts  # pyright: ignore[reportPrivateUsage]
    client._transport = _Patient(client._transport)  # pyright: ignore[reportPrivateUsage]
    client._mounts = {  # pyright: ignore[reportPrivateUsage]
        pattern: way and _Patient(way) for pattern, way in ways.items()
    }


class _Patient(httpx.BaseTransport):
    """Sends again, a little later each time, what a server puts off (429)."""

    def __init__(self, transport: httpx.BaseTransport):
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for attempt in range(_ATTEMPTS):
            response = self._transport.handle_request(request)
            if response.status_code != _PUT_OFF or attempt == _ATTEMPTS - 1:
                return response
            response.close()
            told = response.headers.get("retry-after", "")
            wait_s = int(told) if told.isdecimal() else 0.5 * 2**attempt
            time.sleep(min(wait_s, _LONGEST_WAIT_S))
        raise AssertionError("the last attempt returns")

    def close(self) -> None:
        self._transport.close()


def _settings() -> Settings:
    # Unless told otherwise it reads `.env` of the working folder, which can name classes to load.
    return Settings(_env_file=None, anonymized_telemetry=False)  # pyright: ignore[reportCallIssue]


def _collection(client: ClientAPI, name: str, *, create: bool) -> Collection:
    if not create:
        return client.get_collection(name, embedding_function=None)
    return client.get_or_create_collection(
        name,
        embedding_function=None,  # vectors come with the papers
        configuration={"hnsw": {"space": "cosine", "ef_search": _SEARCHED}},
    )


def _load(collection: Collection) -> None:
    """Have Chroma read its graph now: it does so at the first query."""
    # Not counted: Chroma reads all rows for that, which takes seconds of a million.
    some = collection.get(limit=1, include=["embeddings"])["embeddings"]
    if some is not None and len(some):
        collection.query(query_embeddings=np.asarray(some), n_results=1, include=[])


def _unusable(place: str, error: BaseException, done: str = "used") -> IndexDamagedError:
    if isinstance(error, httpx.HTTPError | ConnectionError) or "Could not connect" in str(error):
        reason = " ".join(str(error).split()) or type(error).__name__
        return VectorServerError(
            f"{place} does not answer: {reason}", "start it, or change `store.url`"
        )
    folder = None if place.startswith(_SERVER) else Path(place.removeprefix(_FOLDER))
    return unusable(_FOLDER.strip() if folder else place, folder, error, done)
