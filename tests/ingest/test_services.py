"""What a locator asks for, and what the services are asked, by a server that answers as they do."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from footnote.ingest.pipeline import ingest
from footnote.ingest.services import Locator, is_locator, parse_locator
from footnote.rag.build import open_index
from footnote.rag.core.config import load_config
from footnote.rag.core.errors import SourceError
from tests.conftest import ROOT, footnote_command, started
from tests.ingest.server import ALL, SEARCH, TITLES, Reply, Serve, arxiv, feed, fetch, settings


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


def test_a_search_is_fetched_page_by_page_and_says_what_it_asks(serve: Serve, tmp_path: Path):
    server = serve(arxiv)
    assert fetch(server.url, tmp_path) == TITLES
    assert [asked["start"] for asked, _ in server.requests] == ["0", "3", "6"]
    asked, headers = server.requests[0]
    assert asked["search_query"] == ("(cat:cs.DC) AND submittedDate:[202501010000 TO 202501072359]")
    assert (asked["sortBy"], asked["sortOrder"]) == ("submittedDate", "ascending")
    assert headers["user-agent"].startswith("footnote/")


def test_ids_are_asked_for_at_once(serve: Serve, tmp_path: Path):
    server = serve(arxiv)
    assert fetch(server.url, tmp_path, "arxiv:2501.00001, 2501.00003") == [TITLES[1], TITLES[3]]
    assert [asked["id_list"] for asked, _ in server.requests] == ["2501.00001,2501.00003"]


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
    assert [a["date"] for a, _ in server.requests] == ["2025-01-03", "2025-01-04", "2025-01-05"]


def test_an_empty_feed_gives_nothing(serve: Serve, tmp_path: Path):
    server = serve(lambda _asked, _n: Reply(body=feed([])))
    assert fetch(server.url, tmp_path) == []
    assert len(server.requests) == 1


def test_a_search_that_finds_too_much_is_refused(serve: Serve, tmp_path: Path):
    server = serve(lambda _asked, _n: Reply(body=feed(ALL[:3], 123_456)))
    with pytest.raises(SourceError, match=r"finds 123,456 papers, more than 10,000; ask for fewer"):
        fetch(server.url, tmp_path)


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
    assert [asked["start"] for asked, _ in server.requests] == ["0", "3", "3", "6"]
