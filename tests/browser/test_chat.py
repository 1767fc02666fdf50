"""The chat page in Chromium: ask, open a citation, read the highlighted sentence."""

import re
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from footnote.rag.core.config import Config
from tests.conftest import footnote_command, started

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def url(sample_config: Config) -> Iterator[str]:
    """`footnote serve` as a process of its own, as a person starts it."""
    command = footnote_command("serve", "--port", "0", "--index", sample_config.index)
    with started(command, stderr=subprocess.DEVNULL) as server:
        assert server.stdout
        line = server.stdout.readline()
        match = re.search(r"408 papers answer at (http://\S+)", line)
        assert match, line
        yield match.group(1)


@pytest.fixture
def page(url: str) -> Iterator["sync_api.Page"]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.set_default_timeout(20_000)
        page.goto(url)
        page.wait_for_selector("#question textarea")
        yield page
        browser.close()


def ask(page: "sync_api.Page", question: str) -> None:
    answers = page.locator(".footnote-answer")
    before = answers.count()
    page.fill("#question textarea", question)
    page.press("#question textarea", "Enter")
    sync_api.expect(answers).to_have_count(before + 1)


def test_ask_open_a_citation_and_see_the_sentence_highlighted(page: "sync_api.Page"):
    ask(page, "What throughput improvement does NanoFlow achieve?")
    said = page.locator(".footnote-answer p:not(.request)").inner_text()
    assert "1.91" in said
    page.locator(".footnote-answer .marker").first.click()
    mark = page.locator("#paper mark")
    mark.wait_for()
    assert mark.inner_text() in said
    assert mark.is_visible()
    assert page.locator("#paper h3").inner_text().startswith("NanoFlow")


def test_another_citation_replaces_the_first(page: "sync_api.Page"):
    ask(page, "Compare S-LoRA and DeltaZip")
    markers = page.locator(".footnote-answer .marker")
    markers.first.click()
    page.locator("#paper mark").wait_for()
    first = page.locator("#paper h3").inner_text()
    page.locator(".footnote-answer .sources a").last.click()
    sync_api.expect(page.locator("#paper h3")).not_to_have_text(first)
    assert page.locator("#paper mark").count() == 1


def test_an_example_question_is_asked_by_a_click(page: "sync_api.Page"):
    page.locator("button.example").first.click()
    page.locator(".footnote-answer .marker").first.wait_for()


def test_what_cannot_be_answered_is_said_plainly(page: "sync_api.Page"):
    ask(page, "How many decoding heads does Medusa use?")
    assert "mentions Medusa" in page.locator(".footnote-answer.refused").inner_text()


def test_a_question_that_is_too_long_is_said_plainly(page: "sync_api.Page"):
    page.fill("#question textarea", "q" * 5_000)
    page.press("#question textarea", "Enter")
    page.get_by_text("at most 4,000").wait_for()


def test_the_page_asks_nothing_of_the_network(page: "sync_api.Page", url: str):
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.reload()
    page.wait_for_selector("#question textarea")
    ask(page, "What is NanoFlow?")
    outside = [u for u in requested if not u.startswith((url, "data:", "blob:"))]
    assert requested
    assert outside == []
