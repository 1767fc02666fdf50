"""Fetching with the real client, from a local server that answers as the services do."""

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from footnote.ingest.pipeline import ingest
from footnote.ingest.services import Locator, fetch_pages, is_locator, parse_locator
from footnote.ingest.sources import read_source
from footnote.rag.build import open_index
from footnote.rag.core.config import Service, Sources, load_config
from footnote.rag.core.errors import FetchError, SourceError
from tests.conftest import ROOT, footnote_command, started

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
    """Whether fewer bytes come than the header says."""
    endless: bool = False
    drips: bool = False


Answer = Callable[[dict[str, str], int], Reply]


class Server:
    """Counts requests and answers them with one function of the parameters and their number."""

    def __init__(self, answer: Answer):
        self.requests: list[tuple[float, dict[str, str], dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
                asked["path"] = urlsplit(self.path).path
                headers = {k.lower(): v for k, v in self.headers.items()}
                outer.requests.append((time.monotonic(), asked, headers))
                self._send(answer(asked, len(outer.requests)))

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


@pytest.fixture
def serve() -> Iterator[Callable[[Answer], Server]]:
    servers: list[Server] = []

    def start(answer: Answer) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


Serve = Callable[[Answer], Server]


def feed(ids: list[str], total: int | None = None) -> bytes:
    entries = "".join(ENTRY.format(id=i) for i in ids)
    return FEED.format(total=len(ids) if total is None else total, entries=entries).encode()


def arxiv(asked: dict[str, str], _n: int) -> Reply:
    """Pages of seven papers, or those asked for by their ids."""
    if "id_list" in asked:
        return Reply(body=feed([i for i in asked["id_list"].split(",") if i in ALL]))
    start, size = int(asked["start"]), int(asked["max_results"])
    return Reply(body=feed(ALL[start : start + size], len(ALL)))


@pytest.mark.slow
@pytest.mark.parametrize("fetched_first", [True, False])
def test_a_file_that_claims_a_later_version_does_not_replace_what_arxiv_gave(
    serve: Serve, tmp_path: Path, fetched_first: bool
):
    evil = {
        "arxiv_id": f"{ALL[1]}v9",
        "title": TITLES[1],
        "abstract": "Nothing of it is true, as this far longer text of nobody's asserts. " * 5,
    }
    # A name that looks like the service's makes it no service's.
    (tmp_path / "arXiv").write_text(json.dumps(evil))
    hashing = {"name": "tests.hashing:HashEmbedding"}
    config = load_config(index=tmp_path / "index", embedder=hashing)
    what = [f"arxiv:{ALL[1]}", tmp_path / "arXiv"]
    sources = settings(serve(arxiv).url)
    for path in what if fetched_first else reversed(what):
        ingest([path], open_index(config, create=True), lambda *_: None, sources)
    [paper] = open_index(config).catalogue.papers()
    assert paper.abstract.startswith(f"Paper {ALL[1]} says one thing")
    assert paper.version_number == 2


def settings(url: str, **fields: object) -> Sources:
    service = Service(url=url, interval_s=0)
    given = {"arxiv": service, "huggingface": service, "page_papers": 3, "attempts": 3} | fields
    return Sources(**given)  # pyright: ignore[reportArgumentType]


SEARCH = "arxiv:cat:cs.DC 2025-01-01..2025-01-07"


def fetch(url: str, cache: Path, locator: str = SEARCH, **fields: object) -> list[str]:
    """Titles of everything a locator gives."""
    parsed = parse_locator(locator)
    assert parsed
    pages = fetch_pages(parsed, settings(url, **fields), cache, lambda *_: None)
    return [i.title for page in pages for i in read_source(page.file, "x") if hasattr(i, "title")]  # pyright: ignore[reportAttributeAccessIssue]


TITLES = [f"Paper {i} of This Server" for i in ALL]


def test_a_search_is_fetched_page_by_page_and_says_what_it_asks(serve: Serve, tmp_path: Path):
    server = serve(arxiv)
    assert fetch(server.url, tmp_path) == TITLES
    assert [asked["start"] for _, asked, _ in server.requests] == ["0", "3", "6"]
    _, asked, headers = server.requests[0]
    assert asked["search_query"] == ("(cat:cs.DC) AND submittedDate:[202501010000 TO 202501072359]")
    assert (asked["sortBy"], asked["sortOrder"]) == ("submittedDate", "ascending")
    assert headers["user-agent"].startswith("footnote/")


def test_ids_are_asked_for_at_once(serve: Serve, tmp_path: Path):
    server = serve(arxiv)
    assert fetch(server.url, tmp_path, "arxiv:2501.00001, 2501.00003") == [TITLES[1], TITLES[3]]
    assert [asked["id_list"] for _, asked, _ in server.requests] == ["2501.00001,2501.00003"]


def test_daily_papers_are_asked_for_day_by_day(serve: Serve, tmp_path: Path):
    def daily(asked: dict[str, str], _n: int) -> Reply:
        paper = {
            "id": "2501.00001",
            "title": f"Seen on {asked['date']}",
            "summary": "What this paper says is long enough to be quoted.",
            "upvotes": 7,
            "authors": [{"name": "Ada Lovelace", "hidden": False}],
            "publishedAt": "2025-01-01T00:00:00.000Z",
            "submittedOnDailyAt": f"{asked['date']}T01:00:00.000Z",
        }
        body = json.dumps([{"paper": paper, "title": "-"}] if asked["date"][-1] != "4" else [])
        return Reply(body=body.encode(), content_type="application/json; charset=utf-8")

    server = serve(daily)
    titles = fetch(server.url, tmp_path, "hf:2025-01-03..2025-01-05")
    assert titles == ["Seen on 2025-01-03", "Seen on 2025-01-05"]
    assert [a["date"] for _, a, _ in server.requests] == ["2025-01-03", "2025-01-04", "2025-01-05"]


def test_requests_keep_their_distance(serve: Serve, tmp_path: Path):
    server = serve(arxiv)
    fetch(server.url, tmp_path, arxiv=Service(url=server.url, interval_s=0.3))
    times = [moment for moment, _, _ in server.requests]
    assert all(later - earlier >= 0.29 for earlier, later in itertools.pairwise(times))


def test_a_fresh_page_is_not_asked_for_again(serve: Serve, tmp_path: Path):
    server = serve(arxiv)
    assert fetch(server.url, tmp_path) == fetch(server.url, tmp_path) == TITLES
    assert len(server.requests) == 3


def test_an_old_page_is_asked_for_only_if_it_changed(serve: Serve, tmp_path: Path):
    stamp = formatdate(usegmt=True)

    def unchanged(asked: dict[str, str], n: int) -> Reply:
        if n > 3:
            return Reply(status=304)
        return arxiv(asked, n)._replace(headers={"ETag": '"e"', "Last-Modified": stamp})

    server = serve(unchanged)
    assert fetch(server.url, tmp_path, fresh_h=0) == fetch(server.url, tmp_path, fresh_h=0)
    headers = [h for _, _, h in server.requests]
    assert len(headers) == 6
    assert {(h.get("if-none-match"), h.get("if-modified-since")) for h in headers[3:]} == {
        ('"e"', stamp)
    }


def aged(cache: Path, *days: float) -> None:
    """Let the pages, in the order of their names, have been fetched so many days ago."""
    pages = sorted((cache / "arxiv").glob("*.page"))
    for page, n in zip(pages, days, strict=True):
        for file in (page, page.with_suffix(".json")):
            os.utime(file, (time.time() - n * 86_400,) * 2)


def kept(cache: Path) -> list[str]:
    return sorted(file.name for file in (cache / "arxiv").iterdir())


def test_old_pages_are_deleted_with_their_notes_and_drafts(serve: Serve, tmp_path: Path):
    server = serve(arxiv)
    fetch(server.url, tmp_path)
    aged(tmp_path, 1, 31, 2)
    one, _, three = sorted((tmp_path / "arxiv").glob("*.page"))
    draft = three.with_suffix(".page.123")  # of a process that was killed
    draft.write_bytes(b"<feed")
    os.utime(draft, (0, 0))
    stray = tmp_path / "arxiv" / "abc.page.123"
    stray.write_bytes(b"<feed")
    os.utime(stray, (0, 0))
    fetch(server.url, tmp_path, "arxiv:2501.00001")
    left = kept(tmp_path)
    assert {one.name, three.name} <= set(left)
    assert len([name for name in left if name.endswith(".page")]) == 3
    assert len([name for name in left if name.endswith(".json")]) == 3
    assert stray.name not in left


def test_the_oldest_pages_are_deleted_when_there_are_too_many(serve: Serve, tmp_path: Path):
    server = serve(arxiv)
    fetch(server.url, tmp_path)
    first, second, third = sorted((tmp_path / "arxiv").glob("*.page"))
    for page in (first, second, third):
        page.write_bytes(b"x" * 10_000)
    aged(tmp_path, 3, 1, 2)
    fetch(server.url, tmp_path, "arxiv:2501.00001", kept_mb=0.015)
    left = [name for name in kept(tmp_path) if name.endswith(".page")]
    assert second.name in left
    assert len(left) == 2
    assert len(kept(tmp_path)) == 4


def test_what_is_fresh_is_kept_whatever_it_takes(serve: Serve, tmp_path: Path):
    server = serve(arxiv)
    assert fetch(server.url, tmp_path, kept_mb=0, kept_days=0) == TITLES
    assert len(kept(tmp_path)) == 6
    fetch(server.url, tmp_path)
    assert len(server.requests) == 3


def test_what_was_fetched_before_a_failure_is_not_fetched_again(serve: Serve, tmp_path: Path):
    failing = True

    def breaks(asked: dict[str, str], n: int) -> Reply:
        return Reply(status=404) if failing and asked["start"] == "6" else arxiv(asked, n)

    server = serve(breaks)
    with pytest.raises(FetchError, match="answers 404"):
        fetch(server.url, tmp_path)
    failing = False
    assert fetch(server.url, tmp_path) == TITLES
    assert [asked["start"] for _, asked, _ in server.requests] == ["0", "3", "6", "6"]


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(Reply(status=429, headers={"Retry-After": "0"}), id="429"),
        pytest.param(Reply(status=503, headers={"Retry-After": formatdate(usegmt=True)}), id="503-date"),
        pytest.param(Reply(status=500, headers={"Retry-After": "0"}), id="500"),
        pytest.param(Reply(body=feed(ALL), cut=True), id="cut-body"),
        pytest.param(Reply(body=feed(ALL)[:-30]), id="feed-without-end"),
        pytest.param(Reply(body=b"not a feed"), id="no-feed"),
        pytest.param(Reply(body=feed([], 7)), id="a-page-of-nothing"),
    ],
)  # fmt: skip
def test_a_passing_fault_is_tried_again(
    serve: Serve, tmp_path: Path, first: Reply, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("footnote.ingest.fetch._FIRST_WAIT_S", 0.01)
    server = serve(lambda asked, n: first if n == 1 else arxiv(asked, n))
    assert fetch(server.url, tmp_path) == TITLES
    assert len(server.requests) == 4


def test_a_service_is_waited_for_as_long_as_it_asks(serve: Serve, tmp_path: Path):
    busy = Reply(status=429, headers={"Retry-After": "1"})
    server = serve(lambda asked, n: busy if n == 1 else arxiv(asked, n))
    fetch(server.url, tmp_path, "arxiv:2501.00001")
    (first, _, _), (second, _, _) = server.requests
    assert second - first >= 1


@pytest.mark.parametrize(
    ("reply", "message", "n_requests"),
    [
        pytest.param(Reply(status=503), "answers 503 Service Unavailable", 3, id="always-503"),
        pytest.param(Reply(status=429, headers={"Retry-After": "86400"}), "answers 429", 1, id="asks-to-wait-a-day"),
        pytest.param(Reply(status=400, body=feed([]).replace(b"</feed>", b"<entry><summary>incorrect id format</summary></entry></feed>")), "answers 400 Bad Request: incorrect id format", 1, id="explained"),
        pytest.param(Reply(body=b"<html>", content_type="text/html"), "answers with 'text/html', not with Atom", 1, id="content-type"),
        pytest.param(Reply(body=b"x", content_type=""), "answers with 'no content type'", 1, id="no-content-type"),
        pytest.param(Reply(body=b"x", headers={"Content-Encoding": "gzip"}), "answers compressed", 1, id="compressed"),
        pytest.param(Reply(body=b"junk"), "something that is no Atom feed", 3, id="junk"),
        pytest.param(Reply(endless=True), "answers with more than 1 MB", 1, id="endless"),
        pytest.param(Reply(status=302, headers={"Location": "http://localhost.invalid/x"}), "sends elsewhere, to 'http://localhost.invalid/x'", 1, id="other-host"),
        pytest.param(Reply(status=302, headers={"Location": "file:///etc/passwd"}), "sends elsewhere", 1, id="other-scheme"),
        pytest.param(Reply(status=302, headers={"Location": "/api"}), "redirects without end", 6, id="redirects"),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_used_is_named(
    serve: Serve, tmp_path: Path, reply: Reply, message: str, n_requests: int,
    monkeypatch: pytest.MonkeyPatch,
):  # fmt: skip
    monkeypatch.setattr("footnote.ingest.fetch._FIRST_WAIT_S", 0.01)
    server = serve(lambda _asked, _n: reply)
    with pytest.raises(FetchError) as error:
        fetch(server.url, tmp_path, page_mb=1)
    assert message in str(error.value)
    assert str(error.value).startswith("arXiv ")
    assert len(server.requests) == n_requests
    assert list(tmp_path.rglob("*.page")) == []


def test_a_redirect_within_the_service_is_followed(serve: Serve, tmp_path: Path):
    def moved(asked: dict[str, str], n: int) -> Reply:
        if asked["path"] == "/api":
            return Reply(status=301, headers={"Location": f"/new?id_list={asked['id_list']}"})
        return arxiv(asked, n)

    assert fetch(serve(moved).url, tmp_path, "arxiv:2501.00001") == [TITLES[1]]


def test_an_answer_that_drips_is_given_up(serve: Serve, tmp_path: Path):
    """Each piece comes in time, so no time-out of the client's own would end it."""
    server = serve(lambda _asked, _n: Reply(drips=True))
    started = time.monotonic()
    with pytest.raises(FetchError, match=r"too slow: a page took more than 0\.5 s"):
        fetch(server.url, tmp_path, page_s=0.5)
    assert time.monotonic() - started < 5


def test_without_a_network_it_says_so(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
        with pytest.raises(FetchError, match=r"arXiv could not be reached: .*refused"):
            fetch(url, tmp_path, attempts=1)


def test_an_empty_feed_gives_nothing(serve: Serve, tmp_path: Path):
    server = serve(lambda _asked, _n: Reply(body=feed([])))
    assert fetch(server.url, tmp_path) == []
    assert len(server.requests) == 1


def test_a_search_that_finds_too_much_is_refused(serve: Serve, tmp_path: Path):
    server = serve(lambda _asked, _n: Reply(body=feed(ALL[:3], 123_456)))
    with pytest.raises(SourceError, match=r"finds 123,456 papers, more than 10,000; ask for fewer"):
        fetch(server.url, tmp_path)


def test_a_cache_that_cannot_be_written_is_named(serve: Serve, tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FetchError, match="cannot be kept in"):
        fetch(serve(arxiv).url, tmp_path / "file")


def test_a_damaged_note_is_as_good_as_none(serve: Serve, tmp_path: Path):
    server = serve(arxiv)
    fetch(server.url, tmp_path)
    for note in tmp_path.rglob("*.json"):
        note.write_text("{")
    assert fetch(server.url, tmp_path) == TITLES
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("arxiv:2309.06180", Locator("arxiv", "arxiv:2309.06180", ids=("2309.06180",))),
        ("arXiv:cs/0112017v1", Locator("arxiv", "arxiv:cs/0112017v1", ids=("cs/0112017v1",))),
        ("arxiv:all:cache", Locator("arxiv", "arxiv:all:cache", search="all:cache")),
        ("papers.jsonl", None),
        ("doi:10.1000/a", None),
    ],
)
def test_what_a_locator_asks_for(text: str, meant: Locator | None):
    assert parse_locator(text) == meant
    assert is_locator(text) is (meant is not None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("arxiv:", "neither an arXiv id nor a search"),
        ("arxiv:large models", "neither an arXiv id nor a search"),
        ("arxiv:2025-01-01..2025-01-02", "neither an arXiv id nor a search"),
        ("hf:", "names no days"),
        ("hf:trending", "names no days"),
        ("hf:2025-02-30", "a day that does not exist"),
        ("hf:2025-01-02..2025-01-01", "must name days in order"),
        ("hf:1999-01-01..2025-01-01", "366 at most"),
    ],
)
def test_a_locator_that_asks_for_nothing(text: str, message: str):
    with pytest.raises(SourceError, match=message):
        parse_locator(text)


@pytest.mark.slow
def test_the_command_fetches_keeps_and_goes_on(serve: Serve, tmp_path: Path):
    failing = True

    def breaks(asked: dict[str, str], n: int) -> Reply:
        return Reply(status=404) if failing and asked["start"] == "6" else arxiv(asked, n)

    server = serve(breaks)
    variables = {
        "FOOTNOTE_SOURCES__ARXIV__URL": server.url,
        "FOOTNOTE_SOURCES__ARXIV__INTERVAL_S": "0",
        "FOOTNOTE_SOURCES__PAGE_PAPERS": "3",
    }

    def ingest() -> dict[str, object]:
        done = subprocess.run(
            [sys.executable, "-m", "footnote.ui.cli", "ingest", SEARCH, "--index", "i", "--json"],
            capture_output=True, text=True, timeout=120, check=True,
            env=os.environ | variables | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        return json.loads(done.stdout)

    report = ingest()
    assert (report["records"], report["added"]) == (6, 6)
    [refusal] = report["refused"]  # pyright: ignore[reportGeneralTypeIssues]
    assert refusal["source"] == SEARCH
    assert refusal["reason"] == (
        "arXiv answers 404 Not Found; what was fetched so far is kept; run the same command again"
    )
    failing = False
    report = ingest()
    assert (report["records"], report["added"], report["unchanged"]) == (7, 1, 6)
    assert len(server.requests) == 4


@pytest.mark.slow
def test_an_interrupted_fetch_stops_at_once_and_goes_on_later(serve: Serve, tmp_path: Path):
    slow = True

    def stalls(asked: dict[str, str], n: int) -> Reply:
        if slow and asked["start"] == "3":
            time.sleep(60)
        return arxiv(asked, n)

    server = serve(stalls)
    variables = {
        "FOOTNOTE_SOURCES__ARXIV__URL": server.url,
        "FOOTNOTE_SOURCES__ARXIV__INTERVAL_S": "0",
        "FOOTNOTE_SOURCES__PAGE_PAPERS": "3",
    }
    with started(footnote_command("ingest", SEARCH, "--index", "i"), **variables) as process:
        deadline = time.monotonic() + 120
        while len(server.requests) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=40)
    assert (process.returncode, stdout) == (130, "")
    assert stderr == "footnote: interrupted; run the same command again to go on\n"
    slow = False
    cache = tmp_path / "i" / "fetched"
    assert fetch(server.url, cache) == TITLES
    # The first page was kept.
    assert [asked["start"] for _, asked, _ in server.requests] == ["0", "3", "3", "6"]
