"""A library of Zotero's, over the local API of the program on this machine (version 3).

With each answer Zotero tells the version of its library, and gives what has changed since one: what
was fetched before is kept, and only the rest is asked for. Before Zotero 10 the version counts what
was synced alone, and nothing names the library; there all is asked for each time, which costs no
network.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, cast
from urllib.parse import quote

from footnote.ingest.fetch import Fetcher, PageFormat, Reply, save_beside, save_page
from footnote.rag.core.base import Record
from footnote.rag.core.config import Sources
from footnote.rag.core.errors import FetchError, SourceError
from footnote.rag.core.hosts import leads_here

NAME = "Zotero"
_API_VERSION = "3"
_LIBRARY = "users/0"
_SERVER_ID = "zotero-server-id"
_VERSION = "last-modified-version"
_TOTAL = "total-results"
_NOT_MODIFIED, _FORBIDDEN = 304, 403
# So often a library may change while it is read.
_STARTS = 3
_NAMED = 5
_MAX_DIGITS = 18
_START_IT = (
    "start Zotero, and let it speak to other programs: Settings, Advanced, "
    "`Allow other applications on this computer to communicate with Zotero`"
)
_Item = dict[str, Any]


class Wanted(NamedTuple):
    """Which items of a library: all, or those of a collection or with a tag."""

    by: str = ""
    """`collection`, `tag`, or nothing for all."""
    name: str = ""
    """Of a collection, its name or its key."""


class _Known(Record):
    """What the kept items are of."""

    server: str = ""
    """Zotero's name for the library; empty where it gives none."""
    version: int = 0


class _ChangedMeanwhileError(Exception):
    pass


class _NotModifiedError(Exception):
    pass


def parse_wanted(name: str, asked: str) -> Wanted:
    """Read what stands behind `zotero:`.

    Raises:
        SourceError: It is neither empty nor `collection:NAME` nor `tag:NAME`.
    """
    by, _, wanted = (part.strip() for part in asked.partition(":"))
    if asked and (by.lower() not in ("collection", "tag") or not wanted):
        raise SourceError(
            f"{name!r} names no part of a library; "
            "write `zotero:`, `zotero:collection:NAME` or `zotero:tag:NAME`"
        )
    return Wanted(by.lower(), wanted)


def fetch_items(name: str, wanted: Wanted, url: str, sources: Sources, fetcher: Fetcher) -> Path:
    """Return a file with the items, each with the names of its collections.

    Of what was fetched before under the same name, items stay that have been deleted since.

    Raises:
        FetchError: Zotero does not answer, or not as it should.
        SourceError: The address is not on this machine, there is no such collection, or there are
            more items than the settings allow.
    """
    if not leads_here(url):
        raise SourceError(
            f"{NAME} at {url[:200]!r} is not on this machine; check `sources.zotero.url`, such as "
            "http://127.0.0.1:23119/api"
        )
    zotero = _Zotero(url.rstrip("/"), sources, fetcher)
    server = zotero.server()
    collections = list(zotero.listed(f"{_LIBRARY}/collections", {}).values())
    path, parameters = _where(wanted, collections)
    page = fetcher.page_of(name)
    known, items = _kept(page, server)
    with suppress(_NotModifiedError):
        items |= zotero.listed(path, parameters, since=known.version)
    names = {str(c.get("key")): str(_data(c).get("name", "")) for c in collections}
    for item in items.values():
        keys = _data(item).get("collections")
        _data(item)["collectionNames"] = [
            names[key] for key in (keys if isinstance(keys, list) else []) if key in names
        ]
    lines = ",\n".join(map(json.dumps, items.values()))
    save_page(page, f"[\n{lines}\n]\n".encode())
    save_beside(page, _Known(server=server, version=zotero.version if server else 0))
    return page


class _Zotero:
    def __init__(self, url: str, sources: Sources, fetcher: Fetcher):
        self._url = url
        self._sources = sources
        self._fetcher = fetcher
        self.version = 0
        """Of the library, as the last list told it."""

    def server(self) -> str:
        """Ask for the name of the library; empty where Zotero gives none."""
        reply = self._ask("", {}, _TEXT)
        if (version := reply.headers.get("zotero-api-version")) != _API_VERSION:
            raise FetchError(
                f"{NAME} at {self._url} speaks version {version or 'none'!r} of its API, "
                f"not {_API_VERSION}; check `sources.zotero.url`, or update one of the two",
                retryable=False,
            )
        return reply.headers.get(_SERVER_ID, "")

    def listed(self, path: str, parameters: Mapping[str, str], since: int = 0) -> dict[str, _Item]:
        """Return the objects of a list by their keys, those that were changed since a version.

        Raises:
            _NotModifiedError: Nothing was.
        """
        for _ in range(_STARTS):
            with suppress(_ChangedMeanwhileError):
                return self._pages(path, parameters, since)
        raise FetchError(
            f"{NAME}'s library changes while it is read; wait until it is synced", retryable=True
        )

    def _pages(self, path: str, parameters: Mapping[str, str], since: int) -> dict[str, _Item]:
        found: dict[str, _Item] = {}
        first: int | None = None
        start, total = 0, 1
        while start < total:
            reply = self._ask(path, {**parameters, **self._page(start, since)}, _LIST, since)
            self.version, total = _number(reply, _VERSION), _number(reply, _TOTAL)
            if first not in (None, self.version):
                raise _ChangedMeanwhileError
            first = self.version
            if total > self._sources.max_papers:
                raise SourceError(
                    f"{NAME} has {total:,} of them, more than {self._sources.max_papers:,}; "
                    "ask for a collection or a tag, or raise `sources.max_papers`"
                )
            listed = cast(list[_Item], json.loads(reply.body))
            found |= {str(each.get("key")): each for each in listed}
            start += len(listed)
            if not listed and start < total:
                raise FetchError(
                    f"{NAME} tells of {total:,} items and gives {start:,}; run the command again",
                    retryable=True,
                )
        return found

    def _page(self, start: int, since: int) -> dict[str, str]:
        asked = {"format": "json", "start": str(start), "limit": str(self._sources.page_papers)}
        return asked | ({"since": str(since)} if since else {})

    def _ask(
        self, path: str, parameters: Mapping[str, str], page_format: PageFormat, since: int = 0
    ) -> Reply:
        headers = {"Zotero-API-Version": _API_VERSION}
        if since:
            headers["If-Modified-Since-Version"] = str(since)
        try:
            reply = self._fetcher.ask(f"{self._url}/{path}", parameters, page_format, headers)
        except FetchError as error:
            if error.status == _FORBIDDEN or (error.status is None and error.retryable):
                raise FetchError(
                    f"{error}; {_START_IT}", retryable=error.retryable, status=error.status
                ) from error
            raise
        if reply.status == _NOT_MODIFIED:
            raise _NotModifiedError
        return reply


def _where(wanted: Wanted, collections: Iterable[_Item]) -> tuple[str, dict[str, str]]:
    """Say where the wanted items are listed: papers alone, not what hangs on them."""
    if wanted.by == "tag":
        # A minus in front would ask for those without the tag.
        name = f"\\{wanted.name}" if wanted.name.startswith("-") else wanted.name
        return f"{_LIBRARY}/items/top", {"tag": name}
    if wanted.by == "collection":
        key = _collection(wanted.name, collections)
        return f"{_LIBRARY}/collections/{quote(key, safe='')}/items/top", {}
    return f"{_LIBRARY}/items/top", {}


def _collection(name: str, collections: Iterable[_Item]) -> str:
    names = {str(c.get("key")): " ".join(str(_data(c).get("name")).split()) for c in collections}
    if name in names:
        return name
    keys = [key for key, own in names.items() if own.casefold() == name.casefold()]
    if len(keys) == 1:
        return keys[0]
    if keys:
        raise SourceError(
            f"{len(keys)} collections of {NAME} are called {name!r}; "
            f"name one by its key: {', '.join(keys[:_NAMED])}"
        )
    some = ", ".join(sorted(names.values())[:_NAMED]) or "none"
    raise SourceError(f"{NAME} has no collection {name!r}; it has {some}")


def _kept(page: Path, server: str) -> tuple[_Known, dict[str, _Item]]:
    """Return what is kept of the same library; nothing where it is another, or has no name."""
    try:
        known = _Known.model_validate_json(page.with_suffix(".json").read_bytes())
        items: list[_Item] = json.loads(page.read_bytes())
    except (OSError, ValueError):
        return _Known(), {}
    if not server or known.server != server:
        return _Known(), {}
    return known, {str(item.get("key")): item for item in items}


def _data(thing: _Item) -> _Item:
    data = thing.get("data")
    return data if isinstance(data, dict) else {}


def _number(reply: Reply, header: str) -> int:
    value = reply.headers.get(header, "")
    if not value.isdecimal() or len(value) > _MAX_DIGITS:
        raise FetchError(f"{NAME} answers without {header.title()}", retryable=False)
    return int(value)


def _no_fault(body: bytes) -> None:
    del body


def _list_fault(body: bytes) -> str | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return "something that is no JSON"
    is_list = isinstance(value, list) and all(isinstance(each, dict) for each in value)
    return None if is_list else "JSON that is no list of items"


_TEXT = PageFormat("text", ("text/plain",), _no_fault)
_LIST = PageFormat("JSON", ("application/json",), _list_fault)
