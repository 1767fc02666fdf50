"""Measure the page in a browser: how long one waits, and the longest task that keeps it busy.

`python -m footnote.eval.page_bench` asks questions through the page, makes the conversation long,
and opens the table of a thousand papers. It prints a table, and needs playwright and Chromium.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from random import Random
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import httpx

from footnote.ingest import pipeline
from footnote.rag.build import open_index
from footnote.rag.core.config import Config, load_config
from footnote.rag.core.errors import ConfigError
from footnote.rag.index.writer import unwatched

if TYPE_CHECKING:
    from playwright.sync_api import Page

# How long the page may take to be made, and how often it is looked for meanwhile.
_OPENS_S, _LOOK_S = 120, 0.1
_SAMPLE = Path(pipeline.__file__).parent / "sample" / "digests.jsonl"
_QUESTIONS = Path(__file__).parent / "questions" / "test.jsonl"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_WATCH = """
window.longest = 0;
new PerformanceObserver((seen) => {
  for (const each of seen.getEntries()) window.longest = Math.max(window.longest, each.duration);
}).observe({ type: "longtask" });
"""
_WAIT_MS = 60_000
_ASKED, _EVERY = 10, 13
# Repeats the turns of the newest conversation that the browser keeps until there are so many.
_LENGTHEN = """async (n) => {
  const db = await new Promise((done) => {
    const opening = indexedDB.open("footnote");
    opening.onsuccess = () => done(opening.result);
  });
  const changing = db.transaction("turns", "readwrite");
  const all = changing.objectStore("turns");
  const turns = await new Promise((done) => {
    all.getAll().onsuccess = (event) => done(event.target.result);
  });
  for (let at = 0; turns.length + at < n; at++) {
    const turn = turns[at % turns.length];
    all.put({ ...turn, id: `${turn.id}-${at}`, at });
  }
  await new Promise((done) => (changing.oncomplete = done));
}"""
# Where the page rests: what was begun by an event has ended.
_REST_MS = 400


class Worked(NamedTuple):
    """How much the main thread has worked for a document; each that is loaded begins at 0."""

    document: float
    """When it was asked for, which tells it from others."""
    ms: float


class Sheet:
    """Prints what was measured, a line each."""

    def __init__(self, page: "Page"):
        self._page = page
        self._session = page.context.new_cdp_session(page)
        # Of the processor, so that it does not depend on what else the machine does.
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def add(self, name: str, took: float, work: float, longest: float) -> None:
        """Print a line; a `longest` task of 0 is one below 50 ms."""
        task = f"{longest:5.0f} ms" if longest else " < 50 ms"
        print(f"{name:48} {took:7.0f} ms {work:6.0f} ms {task}", flush=True)  # noqa: T201

    def work(self) -> Worked:
        """Return how much the page's main thread has worked so far."""
        metrics = self._session.send("Performance.getMetrics")["metrics"]
        named = {each["name"]: each["value"] for each in metrics}
        return Worked(named["NavigationStart"], named["TaskDuration"] * 1000)

    def worked(self, before: Worked) -> float:
        """Return the milliseconds worked since; of a page that was loaded since, all of its own."""
        now = self.work()
        return now.ms - before.ms if now.document == before.document else now.ms

    def longest(self) -> float:
        """Return the longest task since `begin`, in milliseconds."""
        return self._page.evaluate("window.longest")

    def begin(self) -> Worked:
        """Forget the longest task, and return the work so far."""
        self._page.evaluate("window.longest = 0")
        return self.work()

    @contextmanager
    def line(self, name: str, *, times: int = 1) -> Generator[None]:
        """Measure what is done in the block, so many `times`, and the longest task meanwhile."""
        before = self.begin()
        began = time.perf_counter()
        yield
        took = (time.perf_counter() - began) * 1000 / times
        self._page.wait_for_timeout(_REST_MS)
        self.add(name, took, self.worked(before) / times, self.longest())


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(prog="page_bench", description=__doc__)
    parser.add_argument("--papers", type=int, default=1_000)
    parser.add_argument("--turns", type=int, default=100)
    parser.add_argument("--index", type=Path, help="an index that is there, instead of one made")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = load_config(index=wanted.index or Path(folder) / "index")
        if not wanted.index:
            _take_in(config, Path(folder) / "papers.jsonl", wanted.papers)
        load = os.getloadavg()[0]
        n_papers = len(open_index(config).catalogue)
        print(f"{n_papers:,} papers, {wanted.turns} turns, load {load:.1f} at the start")  # noqa: T201
        print(f"{'':48} {'it takes':>10} {'work':>9}  longest task")  # noqa: T201
        measure(config, wanted.turns)
        print(f"load {os.getloadavg()[0]:.1f} at the end, {os.cpu_count()} processors")  # noqa: T201


def _take_in(config: Config, file: Path, n_wanted: int) -> int:
    """Make an index of so many papers: those of the sample, and mixtures of their sentences."""
    records = [json.loads(line) for line in _SAMPLE.read_text(encoding="utf-8").splitlines()]
    sentences = [text for record in records for text in record["digest"].split(". ")]
    chance = Random(0)  # noqa: S311
    for n in range(n_wanted - len(records)):
        said = ". ".join([f"Mixture {n} is made up", *chance.sample(sentences, 6)])
        records.append({"title": f"Mixture{n}: {chance.choice(sentences)[:60]}", "digest": said})
    rows = "\n".join(map(json.dumps, records[:n_wanted]))
    file.write_text(rows, encoding="utf-8")
    index = open_index(config, create=True)
    pipeline.ingest([file], index, unwatched)
    return len(index.catalogue)


@contextmanager
def _served(config: Config) -> Generator[tuple[str, float]]:
    """Serve the page as a process of its own; yield its address, and how long its start took."""
    command = [sys.executable, "-m", "footnote.ui.cli", "serve", "--port", "0", "--index"]
    began = time.perf_counter()
    with subprocess.Popen(  # noqa: S603
        [*command, str(config.index)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            address = re.search(r"http://\S+", line)
            if not address:
                raise ConfigError("the page was not served", "try `footnote serve` on its own")
            _wait_for_page(address.group())
            yield address.group(), (time.perf_counter() - began) * 1000
        finally:
            process.kill()


def _wait_for_page(url: str) -> None:
    """Wait until the page is made, which begins once the other doors are open."""
    for _ in range(round(_OPENS_S / _LOOK_S)):
        if httpx.get(url, timeout=_OPENS_S).status_code != HTTPStatus.SERVICE_UNAVAILABLE:
            return
        time.sleep(_LOOK_S)
    raise ConfigError("the page was not made", "try `footnote serve` on its own")


def measure(config: Config, n_turns: int) -> None:
    """Measure the page over an index, and print what was measured.

    Raises:
        ConfigError: There is no browser, or the page is not served.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise ConfigError("playwright is missing", "pip install playwright") from error
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with _served(config) as (url, start_ms), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(_WAIT_MS)
        page.add_init_script(_WATCH)
        sheet = Sheet(page)
        sheet.add("server: start to the line that says where", start_ms, 0, 0)
        with sheet.line("page: address to ready"):
            page.goto(url)
            page.wait_for_selector(".fn-app.fn-ready")
        _converse(page, sheet, n_turns)
        _read(page, sheet)
        _browse(page, sheet)
        browser.close()


def _converse(page: "Page", sheet: Sheet, n_turns: int) -> None:
    """Ask some questions, lengthen the conversation with what the browser keeps, and ask more."""
    lines = _QUESTIONS.read_text(encoding="utf-8").splitlines()[::_EVERY]
    questions = [json.loads(line)["question"] for line in lines]
    _ask(page, sheet, "Enter to answer, the first", questions[:1])
    _ask(page, sheet, f"Enter to answer, median of the next {_ASKED}", questions[1 : _ASKED + 1])
    page.evaluate(_LENGTHEN, n_turns)
    with sheet.line(f"a conversation of {n_turns} opened, to its last turn"):
        page.reload()
        page.wait_for_selector(f".fn-turn:nth-child({n_turns}) :is(.fn-views, .fn-counts)")
    _all_there(page)
    _ask(page, sheet, f"Enter to answer, median of 5 after {n_turns} turns", questions[-5:])


def _all_there(page: "Page") -> None:
    page.wait_for_function(
        "[...document.querySelectorAll('.fn-turn .fn-body')].every((each) => each.children.length)"
    )
    page.wait_for_timeout(_REST_MS)


def _ask(page: "Page", sheet: Sheet, name: str, questions: Sequence[str]) -> None:
    waits: list[float] = []
    before = sheet.begin()
    for question in questions:
        n = page.locator(".fn-turn").count() + 1
        page.fill("#fn-question", question)
        began = time.perf_counter()
        page.press("#fn-question", "Enter")
        page.wait_for_selector(f".fn-turn:nth-child({n}) .fn-counts")
        waits.append((time.perf_counter() - began) * 1000)
        page.wait_for_selector(f".fn-turn:nth-child({n}):not([aria-busy])")
        page.wait_for_timeout(_REST_MS)
    work = sheet.worked(before) / len(questions)
    sheet.add(name, median(waits), work, sheet.longest())


def _read(page: "Page", sheet: Sheet) -> None:
    """Type, scroll and open quotes in the long conversation."""
    typed = "how much memory does the cache take on the device, and why"
    with sheet.line("a letter typed into the box", times=len(typed)):
        page.locator("#fn-question").press_sequentially(typed)
    page.fill("#fn-question", "")
    page.mouse.move(700, 500)
    with sheet.line("a turn of the wheel, up the conversation", times=60):
        for _ in range(60):
            page.mouse.wheel(0, -900)
            page.wait_for_timeout(16)
    markers = page.locator(".fn-turn .fn-marker:visible")
    shown = [m for m in markers.all()[:200:20] if m.is_visible()]
    with sheet.line("a quote opened", times=len(shown) or 1):
        for marker in shown:
            marker.click()
    with sheet.line("a conversation searched for, by letter", times=5):
        page.locator("#fn-search").press_sequentially("cache")


def _browse(page: "Page", sheet: Sheet) -> None:
    """Open the table of papers, sort it, search it, open a paper."""
    does: dict[str, Callable[[], object]] = {
        "sorted by title": lambda: page.get_by_role("button", name="Title").click(),
        "sorted by date": lambda: page.get_by_role("button", name="Date").click(),
        "the next page of it": lambda: page.get_by_role("button", name="Next").click(),
        "searched for a word": lambda: page.locator(".fp-papers [name=text]").fill("attention"),
    }
    with sheet.line("the table of papers opened"):
        page.get_by_role("tab", name="Papers").click()
        page.wait_for_selector(".fp-sheet tbody tr:visible")
    for name, do in does.items():
        with sheet.line(f"the table {name}"):
            before = page.locator(".fp-table").inner_html()
            do()
            page.wait_for_function(
                "before => document.querySelector('.fp-table').innerHTML !== before", arg=before
            )
    with sheet.line("a paper's own page opened"):
        page.locator(".fp-open").first.click()
        page.wait_for_selector(".fp-shown h3:visible")


if __name__ == "__main__":
    main()
