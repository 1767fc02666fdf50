"""The papers of a running `footnote serve`, asked over its REST door."""

import re
from contextlib import suppress
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from footnote.rag.core.base import Record
from footnote.rag.core.errors import ServerError
from footnote.rag.core.hosts import leads_here
from footnote.rag.core.records import Answer, Hit, Paper
from footnote.rag.core.text import Span

_NOT_FOUND = 404
_RETRYABLE = frozenset({408, 429, 502, 503, 504})
_MAX_SAID_CHARS = 500
# What a header can carry of a token (RFC 6750, section 2.1).
_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
_T = TypeVar("_T")


class _Row(Record):
    """What a search says of a paper."""

    paper_id: str
    score: float
    passage: str
    start: int
    end: int


_ROWS = TypeAdapter(list[_Row])
_ANSWER = TypeAdapter(Answer)
_PAPER = TypeAdapter(Paper)


class Remote:
    """A server's papers, as a `Library` has its own. Safe to use from several threads."""

    def __init__(self, url: str, *, token: str | None = None, timeout_s: float = 120.0):
        """Ask a server; nothing is asked yet.

        Args:
            url: Where its page is, such as `http://127.0.0.1:7860`.
            token: What `footnote token new` gave; with the scope `ask`, or `read` for `search`.
            timeout_s: Longest wait for a connection, and for each piece of an answer.

        Raises:
            ServerError: It is no address of the web, or the token can be none.
        """
        self.url = url.rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise ServerError(
                f"{url[:200]!r} is no address of a server",
                "write one such as http://127.0.0.1:7860",
            )
        if token and not _TOKEN.fullmatch(token):
            raise ServerError(
                "the token holds signs that no token has", "copy it again, without quotation marks"
            )
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(
            timeout=timeout_s,
            headers=headers,
            trust_env=not leads_here(self.url),  # no proxy leads to this machine itself
        )

    def search(self, question: str, k: int = 10) -> list[Hit]:
        """Find the papers that fit a question, best first, at most `k`.

        What is changed or taken out between the search and the look at a paper is left out.

        Raises:
            ServerError: The server refuses, or does not answer as it should.
        """
        rows = self._asked("POST", "search", _ROWS, {"question": question, "k": k})
        hits: list[Hit] = []
        for row in rows:
            paper, passage = self._paper(row.paper_id), Span(row.start, row.end)
            if paper and paper.quote(passage) == row.passage:
                hits.append(Hit(paper=paper, score=row.score, passage=passage))
        return hits

    def ask(self, question: str) -> Answer:
        """Answer a question, every sentence with its source, or refuse with a reason.

        Raises:
            ServerError: The server refuses, or does not answer as it should.
        """
        return self._asked("POST", "ask", _ANSWER, {"question": question})

    def close(self) -> None:
        """Let the connections go."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _paper(self, paper_id: str) -> Paper | None:
        try:
            return self._asked("GET", f"papers/{quote(paper_id, safe='')}", _PAPER)
        except ServerError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def _asked(
        self, method: str, path: str, of: TypeAdapter[_T], body: dict[str, object] | None = None
    ) -> _T:
        address = f"{self.url}/v1/{path}"
        try:
            response = self._client.request(method, address, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ServerError(
                f"{self.url} could not be reached: {reason}",
                "is `footnote serve` running there?",
                retryable=isinstance(error, httpx.HTTPError),
            ) from error
        if not response.is_success:
            raise _refusal(self.url, response)
        try:
            # A later server may say more than is known here.
            return of.validate_json(response.content, extra="ignore")
        except ValidationError as error:
            raise ServerError(
                f"{self.url} does not answer as `footnote serve` does",
                "check the address",
                status=response.status_code,
            ) from error


def _refusal(url: str, response: httpx.Response) -> ServerError:
    """Make an error of what the server says is wrong, after RFC 9457 where it does."""
    said: dict[str, Any] = {}
    with suppress(ValueError):
        body = response.json()
        said = body if isinstance(body, dict) else {}
    status, wait = response.status_code, response.headers.get("retry-after", "")
    detail = said.get("detail")
    why = detail if isinstance(detail, str) else f"{status} {response.reason_phrase}"
    kind = said.get("type")
    wait_s = float(wait) if wait.isdecimal() and len(wait) < 9 else None
    return ServerError(
        f"{url} refuses: {why[:_MAX_SAID_CHARS]}",
        _next_step(response, wait_s),
        status=status,
        kind=kind if isinstance(kind, str) else None,
        retryable=status in _RETRYABLE,
        wait_s=wait_s,
    )


def _next_step(response: httpx.Response, wait_s: float | None) -> str:
    if response.has_redirect_location:
        return f"use the address that it names: {response.headers['location'][:_MAX_SAID_CHARS]}"
    match response.status_code:
        case 401:
            return "give a token that `footnote token new` made there"
        case 403:
            return "give a token with the scope that this takes"
        case 429:
            return f"wait {wait_s:g} s and ask again" if wait_s else "wait and ask again"
        case _:
            return ""
