"""Works of OpenAlex, from its snapshot or its API, as objects with the usual names."""

import json
import re
from collections.abc import Iterator, Mapping
from operator import itemgetter
from typing import Any

INDEX = "abstract_inverted_index"
_FIRST_OF_JANUARY = re.compile(r"(\d{4})-01-01")
_MAX_AUTHORS = 10_000


def is_work(fields: Mapping[str, Any]) -> bool:
    """Return True for a work: its abstract is the places of its words."""
    return INDEX in fields


def plain_fields(work: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a work under usual names."""
    ids = work.get("ids")
    landings = list(_landings(work))
    return {
        "title": work.get("title") or work.get("display_name"),
        "abstract": _abstract(work[INDEX]),
        "authors": list(_authors(work.get("authorships"))),
        "date": _date(work.get("publication_date")),
        "year": work.get("publication_year"),
        "doi": work.get("doi") or (ids.get("doi") if isinstance(ids, dict) else None),
        "arxiv_id": next((url for url in landings if "arxiv.org/" in url), None),
        "url": next(iter(landings), work.get("id")),
        "is_retracted": work.get("is_retracted"),
    }


def _abstract(index: object) -> str:
    """The words in the order of their places; some keep the object as the text of one."""
    if isinstance(index, str):
        try:
            index = json.loads(index)
        except (ValueError, RecursionError):
            return ""
    if not isinstance(index, dict):
        return ""
    placed = [
        (place, word)
        for word, places in index.items()
        if isinstance(places, list)
        for place in places
        if isinstance(place, int)
    ]
    return " ".join(str(word) for _, word in sorted(placed, key=itemgetter(0)))


def _authors(authorships: object) -> Iterator[str]:
    for authorship in authorships[:_MAX_AUTHORS] if isinstance(authorships, list) else ():
        if isinstance(authorship, dict):
            author = authorship.get("author")
            name = author.get("display_name") if isinstance(author, dict) else None
            name = name or authorship.get("raw_author_name")
            if isinstance(name, str):
                yield name.replace(",", " ")  # given names are first; a comma would turn them about


def _date(text: object) -> object:
    """The date; of the first of January the year alone, which is how OpenAlex tells a year."""
    first = _FIRST_OF_JANUARY.fullmatch(text) if isinstance(text, str) else None
    return first.group(1) if first else text


def _landings(work: Mapping[str, Any]) -> Iterator[str]:
    """Addresses of the places where it can be read, the main one first."""
    others = work.get("locations")
    places = [work.get("primary_location"), *(others if isinstance(others, list) else ())]
    for place in places:
        url = place.get("landing_page_url") if isinstance(place, dict) else None
        if isinstance(url, str):
            yield url
