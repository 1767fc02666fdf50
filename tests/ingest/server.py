"""A local server that answers as the services do, a clock that nobody waits for, and a fetch."""

import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from inspect import signature
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from footnote.ingest.record import SourceRecord
from footnote.ingest.services import fetch_pages, parse_locator
from footnote.ingest.sources import read_source
from footnote.rag.core.config import Service, Sources

ENTRY = """  <entry>
    <id>http://arxiv.org/abs/{id}v2</id>
    <published>2025-01-02T10:00:00Z</published>
    <title>Paper {id} of This Server</title>
    <summary>Paper {id} says one thing, and says it at a length that can be quoted.</summary>
    <author><name>Ada Lovelace</name></author>
  </entry>
"""
FEED = """<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <title>a query</title>
  <opensearch:totalResults xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">{total}</opensearch:totalResults>
{entries}</feed>
"""
ALL = [f"2501.{n:05}" for n in range(7)]


class Reply(NamedTuple):
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = MappingProxyType({})
    content_type: str = "application/atom+xml; charset=utf-8"
    cut: bool = False
    """True if fewer bytes come than the header says."""
    endless: bool = False
    drips: bool = False


Asked = dict[str, str]
Answer = Callable[[Asked, int], Reply]
AnswerWithHeaders = Callable[[Asked, int, dict[str, str]], Reply]


class Server:
    """Counts requests and answers them with one function of the parameters and their number."""

    def __init__(self, answer: Answer | AnswerWithHeaders):
        self.requests: list[tuple[dict[str, str], dict[str, str]]] = []
        self.n_drops = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
                asked["path"] = urlsplit(self.path).path
                headers = {k.lower(): v for k, v in self.headers.items()}
                outer.requests.append((asked, headers))
                given = (asked, len(outer.requests), headers)
                self._send(answer(*given[: len(signature(answer).parameters)]))

            def _send(self, reply: Reply) -> None:
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                if reply.content_type and reply.status != 304:
                    self.send_header("Content-Type", reply.content_type)
                if not (reply.endless or reply.drips):
                    length = len(reply.body) + 100 * reply.cut
                    self.send_header("Content-Length", str(length))
                else:
                    self.close_connection = True
                self.end_headers()
                try:
                    self.wfile.write(reply.body)
                    for _ in range(200 if reply.endless else 0):
                        self.wfile.write(b"x" * 100_000)
                    for _ in range(100 if reply.drips else 0):
                        self.wfile.write(b"x")
                        outer.n_drops += 1
                        time.sleep(0.1)
                except OSError:
                    return  # the client has had enough
                if reply.cut:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/api"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()


Serve = Callable[[Answer | AnswerWithHeaders], Server]


def feed(ids: list[str], total: int | None = None) -> bytes:
    entries = "".join(ENTRY.format(id=i) for i in ids)
    return FEED.format(total=len(ids) if total is None else total, entries=entries).encode()


def arxiv(asked: dict[str, str], _n: int) -> Reply:
    """Pages of seven papers, or those asked for by their ids."""
    if "id_list" in asked:
        return Reply(body=feed([i for i in asked["id_list"].split(",") if i in ALL]))
    start, size = int(asked["start"]), int(asked["max_results"])
    return Reply(body=feed(ALL[start : start + size], len(ALL)))


class QuickClock:
    """Passes when it is slept by, and at no other time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self.now += seconds


SEARCH = "arxiv:cat:cs.DC 2025-01-01..2025-01-07"
TITLES = [f"Paper {i} of This Server" for i in ALL]


def settings(url: str, **fields: object) -> Sources:
    service = Service(url=url, interval_s=0)
    given = {"arxiv": service, "huggingface": service, "page_papers": 3, "attempts": 3} | fields
    return Sources(**given)  # pyright: ignore[reportArgumentType]


def fetch(
    url: str,
    cache: Path,
    locator: str = SEARCH,
    clock: QuickClock | None = None,
    **fields: object,
) -> list[str]:
    """Titles of everything a locator gives."""
    parsed = parse_locator(locator)
    assert parsed
    pages = fetch_pages(
        parsed, settings(url, **fields), cache, lambda *_: None, clock or QuickClock()
    )
    items = [item for page in pages for item in read_source(page.file, "x")]
    return [item.title for item in items if isinstance(item, SourceRecord)]
