"""Papers and questions that would run in a page that shows them as markup."""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from urllib.parse import quote

import pytest

from footnote.eval.datasets import Dataset, JudgedQuestion
from footnote.eval.pages import write_report
from footnote.eval.report import make_report
from footnote.eval.run import Outcome, Run
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
MARKUP = (
    "iframe, script, img, math, a[href^=javascript], [onload], [onerror], [ontoggle], [onmouseover]"
)


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


def write_hostile_report(folder: Path) -> None:
    """Write a report whose questions and faults are payloads."""
    questions = [JudgedQuestion(id=f"{n}", question=each) for n, each in enumerate(PAYLOADS)]
    outcomes = (
        Outcome(question=q, hits=(), answer=None, error=q.question, search_ms=1, ask_ms=1)
        for q in questions
    )
    run = Run(outcomes=tuple(outcomes), peak_memory_mb=1.0, stages_ms={})
    dataset = Dataset(PAYLOADS[1], tuple(questions))
    report = make_report(
        run, dataset, system=PAYLOADS[0], settings="", index=folder / "none", n_papers=40
    )
    write_report(folder / "reports" / "hostile", report, run)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "papers.jsonl").write_text("\n".join(map(json.dumps, records())))
    config = load_config(index=folder / "index", embedder={"name": EMBEDDER})
    ingest([folder / "papers.jsonl"], open_index(config, create=True), lambda *_: None)
    write_hostile_report(folder)
    variables = {
        "FOOTNOTE_EMBEDDER__NAME": EMBEDDER,
        "FOOTNOTE_ANSWERING__MIN_CONFIDENCE": "0",
        "FOOTNOTE_WEB__REPORTS": str(folder / "reports"),
    }
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
            const opening = indexedDB.open("footnote");
            opening.onsuccess = () => done(opening.result);
          });
          const names = ["conversations", "turns"];
          const changing = db.transaction(names, "readwrite");
          const [conversations, turns] = names.map((name) => changing.objectStore(name));
          const first = (all) => new Promise((done) => {
            all.getAll().onsuccess = (event) => done(event.target.result[0]);
          });
          const [kept, turn] = [await first(conversations), await first(turns)];
          const bad = { id: "x", question: "bad", answer: { nothing: 1 } };
          kept.name = "<img src=x onerror=window.ran=1>";
          turn.question = kept.name;
          turn.answer.sentences[0].text = kept.name;
          conversations.put(kept);
          turns.put(turn);
          turns.put({ ...bad, conversation: kept.id, at: turn.at - 1 });
          await new Promise((done) => (changing.oncomplete = done));
        }"""
    )
    page.reload()
    page.locator(".fn-turn .fn-marker").first.wait_for()
    assert "<img" in page.locator(".fn-asked").last.inner_text()
    assert page.evaluate("window.ran") is None
    assert ask(page, "What does Name5 keep?").locator(".fn-marker").count()


@pytest.fixture
def guarded(visit: Open, url: str) -> Iterator["sync_api.Page"]:
    """A page that is to run nothing of others and to ask nothing of anyone but its server."""
    page = visit(accept_downloads=True)
    asked, said = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    yield page
    assert page.evaluate("window.ran") is None
    assert [each for each in asked if not each.startswith((url, "data:", "blob:"))] == []
    assert said == []


def test_nothing_of_the_table_or_a_papers_own_page_runs(guarded: "sync_api.Page"):
    page = guarded
    page.get_by_role("tab", name="Papers").click()
    page.locator(".fp-sheet").wait_for()
    tab = page.locator(".fp-papers")
    assert tab.locator(".fp-sheet tbody tr").count() == 40
    assert tab.locator(MARKUP).count() == 0
    for n in range(0, 40, 3):
        tab.locator("[name=text]").fill(f"Name{n}:")
        row = tab.get_by_role("button", name=f"Name{n}: a cache")
        row.click()
        shown = tab.locator(".fp-shown")
        sync_api.expect(shown.locator("h3")).to_contain_text(f"Name{n}:")
        assert shown.locator(MARKUP).count() == 0
        hrefs = shown.locator("a").evaluate_all("all => all.map(a => a.href)")
        assert all(href.startswith("https://") for href in hrefs)
        page.keyboard.press("Escape")
        row.hover()
    for payload in PAYLOADS:
        tab.locator("[name=text]").fill(payload)
    sync_api.expect(tab.locator(".fp-empty, .fp-sheet")).to_be_visible()


def test_nothing_of_a_report_or_of_what_readers_said_runs(guarded: "sync_api.Page"):
    page = guarded
    turn = ask(page, f"What does Name1 keep? {PAYLOADS[1]}")
    turn.get_by_role("button", name="What is wrong?").click()
    page.fill("dialog input", PAYLOADS[3])
    page.get_by_role("button", name="OK").click()
    turn.get_by_text("Thank you").wait_for()
    page.get_by_role("tab", name="Quality").click()
    tab = page.locator(".fp-quality")
    sync_api.expect(tab.locator(".fp-readers")).to_contain_text("<iframe")
    sync_api.expect(tab.locator(".fp-report")).to_contain_text(PAYLOADS[0])
    assert tab.locator(MARKUP).count() == 0
    for payload in PAYLOADS[:4]:
        tab.get_by_role("button", name=payload, exact=True).click()
        sync_api.expect(tab.locator(".fp-shown h3")).to_have_text(payload)
        sync_api.expect(tab.locator(".fp-shown .fp-notice")).to_have_text(payload)
        assert tab.locator(MARKUP).count() == 0
        page.keyboard.press("Escape")


def test_nothing_of_an_exported_page_runs(guarded: "sync_api.Page", tmp_path: Path):
    page = guarded
    for n in (0, 1, 5, 9, 13, 29, 33, 37):  # a payload in a title, or in an abstract
        turn = ask(page, f"What does Name{n} keep, and is it fast? {PAYLOADS[n % 10]}")
        turn.locator("summary", has_text="Export").click()
        with page.expect_download() as download:
            turn.get_by_role("button", name="HTML", exact=True).click()
        download.value.save_as(tmp_path / f"{n}.html")
    opened = page.context.new_page()
    asked = list[str]()
    opened.on("request", lambda request: asked.append(request.url))
    for file in sorted(tmp_path.iterdir()):
        opened.goto(file.as_uri())
        opened.locator("body").hover()
        assert opened.evaluate("window.ran") is None
        assert opened.locator(MARKUP).count() == 0
    assert len(asked) == 8
