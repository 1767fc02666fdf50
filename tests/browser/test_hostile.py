"""Papers and questions that would run in a page that shows them as markup."""

import json
from collections.abc import Iterator
from itertools import product
from urllib.parse import quote

import pytest

from footnote.ingest.pipeline import ingest
from footnote.rag.build import open_index
from footnote.rag.core.config import load_config
from tests.browser.conftest import CHROMIUM, Open, answered, ask, served, sync_api

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
EMBEDDER = "tests.hashing:HashEmbedding"
PAYLOADS = [
    "<script>window.ran=1</script>",
    "<img src=x onerror=window.ran=1>",
    "<svg onload=window.ran=1>",
    '"><iframe srcdoc="<script>parent.ran=1</script>">',
    "<a href='javascript:window.ran=1'>go</a>",
    "<details open ontoggle=window.ran=1>",
    "${window.ran=1} {{window.ran=1}}",
    "' onmouseover='window.ran=1",
    "</style><style>*{display:none}</style>",
    "[go](javascript:window.ran=1) <math><mtext></form><form><mglyph>",
]
WHERE = ("title", "abstract", "authors", "url")


def records() -> Iterator[dict[str, object]]:
    for n, (payload, where) in enumerate(product(PAYLOADS, WHERE)):
        record = {
            "title": f"Name{n}: a cache of things",
            "abstract": f"Name{n} keeps the cache on disk. It is fast.",
            "authors": ["Ada Lovelace"],
            "url": f"https://example.org/{n}",
        }
        known = f"{record[where]} {payload}" if where in ("title", "abstract") else payload
        yield record | {where: [known] if where == "authors" else known}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "papers.jsonl").write_text("\n".join(map(json.dumps, records())))
    config = load_config(index=folder / "index", embedder={"name": EMBEDDER})
    ingest([folder / "papers.jsonl"], open_index(config, create=True), lambda *_: None)
    variables = {"FOOTNOTE_EMBEDDER__NAME": EMBEDDER, "FOOTNOTE_ANSWERING__MIN_CONFIDENCE": "0"}
    with served(config.index, **variables) as url:
        yield url


def test_nothing_of_forty_papers_runs(page: "sync_api.Page"):
    assert len(list(records())) == 40
    for n in range(0, 40, 2):
        turn = ask(page, f"What does Name{n} keep, and is it fast?")
        for marker in turn.locator(".fn-marker:visible").all()[:3]:
            marker.hover()
            marker.click()
        hrefs = page.locator(".fn-cards a").evaluate_all("all => all.map(a => a.href)")
        assert all(href.startswith("https://") for href in hrefs)
    assert page.evaluate("window.ran") is None
    assert page.locator(".fn-app iframe, .fn-app script, .fn-app svg, .fn-app img").count() == 0


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_question_is_shown_as_text_also_from_a_link(visit: Open, payload: str):
    page = visit(f"?q={quote(payload)}&r={quote(payload)}#{quote(payload)}")
    answered(page, 0)
    assert page.locator(".fn-asked").inner_text() == payload
    assert page.evaluate("window.ran") is None


def test_what_the_browser_keeps_is_not_trusted(page: "sync_api.Page"):
    turn = ask(page, "What does Name3 keep?")
    turn.locator(".fn-marker").first.wait_for()
    page.evaluate(
        """async () => {
          const db = await new Promise((done) => {
            const opening = indexedDB.open("footnote", 1);
            opening.onsuccess = () => done(opening.result);
          });
          const all = db.transaction("conversations", "readwrite").objectStore("conversations");
          const kept = await new Promise((done) => {
            const asking = all.getAll();
            asking.onsuccess = () => done(asking.result[0]);
          });
          kept.name = "<img src=x onerror=window.ran=1>";
          kept.turns[0].question = kept.name;
          kept.turns[0].answer.sentences[0].text = kept.name;
          kept.turns.push({ id: "x", question: "bad", answer: { nothing: 1 } });
          await new Promise((done) => (all.put(kept).onsuccess = done));
        }"""
    )
    page.reload()
    page.locator(".fn-turn .fn-marker").first.wait_for()
    assert "<img" in page.locator(".fn-asked").first.inner_text()
    assert page.evaluate("window.ran") is None
    assert ask(page, "What does Name5 keep?").locator(".fn-marker").count()
