"""News as a feed and as pages: whatever signs a paper holds."""

import datetime

import feedparser
import pytest

from footnote.export.names import NewsForm
from footnote.export.news import news_feed, news_page
from footnote.rag.core.records import Citation
from footnote.rag.watches import News, NewsKind

HOSTILE = "A <b>bold</b> claim ]]> & \x08 sign, [x](javascript:1) `code`."


def news(kind: NewsKind, quote: str = "It is so.", **more: object) -> News:
    return News.model_validate(
        {
            "news_id": f"n{kind}{len(quote)}",
            "watch_id": "w",
            "question": "Is it <so>?",
            "kind": kind,
            "citation": Citation(
                marker=1, paper_id="p", title="Title", quote=quote, start=0, end=9, score=0.5
            ),
            "found": datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC),
            "corpus": "c",
            **more,
        }
    )


@pytest.mark.parametrize(
    ("of", "title"),
    [
        (news("support"), "New: Is it <so>?"),
        (news("number", figures=("2x", "3 ms")), "New figure (2x, 3 ms): Is it <so>?"),
        (news("against", is_first=True), "First against it: Is it <so>?"),
        (news("against"), "Against it: Is it <so>?"),
        (news("open", reason="nobody knows"), "Speaks to it: Is it <so>?"),
    ],
)
def test_an_entry_says_what_is_new(of: News, title: str):
    feed = feedparser.parse(news_feed([of], feed_id="urn:x:1"))
    [entry] = feed.entries
    assert not feed.bozo
    assert (entry.title, entry.id) == (title, f"urn:footnote:news:{of.news_id}")
    assert entry.updated == "2026-01-02T03:04:00+00:00"
    assert entry.tags[0].term == of.kind
    assert ("nobody knows" in entry.content[0].value) is bool(of.reason)


def test_no_text_of_a_paper_is_markup():
    hostile = news("support", HOSTILE, url="javascript:alert(1)")
    feed = feedparser.parse(news_feed([hostile], feed_id="urn:x:1"))
    assert not feed.bozo
    [entry] = feed.entries
    assert entry.content[0].type == "text/plain"
    assert HOSTILE.replace("\x08", "\ufffd") in entry.content[0].value
    assert not entry.get("links")
    page = news_page([hostile], NewsForm.MARKDOWN)
    assert "&lt;b&gt;bold" in page
    assert "\\[x\\](javascript" in page


def test_a_feed_holds_the_newest_hundred_and_none_is_a_feed_too():
    many = [news("support", "x" * (n + 1)) for n in range(150)]
    assert len(feedparser.parse(news_feed(many, feed_id="urn:x:1")).entries) == 100
    empty = feedparser.parse(news_feed([], feed_id="urn:x:1", link="http://127.0.0.1/feed"))
    assert (empty.bozo, empty.feed.id, empty.feed.updated) == (
        False,
        "urn:x:1",
        "1970-01-01T00:00:00+00:00",
    )


def test_news_are_told_question_by_question():
    other = news("support").model_copy(update={"question": "Another?"})
    page = news_page([news("support"), other, news("against")], NewsForm.TEXT)
    assert page.index("Is it <so>?") < page.index("Against it") < page.index("Another?")
    assert news_page([], NewsForm.TEXT) == "No news.\n"
