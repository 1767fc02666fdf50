"""The page while papers are still being taken in: it says how far it is, and draws itself anew."""

import re
from pathlib import Path

import pytest

from tests.browser.conftest import CHROMIUM, FLAGS, ask, sync_api
from tests.conftest import footnote_command, started
from tests.ui.serving import VARIABLES
from tests.ui.test_demo import papers

expect = sync_api.expect
# More than are read at once.
N = 300
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


def test_the_page_says_how_many_papers_are_in_and_counts_anew_when_all_are(tmp_path: Path):
    gate = tmp_path / "gate"
    variables = {
        **VARIABLES,
        "FOOTNOTE_EMBEDDER__NAME": "tests.hashing:GatedEmbedding",
        "TESTS_GATE": str(gate),
    }
    index = tmp_path / "index"
    command = footnote_command("demo", papers(tmp_path, N), "--port", "0", "--index", index)
    with started(command, **variables) as process, sync_api.sync_playwright() as playwright:
        assert process.stdout
        address = re.search(r"http://\S+", process.stdout.readline())
        assert address
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.set_default_timeout(30_000)
        page.goto(address.group())
        # A line says that it is opening until it is made, and looks again by itself.
        page.wait_for_selector(".fn-app.fn-ready", timeout=120_000)
        coming, box = page.locator("#fn-coming"), page.locator("#fn-question")
        expect(coming).to_have_text("The first papers are being read …")
        gate.touch()
        said = re.compile(rf"^All {N} papers can be asked: \d+ are read whole so far, the others")
        expect(coming).to_have_text(said, timeout=60_000)
        expect(box).to_have_attribute("placeholder", f"Ask {N} papers", timeout=30_000)
        expect(coming).to_be_hidden(timeout=120_000)
        expect(page.locator(".fn-start h2")).to_have_text(f"Ask {N} papers")
        page.get_by_role("tab", name="Papers").click()
        expect(page.locator(".fp-count")).to_have_text(f"{N} papers")
        page.get_by_role("tab", name="Ask").click()
        expect(ask(page, "What does System199 keep?").locator(".fn-marker").first).to_be_visible()
