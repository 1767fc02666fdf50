"""Standing questions in the page: their latest news, each with its quote and its paper."""

from collections.abc import Callable, Collection, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from footnote.rag.assistant import Assistant
from footnote.rag.core.records import Answer, Citation, Paper
from footnote.rag.core.request import Filters
from footnote.rag.watches import News, Watch, Watches
from footnote.rag.watching import add_watch, look
from footnote.ui.blocks import Blocks
from footnote.ui.evidence import evidence_html
from footnote.ui.tabs import Reply, told
from footnote.ui.wording import Wording

# Of each question; the feed holds the newest hundred of all.
_SHOWN = 10


class _Told(NamedTuple):
    """News of one question, the newest first."""

    watch: Watch
    news: Sequence[tuple[int, News]]
    """Each with the number that it is marked as read by."""


def watch_calls(assistant: Assistant, watches: Watches) -> list[Callable[[Any], Reply]]:
    """Make what the page's script calls, each with one value of JSON."""

    @told
    def news(_: Mapping[str, Any], say: Wording) -> Reply:
        look(assistant, watches)
        unread, by_watch = watches.news(unread=True), _by_watch(watches)
        return {
            "n": len(by_watch),
            "n_unread": len(unread),
            **news_html(by_watch, unread, assistant.paper, say),
        }

    @told
    def watch(sent: Mapping[str, Any], say: Wording) -> Reply:
        # Papers that are pinned are here already, and bring no news.
        filters = Filters.model_validate(sent.get("filters") or {})
        filters = filters.model_copy(update={"papers": None})
        added = add_watch(assistant, watches, str(sent["question"]), filters)
        return {"said": say("watched", added.n_known)}

    @told
    def unwatch(sent: Mapping[str, Any], _: Wording) -> Reply:
        watches.remove(str(sent["watch_id"]))
        return {}

    @told
    def mark_read(sent: Mapping[str, Any], _: Wording) -> Reply:
        watch_id = str(sent["watch_id"])
        # Newer ones may have come since the page was drawn.
        kept, upto = watches.news(unread=True).items(), sent["upto"]
        watches.mark_read([n for n, each in kept if each.watch_id == watch_id and n <= upto])
        return {}

    return [news, watch, unwatch, mark_read]


def _by_watch(watches: Watches) -> list[_Told]:
    news: dict[str, list[tuple[int, News]]] = {}
    for number, each in watches.news().items():
        news.setdefault(each.watch_id, []).append((number, each))
    return [_Told(watch, news.get(watch.watch_id, ())) for watch in watches.all()]


def news_html(
    told: Sequence[_Told],
    unread: Collection[int],
    find_paper: Callable[[str], Paper | None],
    say: Wording,
) -> dict[str, str]:
    """Render the questions with their news, and the evidence beside them. All text is escaped."""
    shown = [each for one in told for _, each in one.news[:_SHOWN]]
    numbers = {i: n for n, i in enumerate(dict.fromkeys(e.citation.paper_id for e in shown), 1)}
    cited = {each.news_id: _numbered(each.citation, numbers) for each in shown}
    # Laid out as what comes near a refusal is: quotes that no statement rests on.
    answer = Answer(
        question="", answer="", refused=True, reason=None, sentences=(), sources=(),
        mode="quote", nearest=tuple(cited.values()),
    )  # fmt: skip
    papers = {i: paper for i in numbers if (paper := find_paper(i))}
    blocks = Blocks(answer, papers, say)
    html = "".join(_watch_html(each, unread, cited, blocks, say) for each in told)
    feed = f'<a href="v1/feed.atom">{escape(say("feed"))}</a>'
    return {
        "html": f'<p class="fn-facts">{escape(say("standing_note"))} {feed}</p>{html}',
        "evidence": evidence_html(answer, papers, say),
    }


def _numbered(citation: Citation, numbers: Mapping[str, int]) -> Citation:
    return citation.model_copy(update={"marker": numbers[citation.paper_id]})


def _watch_html(
    told: _Told,
    unread: Collection[int],
    cited: Mapping[str, Citation],
    blocks: Blocks,
    say: Wording,
) -> str:
    watch, n_unread = told.watch, sum(number in unread for number, _ in told.news)
    facts = [
        say("watched_since", date=f"{watch.added:%Y-%m-%d}"),
        say("kind.claim") if watch.is_claim else "",
        say("unread", n_unread) if n_unread else "",
    ]
    items = "".join(
        f"<li{' class=fn-unread' if number in unread else ''}><b>{escape(_label(each, say))}</b> "
        f'<q lang="en">{escape(each.citation.quote)}</q> {blocks.marker(cited[each.news_id])} '
        f'<span lang="en">{escape(each.citation.title)}</span>'
        f' <span class="fn-date">{each.date or escape(say("no_date"))}</span></li>'
        for number, each in told.news[:_SHOWN]
    )
    n_more = len(told.news) - _SHOWN
    more = f"<p>{escape(say('news_more', n_more))}</p>" if n_more > 0 else ""
    none = f'<p class="fn-facts">{escape(say("no_news"))}</p>'
    read = _button("mark_read", watch, say, upto=told.news[0][0]) if n_unread else ""
    question = escape(watch.question)
    return (
        f'<article class="fn-watch"><h3 lang="en">{question}</h3>'
        f'<p class="fn-counts">{escape(" · ".join(filter(None, facts)))}</p>'
        f"{f'<ul>{items}</ul>' if items else none}{more}"
        f'<p class="fn-acts">{read}<button type="button" data-ask="{question}">'
        f"{escape(say('ask_now'))}</button>{_button('unwatch', watch, say)}</p></article>"
    )


def _button(do: str, watch: Watch, say: Wording, *, upto: int | None = None) -> str:
    number = "" if upto is None else f' data-upto="{upto}"'
    return (
        f'<button type="button" data-do="{do}" data-id="{escape(watch.watch_id)}"{number}'
        f' data-name="{escape(watch.question)}">{escape(say(do))}</button>'
    )


def _label(news: News, say: Wording) -> str:
    if news.is_first:
        return say("news.first")
    figures = f" ({', '.join(news.figures)})" if news.kind == "number" and news.figures else ""
    return f"{say(f'news.{news.kind}')}{figures}"
