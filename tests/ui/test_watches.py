"""Standing questions at the command line, over REST, and as a feed that a reader of feeds reads."""

import json
from collections.abc import Iterator
from typing import Any

import feedparser
import httpx
import pytest

from footnote.ingest.pipeline import ingest
from footnote.rag.build import open_index
from footnote.rag.core.config import Config
from tests.conftest import Run
from tests.ui.serving import EMBEDDER, Served, made_index, served

pytestmark = pytest.mark.slow
QUESTION = "What does Delta keep?"
QUOTE = "Delta keeps keys < 9 & tables in memory."
DELTA = {
    "title": "Delta: A Table",
    "abstract": f"{QUOTE} It is small.",
    "date": "2025-07-08",
    "url": "https://arxiv.org/abs/2507.00001",
}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return made_index(tmp_path_factory.mktemp("watched"))


@pytest.fixture(scope="module")
def server(config: Config) -> Iterator[Served]:
    with served(config, config.index.with_name("log")) as server:
        yield server


@pytest.fixture(scope="module")
def client(server: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


def take_in(config: Config, paper: dict[str, Any]) -> None:
    file = config.index.with_name("delta.jsonl")
    file.write_text(json.dumps(paper))
    ingest([file], open_index(config), lambda *_: None)


def test_a_question_is_watched_told_of_and_taken_out(
    client: httpx.Client, config: Config, footnote: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOOTNOTE_EMBEDDER__NAME", EMBEDDER)
    monkeypatch.setenv("FOOTNOTE_ANSWERING__MIN_CONFIDENCE", "0")
    monkeypatch.setenv("FOOTNOTE_INDEX", str(config.index))
    empty = feedparser.parse(client.get("/v1/feed.atom").content)
    assert (empty.bozo, empty.entries) == (False, [])

    asked = client.post("/v1/watches", json={"question": QUESTION, "filters": {"since": "2025"}})
    assert asked.status_code == 201
    watch = asked.json()
    assert watch["question"] == QUESTION
    assert watch["filters"]["since"] == "2025-01-01"
    assert watch["known"] == 0
    listed = client.get("/v1/watches").json()
    assert [w["watch_id"] for w in listed] == [watch["watch_id"]]
    assert QUESTION in footnote("watch", "list").stdout
    assert client.get("/v1/news").json() == []
    assert footnote("watch").stdout == "No news.\n"

    take_in(config, DELTA)
    answer = client.get("/v1/feed.atom")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = feedparser.parse(answer.content)
    assert not feed.bozo, feed.bozo_exception
    assert feed.feed.id.startswith("urn:uuid:")
    assert feed.feed.links[0].href == str(answer.url)
    quotes = [n["citation"]["quote"] for n in client.get("/v1/news").json()]
    assert QUOTE in quotes
    entry = feed.entries[quotes.index(QUOTE)]
    assert entry.title == f"New: {QUESTION}"
    assert entry.link == "https://arxiv.org/abs/2507.00001"
    assert QUOTE in entry.content[0].value
    assert entry.updated_parsed
    assert client.get("/v1/feed.atom").content == answer.content

    markdown = footnote("watch", "news", "--format", "md").stdout
    assert markdown.startswith(f"## {QUESTION}\n\n- New: “")
    assert (
        "“Delta keeps keys &lt; 9 &amp; tables in memory.” Delta: A Table (2025-07-08)" in markdown
    )
    assert markdown.rstrip().endswith("<https://arxiv.org/abs/2507.00001>")
    assert footnote("watch", "--format", "md").stdout == "No news.\n"
    everything = json.loads(footnote("watch", "news", "--all", "--json").stdout)
    assert [n["citation"]["quote"] for n in everything] == quotes[::-1]
    written = feedparser.parse(footnote("watch", "--format", "atom").stdout)
    assert [e.id for e in written.entries] == [e.id for e in feed.entries]
    assert written.feed.id == feed.feed.id

    assert client.delete(f"/v1/watches/{watch['watch_id']}").json()["question"] == QUESTION
    gone = client.delete(f"/v1/watches/{watch['watch_id']}")
    assert (gone.status_code, gone.headers["content-type"]) == (404, "application/problem+json")
    assert client.get("/v1/news").json() == []


def test_wrong_questions_are_refused_in_one_line(
    client: httpx.Client, config: Config, footnote: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOOTNOTE_EMBEDDER__NAME", EMBEDDER)
    for body in ({"question": "hello"}, {"question": " "}, {"question": "x", "filters": {"since": "soon"}}):  # fmt: skip
        assert client.post("/v1/watches", json=body).status_code == 422
    monkeypatch.setenv("FOOTNOTE_INDEX", str(config.index))
    assert "no sentence of a paper answers" in footnote("watch", "add", "hello", expect=1).stderr
    assert "watch list" in footnote("watch", "remove", "nothing", expect=1).stderr
    assert "--format" in footnote("watch", "--json", "--format", "md", expect=2).stderr


def test_a_claim_is_watched_as_one_from_the_command_line(
    footnote: Run, config: Config, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FOOTNOTE_EMBEDDER__NAME", EMBEDDER)
    claim = "Waiting falls by 60% where short jobs go first."
    added = footnote("watch", "--index", config.index, "add", "--claim", claim, "--json").stdout
    assert json.loads(added)["is_claim"]
    listed = footnote("watch", "list", "--index", config.index).stdout
    assert listed.rstrip().endswith(f"{claim}  (claim)")
    watch_id = json.loads(added)["watch_id"]
    removed = footnote("watch", "remove", watch_id, "--index", config.index).stdout
    assert removed == f"removed {claim}\n"
