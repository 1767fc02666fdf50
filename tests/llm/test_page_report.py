"""A report in the page by a strong model: its sections appear, it is stopped, it goes on."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from footnote.rag.core.config import Config
from tests.browser.conftest import CHROMIUM, FLAGS, sync_api
from tests.browser.test_reader import saved
from tests.conftest import footnote_command, started
from tests.llm.servers import KEY, Faults, fault_server
from tests.llm.test_report import ANSWERED, Pausing
from tests.rag.answering.strong.reporter import SECTIONS, TOPIC, Reporter

expect = sync_api.expect
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
NAMES = [*SECTIONS, "The papers", "Limits"]


@pytest.fixture
def server() -> Iterator[Faults]:
    with fault_server() as faults:
        yield faults


@pytest.fixture
def page(server: Faults, sample_config: Config, tmp_path: Path) -> Iterator["sync_api.Page"]:
    llm = {
        "backend": "openai-compatible", "model": "strong-one", "profile": "strong",
        "base_url": server.url("answers"), "context_window": 32_000, "max_tokens": 3_000,
        "price_in": 2.0, "price_out": 10.0,
    }  # fmt: skip
    file = tmp_path / "footnote.yaml"
    file.write_text(yaml.safe_dump({"index": str(sample_config.index), "llm": llm}))
    command = footnote_command("serve", "--port", "0", "--config", file)
    with (
        started(command, FOOTNOTE_LLM__API_KEY=KEY) as served,
        sync_api.sync_playwright() as playwright,
    ):
        assert served.stdout
        address = re.search(r"http://\S+", served.stdout.readline())
        assert address
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(60_000)
        page.goto(address.group())
        page.wait_for_selector(".fn-app.fn-ready")
        yield page


def test_sections_appear_as_they_are_written_and_a_stopped_report_goes_on(
    page: "sync_api.Page", server: Faults
):
    server.answers = pausing = Pausing(ANSWERED)
    dialog, turn = page.get_by_role("dialog"), page.locator(".fn-turn")
    page.fill("#fn-question", TOPIC)
    page.get_by_role("button", name="Report", exact=True).click()
    expect(dialog).to_contain_text("strong-one is asked up to 15 times")
    expect(dialog).to_contain_text("That costs about")
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    assert pausing.asked == []  # it costs nothing to be told what it costs

    page.get_by_role("button", name="Report", exact=True).click()
    dialog.get_by_role("button", name="Begin").click()
    expect(turn.get_by_role("heading", name=NAMES[1], exact=True)).to_be_visible(timeout=120_000)
    expect(turn).to_have_attribute("aria-busy", "true")
    expect(turn).to_contain_text("Writing section 3 of 7")
    assert turn.get_by_role("heading", level=3).all_inner_texts() == NAMES[:2]
    turn.locator(".fn-marker", has_text="1a").first.click()
    expect(page.locator(".fn-card.fn-on mark.fn-on sup")).to_have_text("1a")
    page.locator("#fn-stop").click()
    expect(turn).not_to_have_attribute("aria-busy", "true")
    assert turn.get_by_role("heading", level=3).all_inner_texts() == NAMES[:2]

    server.answers = Reporter()
    turn.get_by_role("button", name="Try again").click()
    expect(dialog).to_contain_text(f"{ANSWERED} steps of it are finished. strong-one is asked")
    expect(dialog).to_contain_text("up to 5 times")
    dialog.get_by_role("button", name="Begin").click()
    expect(turn.get_by_role("heading", name="Limits", exact=True)).to_be_visible(timeout=120_000)
    expect(turn).not_to_have_attribute("aria-busy", "true")
    pausing.go_on.set()
    assert turn.get_by_role("heading", level=3).all_inner_texts() == NAMES
    assert turn.locator(".fn-report-title").inner_text() == "Doing More with Less"
    assert "Written by strong-one" in turn.inner_text()
    expect(page.locator(".fn-cards .fn-card")).to_have_count(30)
    turn.locator("summary", has_text="Export").click()
    _, text = saved(page, turn.get_by_role("button", name="Markdown", exact=True).click)
    assert text.startswith("# Doing More with Less")
    assert all(f"## {name}" in text for name in NAMES)
    page.reload()
    expect(turn.get_by_role("heading", level=3)).to_have_text(NAMES)
