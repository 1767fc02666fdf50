"""Fetching with the real client: pace, retries, and what is kept."""

import os
import socket
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from footnote.rag.core.config import Service
from footnote.rag.core.errors import FetchError
from tests.ingest.server import ALL, TITLES, QuickClock, Reply, Serve, arxiv, feed, fetch


def test_requests_keep_their_distance(serve: Serve, tmp_path: Path):
    server, clock = serve(arxiv), QuickClock()
    clock.now = 100.0
    fetch(server.url, tmp_path, clock=clock, arxiv=Service(url=server.url, interval_s=3))
    assert len(server.requests) == 3
    assert clock.slept == [3.0, 3.0]


@pytest.mark.usefixtures("proxied")
def test_no_proxy_leads_to_this_machine(serve: Serve, tmp_path: Path):
    assert fetch(serve(arxiv).url, tmp_path) == TITLES


@pytest.mark.usefixtures("proxied")
def test_elsewhere_the_proxy_of_the_environment_is_asked(tmp_path: Path):
    with pytest.raises(FetchError, match=r"could not be reached: .*refused"):
        fetch("http://papers.invalid/api", tmp_path)


def test_what_a_request_took_counts_as_distance(serve: Serve, tmp_path: Path):
    clock = QuickClock()

    def takes_two_seconds(asked: dict[str, str], n: int) -> Reply:
        clock.now += 2
        return arxiv(asked, n)

    url = serve(takes_two_seconds).url
    fetch(url, tmp_path, clock=clock, arxiv=Service(url=url, interval_s=3))
    assert clock.slept == [1.0, 1.0]


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
    headers = [h for _, h in server.requests]
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
    assert [asked["start"] for asked, _ in server.requests] == ["0", "3", "6", "6"]


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
def test_a_passing_fault_is_tried_again(serve: Serve, tmp_path: Path, first: Reply):
    server = serve(lambda asked, n: first if n == 1 else arxiv(asked, n))
    assert fetch(server.url, tmp_path) == TITLES
    assert len(server.requests) == 4


def test_a_service_is_waited_for_as_long_as_it_asks(serve: Serve, tmp_path: Path):
    busy, clock = Reply(status=429, headers={"Retry-After": "17"}), QuickClock()
    server = serve(lambda asked, n: busy if n == 1 else arxiv(asked, n))
    fetch(server.url, tmp_path, "arxiv:2501.00001", clock=clock)
    assert len(server.requests) == 2
    assert clock.slept == [17.0]


def test_it_waits_twice_as_long_after_each_fault(serve: Serve, tmp_path: Path):
    clock = QuickClock()
    server = serve(lambda asked, n: Reply(status=503) if n <= 3 else arxiv(asked, n))
    fetch(server.url, tmp_path, "arxiv:2501.00001", clock=clock, attempts=4)
    assert clock.slept == [1.0, 2.0, 4.0]


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
    serve: Serve, tmp_path: Path, reply: Reply, message: str, n_requests: int
):
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

    class Ticking(QuickClock):
        def monotonic(self) -> float:
            self.now += 1
            return self.now

    server = serve(lambda _asked, _n: Reply(drips=True))
    with pytest.raises(FetchError, match=r"too slow: a page took more than 10 s"):
        fetch(server.url, tmp_path, clock=Ticking(), page_s=10)
    assert server.n_drops < 30


def test_without_a_network_it_says_so(tmp_path: Path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/api"
        with pytest.raises(FetchError, match=r"arXiv could not be reached: .*refused"):
            fetch(url, tmp_path, attempts=1)


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
