"""Standing questions in the page: watched from an answer, told of what is new, read, taken out."""

import re
from collections.abc import Iterator

import pytest

from footnote.rag.core.config import Config
from tests.browser.conftest import CHROMIUM, ask, served, sync_api
from tests.ui.serving import EMBEDDER, VARIABLES, made_index
from tests.ui.test_watches import DELTA, QUESTION, QUOTE, take_in

LATER = {
    "title": "Delta, Revisited",
    "abstract": "Delta keeps its tables on disk. It is large.",
    "date": "2025-08-09",
    "url": "https://arxiv.org/abs/2508.00001",
}

expect = sync_api.expect
pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return made_index(tmp_path_factory.mktemp("watched"))


@pytest.fixture(scope="module")
def url(config: Config) -> Iterator[str]:
    with served(config.index, FOOTNOTE_EMBEDDER__NAME=EMBEDDER, **VARIABLES) as url:
        yield url


def test_a_question_is_watched_and_what_a_new_paper_says_is_told(
    page: "sync_api.Page", config: Config
):
    standing = page.locator("#fn-standing")
    expect(standing).to_be_hidden()
    turn = ask(page, QUESTION)
    turn.get_by_role("button", name="Watch this question").click()
    expect(turn.locator(".fn-acts .fn-facts")).to_contain_text("Watched from now on")
    expect(standing).to_be_visible()
    standing.click()
    watched = page.locator(".fn-watch")
    expect(watched.locator("h3")).to_have_text(QUESTION)
    expect(watched).to_contain_text("No news yet.")

    take_in(config, DELTA)
    page.reload()
    new = watched.locator("li.fn-unread")
    expect(new.locator("q").first).to_have_text(QUOTE)
    expect(new.first).to_contain_text("Delta: A Table")
    expect(new.first).to_contain_text("2025-07-08")
    expect(page.locator("#fn-news-count")).to_have_text(re.compile(r"^\d new$"))
    new.first.locator(".fn-marker").click()
    expect(page.locator(".fn-card.fn-on mark.fn-on")).to_contain_text(QUOTE)
    # What comes while one reads was not read.
    take_in(config, LATER)
    watched.get_by_role("button", name="Mark as read").click()
    expect(new).to_have_text([re.compile("Delta, Revisited")])
    expect(page.locator("#fn-news-count")).to_have_text("1 new")
    watched.get_by_role("button", name="Mark as read").click()
    expect(new).to_have_count(0)
    expect(watched.locator("q", has_text=QUOTE)).to_be_visible()
    expect(page.locator("#fn-news-count")).to_have_text("")
    feed = page.get_by_role("link", name="As a feed (Atom)").evaluate("link => link.href")
    assert "Delta keeps keys &lt; 9 &amp; tables" in page.request.get(feed).text()

    # It is left by a question, and comes back with the way back.
    watched.get_by_role("button", name="Ask it now").click()
    turn = page.locator(".fn-turn[data-turn]:not([data-turn=news])")
    expect(turn.locator(".fn-marker").first).to_be_visible()
    expect(watched).to_have_count(0)
    page.go_back()
    watched.get_by_role("button", name="Stop watching").click()
    page.get_by_role("button", name="OK").click()
    expect(watched).to_have_count(0)
    expect(standing).to_be_hidden()


def test_a_question_asked_while_the_news_are_fetched_stays(page: "sync_api.Page"):
    ask(page, QUESTION).get_by_role("button", name="Watch this question").click()
    standing = page.locator("#fn-standing")
    expect(standing).to_be_visible()
    held: list[sync_api.Route] = []

    def hold_news(route: "sync_api.Route") -> None:
        if '"news"' in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/component_server/**", hold_news)
    with page.expect_request(lambda request: '"news"' in (request.post_data or "")) as asked:
        standing.click()
    ask(page, "What does Alpha keep?")
    with page.expect_event("requestfinished", lambda request: request == asked.value):
        held[0].continue_()
    ask(page, "What does Beta put?")
    expect(page.locator(".fn-watch")).to_have_count(0)
    expect(page.locator(".fn-asked")).to_have_text(
        [QUESTION, "What does Alpha keep?", "What does Beta put?"]
    )


def test_what_no_sentence_answers_is_not_watched_and_the_page_says_so(page: "sync_api.Page"):
    turn = ask(page, "Who wrote Alpha?")
    turn.get_by_role("button", name="Watch this question").click()
    expect(page.get_by_role("dialog")).to_contain_text("no sentence of a paper answers")
