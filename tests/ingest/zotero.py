"""A library that is served as Zotero's documentation says of its local API, on a free port."""

from collections.abc import Callable
from json import dumps
from typing import Any

from tests.ingest.server import Reply

JSON = "application/json"


def item(key: str, version: int, title: str, **data: object) -> dict[str, Any]:
    fields = {
        "key": key,
        "version": version,
        "itemType": "journalArticle",
        "title": title,
        "creators": [{"creatorType": "author", "firstName": "Ada", "lastName": "Lovelace"}],
        "abstractNote": f"{title} says one thing, and says it at a length that can be quoted.",
        "date": "17 May 2024",
        "tags": [],
        "collections": [],
    }
    return {
        "key": key,
        "version": version,
        "library": {"type": "user", "id": 0, "name": "My Library"},
        "meta": {"creatorSummary": "Lovelace", "parsedDate": "2024-05-17"},
        "data": fields | data,
    }


class Library:
    """Items and collections, the newest version of any of them, and the name of its server."""

    def __init__(self, *items: dict[str, Any], server: str | None = "S1"):
        self.items = list(items)
        self.collections: dict[str, str] = {}
        self.server = server
        self.synced_version: int | None = None
        """What Zotero tells before version 10: no change counts until it is synced."""
        self.most: int | None = None
        """Items that it gives at once, whatever is asked for."""
        self.before_reply: Callable[[dict[str, str]], None] = lambda _: None

    @property
    def version(self) -> int:
        if self.synced_version is not None:
            return self.synced_version
        return max((each["version"] for each in self.items), default=0)

    def __call__(self, asked: dict[str, str], _n: int, headers: dict[str, str]) -> Reply:
        self.before_reply(asked)
        said = {"Zotero-API-Version": "3", "Zotero-Schema-Version": "42"}
        if self.server:
            said["Zotero-Server-ID"] = self.server
        path = asked["path"].removeprefix("/api")
        if path == "/":
            return Reply(body=b"Nothing to see here.", content_type="text/plain", headers=said)
        if headers.get("zotero-api-version") != "3":
            return Reply(status=501, body=b"API version not implemented", content_type="text/plain")
        found = self._found(path, asked)
        if found is None:
            return Reply(status=404, body=b"Not found", content_type="text/plain", headers=said)
        if since := int(asked.get("since", "0")):
            found = [each for each in found if each["version"] > since]
        said |= {"Last-Modified-Version": str(self.version), "Total-Results": str(len(found))}
        condition = int(headers.get("if-modified-since-version", "0"))
        if condition and self.version <= condition:
            return Reply(status=304, headers=said)
        start = int(asked["start"])
        size = int(asked["limit"]) if self.most is None else self.most
        page = found[start : start + size]
        return Reply(body=dumps(page, indent=4).encode(), content_type=JSON, headers=said)

    def _found(self, path: str, asked: dict[str, str]) -> list[dict[str, Any]] | None:
        match path.strip("/").split("/")[2:]:
            case ["collections"]:
                return [
                    {"key": key, "version": 1, "data": {"key": key, "name": name}}
                    for key, name in self.collections.items()
                ]
            case ["collections", key, "items", "top"] if key in self.collections:
                return [each for each in self.items if key in each["data"]["collections"]]
            case ["items", "top"]:
                tag = asked.get("tag", "").removeprefix("\\")
                tags = ({t["tag"] for t in each["data"]["tags"]} for each in self.items)
                return [e for e, own in zip(self.items, tags, strict=True) if not tag or tag in own]
            case _:
                return None
