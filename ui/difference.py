"""Render in what an answer differs from the one to the same question before."""

from collections.abc import Iterable, Iterator
from html import escape

from footnote.rag.replay import Change, ChangedQuote, Difference
from footnote.ui.wording import Wording

_SETTINGS = "settings."


def difference_html(difference: Difference, say: Wording) -> str:
    """Render what came, what went, what changed, and what may be the reason. All text is escaped.

    Args:
        difference: Of the two answers.
        say: The page's words.
    """
    lists = [
        _list_html("said_now", _texts(difference.said_now), say),
        _list_html("gone_now", _texts(difference.gone), say),
        _list_html("papers_now", _texts(s.title for s in difference.papers_now), say),
        _list_html("papers_gone", _texts(s.title for s in difference.papers_gone), say),
        _list_html("quotes_changed", (_quote(q, say) for q in difference.quotes_changed), say),
        _list_html("rests_on", _reasons(difference.changed, say), say),
    ]
    return (
        f'<section class="fn-difference" aria-label="{escape(say("difference"))}">'
        f"<h3>{escape(_summary(difference, say))}</h3>{''.join(lists)}"
        f'<p><button type="button" class="fn-soft" data-do="take_back">{escape(say("take_back"))}'
        "</button></p></section>"
    )


def _summary(difference: Difference, say: Wording) -> str:
    if difference.same:
        return say("same")
    if difference.refused_before is difference.refused_now:
        return say("differs_now")
    return say("refused_now" if difference.refused_now else "answered_now")


def _list_html(what: str, items: Iterable[str], say: Wording) -> str:
    rows = "".join(f"<li>{item}</li>" for item in items)
    return f'<h4>{escape(say(what))}</h4><ul class="fn-{what}">{rows}</ul>' if rows else ""


def _texts(texts: Iterable[str]) -> Iterator[str]:
    return (f'<span lang="en">{escape(text)}</span>' for text in texts)


def _quote(changed: ChangedQuote, say: Wording) -> str:
    quote = changed.quote
    now = f"<ins>{escape(changed.now)}</ins>" if changed.now else escape(say("gone"))
    return f'<b lang="en">{escape(quote.title)}</b> <del>{escape(quote.quote)}</del> {now}'


def _reasons(changed: Iterable[Change], say: Wording) -> Iterator[str]:
    """Yield what is not as it was, in words of a reader; the fingerprint of the papers is none."""
    for each in changed:
        name = "settings" if each.what.startswith(_SETTINGS) else each.what
        what, before, now = each.what.removeprefix(_SETTINGS), each.before or "–", each.now or "–"
        yield escape(say(f"change.{name}", what=what, before=before, now=now))
