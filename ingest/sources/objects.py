"""One JSON object a paper, in any of the shapes that services and tools write.

HF Daily Papers (`{"paper": {…}}`), arXiv's metadata snapshot (`authors_parsed`, `versions`),
OpenAlex's works (`abstract_inverted_index`), CSL-JSON (`DOI`, `author`, `issued`), BEIR (`_id`,
`title`, `text`), Zotero (`{"data": {…}}`), and plain records under usual names. What is wrong with
an optional field costs that field alone.
"""

import datetime
import json
import re
from collections.abc import Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from footnote.ingest.record import (
    SourceRecord,
    paper_url,
    parse_arxiv_id,
    parse_doi,
    says_withdrawn,
)
from footnote.ingest.sources import openalex, zotero
from footnote.rag.core.partial import PartialDate, partial_date
from footnote.rag.core.records import Sighting

MAX_COUNT = 10**9
MAX_AUTHORS = 5_000
_MAX_TAGS = 100
_MAX_NAME_CHARS = 200
_MAX_NOTICE_CHARS = 300
# An abstract that begins with a withdrawal is one; further on it may speak of another paper's.
_NOTE_CHARS = 120
# A number longer than this is no count; Python would take long to read one of thousands of digits.
_MAX_DIGITS = 18

TITLES = ("title", "paper_title", "name")
ABSTRACTS = ("abstract", "digest", "summary", "text", "description", "paper_abstract")
# Of arXiv's snapshot: when the first version was sent in; `update_date` may be many years later.
_SUBMITTED = "first version"
# The first of these that tells any date does: a year goes before the day of a later change.
_DATES = (
    ("date", "published", "published_at", "publishedAt", "publication_date", "publicationDate",
     "issued"),
    ("created",),
    ("year",),
    (_SUBMITTED,),
    ("update_date",),
)  # fmt: skip
_AUTHORS = ("authors", "author", "creators")
_ORGANISATIONS = ("organisation", "organization", "affiliation")
_UPVOTES = ("upvotes", "votes", "likes")
_ARXIV_IDS = ("arxiv_id", "arxivId", "arxiv", "eprint", "id", "paper_id", "url", "URL", "link")
_DOIS = ("doi", "DOI", "id", "url")
_URLS = ("url", "URL", "link")
_NOTES = ("comments", "comment", "note")
_CITE_KEYS = ("citation_key",)
_TAGS = ("tags", "keywords", "keyword")
# Crossref's abstracts carry tags of its own.
_TAG = re.compile(r"</?(?:jats:)?[a-z][a-z-]{0,20}(?:\s[^<>]{0,200})?/?>", re.IGNORECASE)
_DAY = re.compile(r"(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?!\d)")
# `2023`, `2023-05`, RIS's `2023/05//`, the first of biblatex's `2023/2024`; no February 30.
_PARTIAL = re.compile(r"(\d{4})(?:[-/](\d{1,2}))?(?=[-/]{0,3}(?:\s|$)|/\d{4}|[~?%])")


class RecordError(ValueError):
    """Why an object is no record; one line."""


def parse_json(text: str) -> object:
    """The value that a text spells.

    Raises:
        RecordError: It is not JSON.
    """
    try:
        return json.loads(text, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise RecordError(f"not JSON: {error.msg} at {error.colno}") from error
    except RecursionError:
        raise RecordError("not a flat object: nested too deep") from None


def to_record(value: object, sighting: Sighting) -> SourceRecord:
    """The record that an object is.

    Raises:
        RecordError: It is no object, or its title or abstract is missing or no text, or its
            title is blank.
    """
    if not isinstance(value, dict):
        raise RecordError(f"{_shape(value)}, should be a valid dictionary with title and abstract")
    fields: Mapping[str, Any] = value
    if zotero.is_item(fields):
        fields = _of_zotero(fields)
    elif openalex.is_work(fields):
        fields = openalex.plain_fields(fields)
    paper = fields.get("paper")
    if isinstance(paper, dict):  # what a listing says of a paper stands beside the paper
        beside = {k: v for k, v in fields.items() if k in ("organization", "submittedOnDailyAt")}
        fields = {**beside, **{str(k): v for k, v in paper.items()}}
        day = find_date([fields.get("submittedOnDailyAt")])
        if isinstance(day, datetime.date):
            sighting = sighting.model_copy(update={"day": day.isoformat()})
    title, abstract = _text(fields, TITLES, "title"), _text(fields, ABSTRACTS, "abstract")
    if not title.strip() and "_id" in fields:  # many BEIR corpora have passages without titles
        title = abstract[:80]
    if not title.strip():
        raise RecordError("no title")
    authors = _authors(fields)
    arxiv_id, version = _arxiv(fields)
    doi = next(filter(None, (parse_doi(t) for t in _texts(fields, _DOIS))), None)
    if arxiv_id is None and doi and (found := parse_arxiv_id(doi)):
        arxiv_id, version = found
    told = {_SUBMITTED: _submitted(fields.get("versions")), **fields}
    notes = [*_texts(fields, _NOTES), abstract[:_NOTE_CHARS]]
    note = next(filter(says_withdrawn, notes), None)
    url = next((t for t in _texts(fields, _URLS) if t.startswith(("https://", "http://"))), None)
    return SourceRecord(
        title=title,
        abstract=_TAG.sub(" ", abstract) if "<" in abstract else abstract,
        sighting=sighting,
        date=next(filter(None, (find_date(map(told.get, names)) for names in _DATES)), None),
        n_authors=_count(fields, ("n_authors",), least=1) or len(_listed(fields)) or None,
        organisation=_organisation(fields),
        upvotes=_count(fields, _UPVOTES, least=0),
        authors=tuple(author.name for author in authors),
        group_authors=tuple(author.name for author in authors if author.is_group),
        arxiv_id=arxiv_id,
        version_number=version or _newest(fields.get("versions")),
        doi=None if doi and parse_arxiv_id(doi) else doi,
        url=paper_url(arxiv_id, doi) or (url if url and len(url) < 2_000 else None),
        withdrawn=bool(note) or fields.get("is_retracted") is True,
        notice=note and " ".join(note[:_MAX_NOTICE_CHARS].split()),
        cite_key=next(filter(str.strip, _texts(fields, _CITE_KEYS)), "")[:_MAX_NAME_CHARS] or None,
        tags=_tags(fields, _TAGS),
        collections=_tags(fields, ("collections",)),
    )


def _of_zotero(item: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return zotero.plain_fields(item)
    except ValueError as error:
        raise RecordError(str(error)) from error


def find_date(values: Iterable[object]) -> datetime.date | PartialDate | None:
    """The first of the values that names a day, or else the first that names a month or a year.

    A value is a text, a year as a number, or CSL's `date-parts`.
    """
    texts = [text for value in values if (text := _date_text(value))]
    return next(filter(None, (read(text) for read in (_day, _partial) for text in texts)), None)


def _date_text(value: object) -> str | None:
    if isinstance(value, dict):
        parts = value.get("date-parts")
        first = parts[0] if isinstance(parts, list) and parts else None
        value = "-".join(map(str, first[:3])) if isinstance(first, list) else value.get("raw")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value.strip()[:40] if isinstance(value, str) else None


def _day(text: str) -> datetime.date | None:
    try:
        return datetime.date(*map(int, match.groups())) if (match := _DAY.match(text)) else None
    except ValueError:  # February 30
        return None


def _partial(text: str) -> PartialDate | None:
    try:
        match = _PARTIAL.match(text)
        return partial_date(*(int(part) for part in match.groups() if part)) if match else None
    except ValueError:  # a thirteenth month, the year 0
        return None


def split_names(text: str) -> list[str]:
    """The names of a text that lists them, as `Given Family`."""
    by = " and " if " and " in text else ";" if ";" in text else None
    if by is None:
        # `Ada Lovelace, Charles Babbage` lists two, `Lovelace, Ada` is one.
        names = text.split(",") if all(" " in n.strip() for n in text.split(",")) else [text]
    else:
        names = text.split(by)
    return [turned for name in names if (turned := turn_name(name))]


def turn_name(name: str) -> str:
    """`Given Family`, for a name that may be written `Family, Given`."""
    family, comma, given = name.partition(",")
    return _short(f"{given} {family}" if comma else name)


def _text(fields: Mapping[str, Any], names: tuple[str, ...], what: str) -> str:
    """The first text under the names; null and empty ones are passed over."""
    wrong = None
    for name in names:
        value = fields.get(name)
        if isinstance(value, list) and value and isinstance(value[0], str):
            value = value[0]  # Crossref lists titles
        if isinstance(value, str):
            if value.strip():
                return value
        elif value is not None:
            wrong = wrong or f"{name}: {_shape(value)}, should be a valid string"
    if wrong:
        raise RecordError(wrong)
    if not any(name in fields for name in names):
        raise RecordError(f"{what}: Field required")
    return ""


def _texts(fields: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    return [value for name in names if isinstance(value := fields.get(name), str)]


def _listed(fields: Mapping[str, Any]) -> list[object]:
    return next((v for name in _AUTHORS if isinstance(v := fields.get(name), list)), [])


class _Author(NamedTuple):
    name: str
    is_group: bool = False
    """True where it is told that the whole of it is one name."""


def _authors(fields: Mapping[str, Any]) -> list[_Author]:
    parsed = fields.get("authors_parsed")
    listed = parsed if isinstance(parsed, list) else _listed(fields)
    authors = [_author(item) for item in listed[:MAX_AUTHORS]]
    if not authors:
        text = next(iter(_texts(fields, _AUTHORS)), "")
        authors = [_Author(name) for name in split_names(text[:100_000])[:MAX_AUTHORS]]
    return [author for author in authors if any(c.isalpha() for c in author.name)]


def _author(item: object) -> _Author:
    if isinstance(item, str):
        return _author_of_text(item)
    if isinstance(item, dict):
        if isinstance(literal := item.get("literal"), str) and literal:
            return _Author(_short(literal), is_group=True)
        name = item.get("name") or item.get("fullname")
        if isinstance(name, str):
            return _author_of_text(name)
        pieces = [item.get(k) for k in ("given", "non-dropping-particle", "family")]
    elif isinstance(item, list):
        pieces = [item[1] if len(item) > 1 else None, *item[:1], *item[2:3]]
    else:
        return _Author("")
    told = " ".join(piece for piece in pieces if isinstance(piece, str))
    return _Author(_short(told), is_group=not pieces[0])


def _author_of_text(text: str) -> _Author:
    """Read a name; that of a group may have a comma behind it, or two in place of its first.

    So EndNote has it: `The Engine Team,` and `Wheels and Cogs,, Inc.`
    """
    if ",," in text:
        return _Author(_short(text.replace(",,", ",", 1)), is_group=True)
    is_group = text.count(",") == 1 and text.rstrip().endswith(",")
    return _Author(turn_name(text), is_group)


def _short(name: str) -> str:
    return " ".join(name.split())[:_MAX_NAME_CHARS]


def _arxiv(fields: Mapping[str, Any]) -> tuple[str | None, int | None]:
    for text in _texts(fields, _ARXIV_IDS):
        if found := parse_arxiv_id(text):
            return found
    return None, None


def _submitted(versions: object) -> str | None:
    """The day of the first version of the snapshot's `[{"created": "Mon, 2 Apr 2007 …"}, …]`."""
    first = versions[0] if isinstance(versions, list) and versions else None
    created = first.get("created") if isinstance(first, dict) else None
    if not isinstance(created, str):
        return None
    try:
        return parsedate_to_datetime(created[:60]).date().isoformat()
    except ValueError:  # no date, or one that does not exist
        return None


def _newest(versions: object) -> int | None:
    """The last version of the snapshot's `[{"version": "v1", …}, …]`."""
    if not isinstance(versions, list):
        return None
    names = [v.get("version") for v in versions if isinstance(v, dict)]
    numbers = [n[1:] for n in names if isinstance(n, str) and re.fullmatch(r"v[1-9]\d{0,2}", n)]
    return max(map(int, numbers), default=None)


def _organisation(fields: Mapping[str, Any]) -> str | None:
    for name in _ORGANISATIONS:
        value = fields.get(name)
        if isinstance(value, dict):
            value = value.get("name") or value.get("fullname")
        if isinstance(value, str) and value.strip():
            return " ".join(value.split())[:_MAX_NAME_CHARS]
    return None


def _tags(fields: Mapping[str, Any], names: Iterable[str]) -> tuple[str, ...]:
    """Names of a list, of texts or of Zotero's `{"tag": …}`, or of one text with `,` or `;`."""
    for name in names:
        value = fields.get(name)
        listed = re.split("[,;]", value[:100_000]) if isinstance(value, str) else value
        if isinstance(listed, list):
            said = [v.get("tag") if isinstance(v, dict) else v for v in listed]
            found = (" ".join(v[:_MAX_NAME_CHARS].split()) for v in said if isinstance(v, str))
            if tags := tuple(dict.fromkeys(filter(None, found)))[:_MAX_TAGS]:
                return tags
    return ()


def _count(fields: Mapping[str, Any], names: Iterable[str], *, least: int) -> int | None:
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and value.strip().isdecimal() and len(value) < _MAX_DIGITS:
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= MAX_COUNT:
            return value
    return None


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _shape(value: object) -> str:
    kinds: dict[type, str] = {list: "an array", str: "a string", bool: "true or false"}
    kinds |= {int: "a number", float: "a number", dict: "an object"}
    return kinds.get(type(value), "null")
