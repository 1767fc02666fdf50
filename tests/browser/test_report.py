"""A report in the page, made of quotes: asked for, read, kept, taken away."""

from collections.abc import Iterator

import pytest

from footnote.rag.core.config import Config
from tests.browser.conftest import CHROMIUM, answered, ask, served, sync_api
from tests.browser.test_reader import saved

expect = sync_api.expect
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]
TOPIC = "KV cache compression"


@pytest.fixture(scope="module")
def url(sample_config: Config) -> Iterator[str]:
    with served(sample_config.index) as url:
        yield url


def test_without_a_model_a_report_is_of_quotes_and_says_so(page: "sync_api.Page"):
    page.fill("#fn-question", TOPIC)
    page.get_by_role("button", name="Report", exact=True).dblclick()
    turn = answered(page, 0)
    headings = turn.get_by_role("heading", level=3).all_inner_texts()
    assert headings[-2:] == ["The papers", "Limits"]
    expect(page.locator(".fn-turn")).to_have_count(1)
    assert "Quotes only: no language model is configured." in turn.inner_text()
    expect(page.locator("#fn-question")).to_have_value("")
    turn.locator(".fn-marker:visible", has_text="2a").first.click()
    expect(page.locator(".fn-card.fn-on mark.fn-on sup")).to_have_text("2a")
    turn.get_by_role("button", name="All papers").click()
    n_papers = turn.locator(".fn-papers:visible > li").count()
    turn.locator("summary", has_text="Export").click()
    name, text = saved(page, turn.get_by_role("button", name="BibTeX", exact=True).click)
    assert name.endswith(".bib")
    assert text.count("@") == n_papers > 5
    # It is a report when one comes back to it, and when it is asked again.
    page.reload()
    expect(turn.get_by_role("heading", name="Limits", exact=True)).to_be_visible()
    turn.get_by_role("button", name="Ask again", exact=True).click()
    answered(page, 0)
    assert turn.get_by_role("heading", level=3).all_inner_texts() == headings


def test_an_answer_leads_to_a_report_and_a_topic_that_nothing_comes_near_is_refused(
    page: "sync_api.Page",
):
    ask(page, TOPIC).get_by_role("button", name="Write a report").click()
    report = answered(page, 1)
    assert report.locator(".fn-asked").inner_text() == TOPIC
    expect(report.get_by_role("heading", name="Limits", exact=True)).to_be_visible()
    page.fill("#fn-question", "Medusa decoding heads in Byzantine mosaics")
    page.get_by_role("button", name="Report", exact=True).click()
    expect(answered(page, 2).locator(".fn-refused")).to_be_visible()
