"""Items of Zotero's API (version 3), as objects with the usual names."""

import re
from collections.abc import Mapping
from typing import Any

# Items that are about a paper, and no paper.
_BESIDE = {"note": "a note", "attachment": "an attachment", "annotation": "an annotation"}
# Where people and Zotero's translators put an arXiv id.
_ARXIV_FIELDS = ("archiveID", "extra", "number", "url")
_ARXIV = re.compile(r"arxiv(?:\.org/abs/|[:.]\s?)[^\s\[\],;]{1,60}", re.IGNORECASE)
_MAX_EXTRA_CHARS = 2_000
_MAX_CREATORS = 10_000


def is_item(fields: Mapping[str, Any]) -> bool:
    """Return True for what the API gives for an item: its fields are under `data`."""
    data = fields.get("data")
    return isinstance(data, dict) and isinstance(data.get("itemType"), str)


def plain_fields(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of an item under usual names; `collectionNames` is ours, where it is there.

    Raises:
        ValueError: It is a note, an attachment or an annotation; one line.
    """
    data, meta = item["data"], item.get("meta")
    if kind := _BESIDE.get(data["itemType"]):
        raise ValueError(f"{kind}, which is no paper")
    texts = {name: value for name, value in data.items() if isinstance(value, str)}
    parsed = meta.get("parsedDate") if isinstance(meta, dict) else None
    return {
        "title": data.get("title"),
        "abstract": data.get("abstractNote", ""),
        "authors": _authors(data.get("creators")),
        "date": parsed if isinstance(parsed, str) else texts.get("date"),
        "doi": texts.get("DOI"),
        "arxiv_id": _arxiv(texts),
        "url": texts.get("url"),
        "note": texts.get("extra", "")[:_MAX_EXTRA_CHARS],
        "citation_key": texts.get("citationKey", ""),
        "tags": data.get("tags"),
        "collections": data.get("collectionNames"),
    }


def _authors(creators: object) -> list[str | dict[str, str]]:
    """Names of the authors, or of all who made it where none is called an author."""
    people = [c for c in creators if isinstance(c, dict)] if isinstance(creators, list) else []
    authors = [c for c in people if c.get("creatorType") == "author"] or people
    return [name for c in authors[:_MAX_CREATORS] if (name := _name(c))]


def _name(creator: Mapping[str, Any]) -> str | dict[str, str]:
    whole = creator.get("name")  # of a group, in one field
    if isinstance(whole, str) and whole.strip():
        return {"literal": whole}
    parts = [creator.get("firstName"), creator.get("lastName")]
    # A comma would turn the name about.
    return " ".join(p.replace(",", " ") for p in parts if isinstance(p, str)).strip()


def _arxiv(texts: Mapping[str, str]) -> str | None:
    for name in _ARXIV_FIELDS:
        if found := _ARXIV.search(texts.get(name, "")[:_MAX_EXTRA_CHARS]):
            return found.group().replace(" ", "")
    return None
