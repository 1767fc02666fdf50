"""Fetch pages from a service over HTTP, politely, and keep them on disk.

A page that was fetched is a file. Within some hours it is taken as it is, so that an interrupted
fetch goes on where it stopped; after that the service is asked whether it changed.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar
from urllib.parse import urljoin

import httpx
from pydantic import ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from footnote.rag.core.base import Record
from footnote.rag.core.errors import FetchError
from footnote.rag.core.hosts import leads_here
from footnote.rag.core.records import fingerprint
from footnote.rag.index.durable import make_folder, write_durably

_USER_AGENT = "footnote/0.1 (reads abstracts)"
_NOT_MODIFIED = 304
_RETRYABLE = frozenset([408, 425, 429, 500, 502, 503, 504])
_MAX_REDIRECTS = 5
_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_T = TypeVar("_T")


class Clock(Protocol):
    """What tells the time and lets it pass, as the module `time` does."""

    def monotonic(self) -> float:
        """Return seconds since some moment."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Let so many pass."""
        ...


class PageFormat(NamedTuple):
    """What the pages of a service are."""

    name: str
    """As a person calls it, such as `Atom`."""
    content_types: tuple[str, ...]
    fault: Callable[[bytes], str | None]
    """Says why a body is not whole or not of this format; None when it is."""


class Reply(NamedTuple):
    """What a service answered."""

    status: int
    headers: Mapping[str, str]
    """By their names in lower case."""
    body: bytes


class _Note(Record):
    """What is kept beside a page."""

    url: str
    fetched: float
    etag: str | None = None
    last_modified: str | None = None


class Fetcher:
    """Fetches from one service, one request at a time."""

    def __init__(
        self,
        service: str,
        url: str,
        cache: Path,
        *,
        interval_s: float,
        timeout_s: float,
        page_s: float,
        attempts: int,
        page_bytes: int,
        fresh_s: float,
        kept_s: float,
        kept_bytes: float,
        clock: Clock = time,
    ):
        """Prepare; nothing is asked yet.

        Args:
            service: Its name in messages, such as `arXiv`.
            url: Where it is; all that is asked for is on this host.
            cache: Folder for the pages; made when first needed.
            interval_s: Least time between the beginnings of two requests.
            timeout_s: Longest wait for a connection, and for each piece of an answer.
            page_s: Longest time for a page, with all attempts and the waits between them.
            attempts: Requests for one page until it is given up.
            page_bytes: A larger answer is refused.
            fresh_s: A page fetched less long ago is not asked for again.
            kept_s: One fetched longer ago is deleted when this is closed.
            kept_bytes: And the oldest ones, until the others are no more than this; what is fresh
                is kept in any case.
            clock: By which it waits.
        """
        self.service = service
        self._cache = cache
        self._interval_s = interval_s
        self._page_s = page_s
        self._attempts = attempts
        self._page_bytes = page_bytes
        self._fresh_s = fresh_s
        self._kept_s = kept_s
        self._kept_bytes = kept_bytes
        self._clock = clock
        self._next_request = 0.0
        # Bodies are asked for as they are: a compressed one may be a thousand times its size.
        self._client = httpx.Client(
            timeout=timeout_s,
            headers={"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"},
            follow_redirects=False,
            trust_env=not leads_here(url),  # no proxy leads to this machine itself
        )

    def fetch(self, url: str, parameters: Mapping[str, str], page_format: PageFormat) -> Path:
        """Return the file that holds this page, fetched unless it is there and fresh.

        Raises:
            FetchError: The service does not answer, or not with such a page.
        """
        address = self._address(url, parameters)
        page = self.page_of(address)
        note = _load_note(page)
        if note and time.time() - note.fetched < self._fresh_s:
            return page
        return self._retried(
            lambda deadline: self._fetch_once(address, page, note, page_format, deadline)
        )

    def ask(
        self,
        url: str,
        parameters: Mapping[str, str],
        page_format: PageFormat,
        headers: Mapping[str, str],
    ) -> Reply:
        """Return what the service answers, or that nothing was modified (304); nothing is kept.

        Raises:
            FetchError: The service does not answer, or not with such a page.
        """
        address = self._address(url, parameters)
        return self._retried(lambda deadline: self._asked(address, headers, page_format, deadline))

    def page_of(self, name: str) -> Path:
        """Return the file that holds what is kept under a name, which need not be there."""
        return self._cache / f"{fingerprint(name)}.page"

    def _address(self, url: str, parameters: Mapping[str, str]) -> str:
        try:
            return str(httpx.URL(url).copy_merge_params(parameters))
        except httpx.InvalidURL as error:
            raise FetchError(
                f"{self.service} cannot be asked at {url[:200]!r}: {error}; "
                "check its `url` under `sources` in the settings",
                retryable=False,
            ) from error

    def _retried(self, once: Callable[[float], _T]) -> _T:
        """Call it with the moment by which it has to be done, again where that may help."""
        deadline = self._clock.monotonic() + self._page_s

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait_s if isinstance(error, FetchError) else None
            if asked is not None:
                return asked
            return min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (state.attempt_number - 1))

        def give_up(state: RetryCallState) -> bool:
            # A wait that would end too late is not begun.
            return self._clock.monotonic() + wait(state) > deadline

        retrying = Retrying(
            retry=retry_if_exception(lambda e: isinstance(e, FetchError) and e.retryable),
            stop=lambda state: stop_after_attempt(self._attempts)(state) or give_up(state),
            wait=wait,
            sleep=self._clock.sleep,
            reraise=True,
        )
        return retrying(once, deadline)

    def _fetch_once(
        self, address: str, page: Path, note: _Note | None, page_format: PageFormat, deadline: float
    ) -> Path:
        headers: dict[str, str] = {}
        if note and note.etag:
            headers["If-None-Match"] = note.etag
        if note and note.last_modified:
            headers["If-Modified-Since"] = note.last_modified
        reply = self._asked(address, headers, page_format, deadline)
        if note and reply.status == _NOT_MODIFIED:
            save_beside(page, note.model_copy(update={"fetched": time.time()}))
            return page
        fresh = _Note(
            url=address,
            fetched=time.time(),
            etag=reply.headers.get("etag"),
            last_modified=reply.headers.get("last-modified"),
        )
        save_page(page, reply.body)
        save_beside(page, fresh)
        return page

    def _asked(
        self, address: str, headers: Mapping[str, str], page_format: PageFormat, deadline: float
    ) -> Reply:
        try:
            response, body = self._request(address, headers, deadline)
        except httpx.InvalidURL as error:
            raise FetchError(
                f"{self.service} sends to no address: {error}",
                retryable=False,
            ) from error
        except httpx.HTTPError as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise FetchError(
                f"{self.service} could not be reached: {reason}", retryable=True
            ) from error
        # Nobody may say that nothing was modified who was not asked.
        if response.status_code != _NOT_MODIFIED or not any(h.startswith("If-") for h in headers):
            self._check(response, body, page_format)
        return Reply(
            response.status_code, {k.lower(): v for k, v in response.headers.items()}, body
        )

    def _request(
        self, address: str, headers: Mapping[str, str], deadline: float
    ) -> tuple[httpx.Response, bytes]:
        """Return the last answer after redirects, and its body."""
        host = httpx.URL(address).host
        for _ in range(_MAX_REDIRECTS + 1):
            self._wait_for_turn()
            with self._client.stream("GET", address, headers=dict(headers)) as response:
                # Not `is_redirect`, which counts 304 too.
                if not response.has_redirect_location:
                    return response, self._body(response, deadline)
                target = httpx.URL(urljoin(address, response.headers["location"]))
            secure = target.scheme == "https" or httpx.URL(address).scheme == "http"
            if target.host != host or target.scheme not in ("http", "https") or not secure:
                raise FetchError(
                    f"{self.service} sends elsewhere, to {str(target)[:200]!r}, which is not "
                    "followed; check the service's `url` under `sources` in the settings",
                    retryable=False,
                )
            address = str(target)
        raise FetchError(f"{self.service} redirects without end", retryable=False)

    def _body(self, response: httpx.Response, deadline: float) -> bytes:
        body = bytearray()
        # Pieces as they come: waiting for larger ones would let an answer drip past the deadline.
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > self._page_bytes:
                raise FetchError(
                    f"{self.service} answers with more than {self._page_bytes / 1e6:g} MB; "
                    "ask for less at once, or raise `sources.page_mb`",
                    retryable=False,
                )
            if self._clock.monotonic() > deadline:
                raise FetchError(
                    f"{self.service} is too slow: a page took more than {self._page_s:g} s",
                    retryable=False,
                )
        return bytes(body)

    def _check(self, response: httpx.Response, body: bytes, page_format: PageFormat) -> None:
        status = response.status_code
        # arXiv explains a wrong query in a feed of its own, with status 400.
        if not response.is_success:
            said = f"{status} {response.reason_phrase}".strip()
            if why := _explained(body):
                said = f"{said}: {why}"
            raise FetchError(
                f"{self.service} answers {said}",
                status=status,
                retryable=status in _RETRYABLE,
                wait_s=_retry_after(response.headers.get("retry-after")),
            )
        encoding = response.headers.get("content-encoding", "").strip().lower()
        if encoding not in ("", "identity"):
            raise FetchError(
                f"{self.service} answers compressed ({encoding[:40]}), which was not asked for",
                retryable=False,
            )
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in page_format.content_types:
            raise FetchError(
                f"{self.service} answers with {content_type[:80] or 'no content type'!r}, "
                f"not with {page_format.name}",
                retryable=False,
            )
        if fault := page_format.fault(body):
            # A body without its length may have been cut on the way.
            raise FetchError(f"{self.service} answers with {fault}", retryable=True)

    def _wait_for_turn(self) -> None:
        now = self._clock.monotonic()
        if self._next_request > now:
            self._clock.sleep(self._next_request - now)
        self._next_request = self._clock.monotonic() + self._interval_s

    def close(self) -> None:
        """Let the connection go, and pages that are old."""
        self._client.close()
        with suppress(OSError):  # what cannot be deleted stays
            self._delete_old_pages()

    def _delete_old_pages(self) -> None:
        n_bytes, now = 0, time.time()
        for fetched, files in _by_page(self._cache):
            n_bytes += sum(file.stat().st_size for file in files)
            is_old = now - fetched > self._kept_s or n_bytes > self._kept_bytes
            if is_old and now - fetched > self._fresh_s:
                for file in files:
                    file.unlink(missing_ok=True)


def _by_page(cache: Path) -> list[tuple[float, list[Path]]]:
    """List the files of each page, its note and drafts included, with its time; newest first."""
    pages: dict[str, list[Path]] = {}
    for file in cache.glob("*"):
        pages.setdefault(file.name.split(".")[0], []).append(file)
    dated = [(max(file.stat().st_mtime for file in files), files) for files in pages.values()]
    return sorted(dated, reverse=True)


def _explained(body: bytes) -> str | None:
    """Return in one line what an answer with an error status says, if it says it in Atom."""
    text = body[:20_000].decode(errors="replace")
    _, begin, rest = text.partition("<summary>")
    said, end, _ = rest.partition("</summary>")
    return " ".join(said.split())[:200] if begin and end else None


def _retry_after(value: str | None) -> float | None:
    """Read how many seconds the header asks to wait, given as a number or as a date."""
    if not value:
        return None
    value = value.strip()
    if value.isdecimal() and len(value) < 9:
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _load_note(page: Path) -> _Note | None:
    try:
        note = _Note.model_validate_json(page.with_suffix(".json").read_bytes())
    except (OSError, ValidationError):
        return None
    return note if page.is_file() else None


def save_beside(page: Path, note: Record) -> None:
    """Keep what is to be known of a page beside it."""
    save_page(page.with_suffix(".json"), note.model_dump_json().encode())


def save_page(file: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    try:
        make_folder(file.parent)
        write_durably(file, data)
    except OSError as error:
        raise FetchError(
            f"what was fetched cannot be kept in {file.parent}: {error.strerror}; "
            "check the folder's permissions and space, or name another with --index",
            retryable=False,
        ) from error
