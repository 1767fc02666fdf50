"""What can be fetched, and page by page from where: arXiv, HF Daily Papers, Zotero on this machine.

arxiv:2309.06180                              a paper, or several with commas between; v2 as well
arxiv:cat:cs.DC 2025-01-01..2025-01-07        a search in arXiv's own language, and the days
arxiv:all:"paged attention"                   on which the papers were first submitted
hf:2025-01-01..2025-01-07                     the daily papers of these days, or of one
zotero:                                       a whole library of Zotero's
zotero:collection:NAME, zotero:tag:NAME       a part of it
"""

import datetime
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, cast

from footnote.ingest.fetch import Clock, Fetcher, PageFormat
from footnote.ingest.record import parse_arxiv_id
from footnote.ingest.zotero import NAME as ZOTERO
from footnote.ingest.zotero import Wanted, fetch_items, parse_wanted
from footnote.rag.core.config import Service, Sources
from footnote.rag.core.errors import SourceError
from footnote.rag.index.writer import Progress

ServiceName = Literal["arxiv", "hf", "zotero"]
_NAMES: dict[ServiceName, str] = {
    "arxiv": "arXiv",
    "hf": "Hugging Face Daily Papers",
    "zotero": ZOTERO,
}
_LOCATOR = re.compile(r"(arxiv|hf|zotero):(.*)", re.IGNORECASE | re.DOTALL)
_DAYS = re.compile(r"(?:^|\s)(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?$")
_TOTAL = re.compile(rb"<opensearch:totalResults[^<>]{0,500}>\s{0,50}(\d{1,9})\s{0,50}<")
_START = re.compile(rb"<opensearch:startIndex[^<>]{0,500}>\s{0,50}(\d{1,9})\s{0,50}<")
_MAX_DAYS = 366
# The daily papers of one day are fewer; the service gives 50 unless asked for more.
_DAILY_PAPERS = 100
FORMS = (
    "`arxiv:2309.06180`, `arxiv:cat:cs.DC 2025-01-01..2025-01-07`, `hf:2025-01-01..2025-01-07`, "
    "`zotero:`, `zotero:collection:NAME` or `zotero:tag:NAME`"
)


class Locator(NamedTuple):
    """What to fetch from which service."""

    service: ServiceName
    name: str
    """As it was written, with single spaces."""
    ids: tuple[str, ...] = ()
    search: str = ""
    first: datetime.date | None = None
    last: datetime.date | None = None
    wanted: Wanted = Wanted()
    """Of Zotero."""

    @property
    def shown(self) -> str:
        """Return the name that sightings carry: the same for every way to ask for a paper."""
        return _NAMES[self.service]


class FetchedPage(NamedTuple):
    """A file with papers, and how many pages there are in all."""

    file: Path
    number: int
    total: int


def is_locator(text: str) -> bool:
    """Return True if a text names a service, and not a file."""
    return bool(_LOCATOR.fullmatch(text.strip()))


def parse_locator(text: str) -> Locator | None:
    """Read what a text asks to fetch; None when it names no service.

    Raises:
        SourceError: It names a service, and then nothing that can be fetched there.
    """
    match = _LOCATOR.fullmatch(text.strip())
    if not match:
        return None
    service = cast(ServiceName, match.group(1).lower())
    asked = " ".join(match.group(2).split())
    name = f"{service}:{asked}"
    if service == "zotero":
        return Locator(service, name, wanted=parse_wanted(name, asked))
    days = _DAYS.search(asked)
    first, last = _span(name, days) if days else (None, None)
    search = asked[: days.start()].strip() if days else asked
    if service == "hf":
        if search or not first:
            raise SourceError(f"{name!r} names no days; write `hf:2025-01-01..2025-01-07`")
        return Locator(service, name, first=first, last=last)
    ids = [piece.strip() for piece in search.split(",")]
    if search and all(parse_arxiv_id(i) for i in ids):
        bare = [f"{i}v{v}" if v else i for i, v in filter(None, map(parse_arxiv_id, ids))]
        return Locator(service, name, ids=tuple(dict.fromkeys(bare)))
    if not re.search(r"\b[a-z]{2,3}:\S", search):
        raise SourceError(
            f"{name!r} is neither an arXiv id nor a search with a field such as `cat:` or `all:`; "
            f"write {FORMS}"
        )
    return Locator(service, name, search=search, first=first, last=last)


def fetch_pages(
    locator: Locator,
    sources: Sources,
    cache: Path,
    on_progress: Progress,
    clock: Clock = time,
) -> Iterator[FetchedPage]:
    """Yield the pages that a locator asks for, each as soon as it is there.

    Raises:
        FetchError: The service does not answer as it should; pages yielded before are kept.
        SourceError: The search finds more than the settings allow.
    """
    service, pages = {
        "arxiv": (sources.arxiv, _arxiv_pages),
        "hf": (sources.huggingface, _daily_pages),
        "zotero": (sources.zotero, _zotero_pages),
    }[locator.service]
    fetcher = Fetcher(
        _NAMES[locator.service],
        service.url,
        cache / locator.service,
        interval_s=service.interval_s,
        timeout_s=sources.timeout_s,
        page_s=sources.page_s,
        # What runs on this machine is there, or has to be started first.
        attempts=1 if locator.service == "zotero" else sources.attempts,
        page_bytes=int(sources.page_mb * 1_000_000),
        fresh_s=sources.fresh_h * 3_600,
        kept_s=sources.kept_days * 86_400,
        kept_bytes=sources.kept_mb * 1_000_000,
        clock=clock,
    )
    try:
        for page in pages(locator, service, sources, fetcher):
            on_progress("fetching", page.number, page.total)
            yield page
    finally:
        fetcher.close()


def _arxiv_pages(
    locator: Locator, service: Service, sources: Sources, fetcher: Fetcher
) -> Iterator[FetchedPage]:
    if locator.ids:
        size = sources.page_papers
        chunks = [locator.ids[at : at + size] for at in range(0, len(locator.ids), size)]
        for number, ids in enumerate(chunks, start=1):
            asked = {"id_list": ",".join(ids), "max_results": str(len(ids))}
            yield FetchedPage(fetcher.fetch(service.url, asked, _ATOM), number, len(chunks))
        return
    search = locator.search
    if locator.first and locator.last:
        days = f"submittedDate:[{locator.first:%Y%m%d}0000 TO {locator.last:%Y%m%d}2359]"
        search = f"({search}) AND {days}"
    start, total, number = 0, 1, 0
    while start < total:
        asked = {
            "search_query": search,
            "start": str(start),
            "max_results": str(sources.page_papers),
            # The oldest first: papers that come in while pages are fetched do not shift them.
            "sortBy": "submittedDate",
            "sortOrder": "ascending",
        }
        file = fetcher.fetch(service.url, asked, _ATOM)
        found = _TOTAL.search(file.read_bytes())
        total = int(found.group(1)) if found else 0
        if total > sources.max_papers:
            raise SourceError(
                f"{locator.name!r} finds {total:,} papers, more than {sources.max_papers:,}; "
                "ask for fewer days, or raise `sources.max_papers`"
            )
        start += sources.page_papers
        number += 1
        yield FetchedPage(file, number, max(1, -(-total // sources.page_papers)))


def _daily_pages(
    locator: Locator, service: Service, _sources: Sources, fetcher: Fetcher
) -> Iterator[FetchedPage]:
    first, last = locator.first, locator.last
    if not first or not last:
        return
    n_days = (last - first).days + 1
    for number in range(n_days):
        day = first + datetime.timedelta(days=number)
        asked = {"date": day.isoformat(), "limit": str(_DAILY_PAPERS)}
        yield FetchedPage(fetcher.fetch(service.url, asked, _JSON), number + 1, n_days)


def _zotero_pages(
    locator: Locator, service: Service, sources: Sources, fetcher: Fetcher
) -> Iterator[FetchedPage]:
    file = fetch_items(locator.name, locator.wanted, service.url, sources, fetcher)
    yield FetchedPage(file, 1, 1)


def _span(name: str, days: re.Match[str]) -> tuple[datetime.date, datetime.date]:
    try:
        first = datetime.date.fromisoformat(days.group(1))
        last = datetime.date.fromisoformat(days.group(2) or days.group(1))
    except ValueError as error:
        raise SourceError(f"{name!r} names a day that does not exist: {error}") from error
    if not first <= last <= first + datetime.timedelta(days=_MAX_DAYS):
        raise SourceError(f"{name!r} must name days in order, {_MAX_DAYS} at most")
    return first, last


def _feed_fault(body: bytes) -> str | None:
    if b"<feed" not in body[:20_000]:
        return "something that is no Atom feed"
    if not body.rstrip().endswith(b"</feed>"):
        return "a feed that has no end"
    total, start = _TOTAL.search(body), _START.search(body)
    # arXiv now and then gives a page of nothing in the middle of a list.
    if (
        b"<entry" not in body
        and total
        and int(total.group(1)) > int(start.group(1) if start else 0)
    ):
        return "a page without papers where there should be some"
    return None


def _list_fault(body: bytes) -> str | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return "something that is no JSON"
    return None if isinstance(value, list) else "JSON that is no list of papers"


_ATOM = PageFormat("Atom", ("application/atom+xml", "application/xml", "text/xml"), _feed_fault)
_JSON = PageFormat("JSON", ("application/json",), _list_fault)
