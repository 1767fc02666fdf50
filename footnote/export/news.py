"""News of standing questions, for a terminal, as Markdown and as an Atom feed (RFC 4287)."""

import datetime
import re
from collections.abc import Iterable, Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from footnote.export.names import NewsForm
from footnote.export.pages import Style
from footnote.export.references import address
from footnote.export.styles import Markdown, PlainText
from footnote.rag.watches import News, NewsKind

FEED_TYPE = "application/atom+xml"
# What a feed holds: readers keep what they have seen.
FEED_ENTRIES = 100
_ATOM = "http://www.w3.org/2005/Atom"
_NO_TIME = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# Signs that no document of XML may hold.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LABELS: dict[NewsKind, str] = {
    "support": "New",
    "number": "New figure",
    "against": "Against it",
    "open": "Speaks to it",
}


def news_page(news: Sequence[News], form: NewsForm) -> str:
    """Write news, question by question, each with its quote and its paper.

    Args:
        news: In the order in which they are told.
        form: Plain text or Markdown.
    """
    style = Markdown() if form is NewsForm.MARKDOWN else PlainText()
    if not news:
        return style.page("", [style.paragraph(style.text("No news."))])
    by_question: dict[str, list[News]] = {}
    for each in news:
        by_question.setdefault(each.question, []).append(each)
    parts: list[str] = []
    for question, own in by_question.items():
        parts += [
            style.heading(style.text(question), 2),
            style.items([_item(n, style) for n in own]),
        ]
    return style.page("", parts)


def news_feed(news: Iterable[News], *, feed_id: str, link: str | None = None) -> bytes:
    """Write the newest news as a feed of Atom.

    Args:
        news: The newest first.
        feed_id: The same for all feeds of these questions.
        link: Where the feed is, if that is known.
    """
    shown = [each for each, _ in zip(news, range(FEED_ENTRIES), strict=False)]
    feed = Element("feed", xmlns=_ATOM)
    _text(feed, "id", feed_id)
    _text(feed, "title", "Footnote: standing questions")
    _text(feed, "updated", max((n.found for n in shown), default=_NO_TIME).isoformat())
    _text(SubElement(feed, "author"), "name", "Footnote")
    if link:
        SubElement(feed, "link", rel="self", type=FEED_TYPE, href=link)
    for each in shown:
        _entry(SubElement(feed, "entry"), each)
    indent(feed)
    return tostring(feed, encoding="utf-8", xml_declaration=True)


def _entry(entry: Element, news: News) -> None:
    _text(entry, "id", f"urn:footnote:news:{news.news_id}")
    _text(entry, "title", f"{_label(news)}: {news.question}")
    _text(entry, "updated", news.found.isoformat())
    if url := address(news.url):
        SubElement(entry, "link", rel="alternate", href=url)
    SubElement(entry, "category", term=news.kind, label=_LABELS[news.kind])
    _text(entry, "content", "\n".join(_lines(news)))


def _lines(news: News) -> Iterator[str]:
    yield f"“{news.citation.quote}”"
    yield _paper(news)
    if news.reason:
        yield f"{news.reason}."


def _item(news: News, style: Style) -> str:
    url = address(news.url)
    why = f" ({news.reason})" if news.reason else ""
    said = f"{_label(news)}: “{news.citation.quote}” {_paper(news)}{why}"
    return style.text(said) + (f" <{url}>" if url else "")


def _label(news: News) -> str:
    if news.is_first:
        return "First against it"
    figures = f" ({', '.join(news.figures)})" if news.kind == "number" else ""
    return f"{_LABELS[news.kind]}{figures}"


def _paper(news: News) -> str:
    return f"{news.citation.title}{f' ({news.date})' if news.date else ''}"


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = _NOT_XML.sub("\ufffd", text)
