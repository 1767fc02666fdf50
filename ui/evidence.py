"""Render the evidence beside an answer: a card a paper, its quotes marked in its abstract."""

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import quote_plus

from footnote.rag.core.records import Answer, Citation, Paper
from footnote.rag.core.text import Span
from footnote.ui.labels import labels_of, place_of, quotes_of
from footnote.ui.render import arxiv_name, seen_in, withdrawal
from footnote.ui.wording import Wording

_AUTHORS_SHOWN = 8


def evidence_html(answer: Answer, papers: Mapping[str, Paper], say: Wording) -> str:
    """Render a card for each cited paper in the order of its number. All text is escaped.

    Args:
        answer: An answer, or a refusal with the papers that come near.
        papers: The cited papers as they are now; what is gone is shown by its quotes alone.
        say: The page's words.
    """
    labels = labels_of(answer)
    cited: dict[int, list[Citation]] = {source.marker: [] for source in answer.sources}
    for citation in quotes_of(answer):
        cited.setdefault(citation.marker, []).append(citation)
    ids = {s.marker: s.paper_id for s in answer.sources}
    titles = {s.marker: s.title for s in answer.sources}
    verdicts = _verdicts(answer)
    cards: list[str] = []
    for marker, citations in sorted(cited.items()):
        paper = papers.get(citations[0].paper_id if citations else ids[marker])
        named = {Span(c.start, c.end): labels[place_of(c)] for c in citations}
        if paper:
            cards.append(_card_html(marker, paper, named, verdicts, say))
        else:
            title = citations[0].title if citations else titles[marker]
            cards.append(_gone_html(marker, title, citations, named, say))
    return "".join(cards)


def _card_html(
    marker: int,
    paper: Paper,
    named: Mapping[Span, str],
    verdicts: Mapping[tuple[str, Span], str],
    say: Wording,
) -> str:
    notice = withdrawal((paper.notice or "") if paper.withdrawn else None)
    states = "".join(
        f"<li><b>{label}</b> {escape(say(f'verdict.{verdicts[paper.paper_id, span]}'))}</li>"
        for span, label in named.items()
        if (paper.paper_id, span) in verdicts
    )
    return (
        f'<article class="fn-card" data-paper="{escape(paper.paper_id)}" data-marker="{marker}">'
        f'<h3><span class="fn-number">{marker}</span> {escape(paper.title)}</h3>'
        f'<p class="fn-facts">{escape(facts_text(paper, say))}</p>{_authors_html(paper, say)}'
        + (f'<p class="fn-notice" role="note">{escape(notice)}</p>' if notice else "")
        + _abstract_html(paper, named)
        + (f'<ul class="fn-verdicts">{states}</ul>' if states else "")
        + f'<p class="fn-facts">{escape(say("seen", where=_seen(paper)))}</p>'
        f"{_links_html(paper, say)}</article>"
    )


def _gone_html(
    marker: int,
    title: str,
    citations: Sequence[Citation],
    named: Mapping[Span, str],
    say: Wording,
) -> str:
    marks = " ".join(
        _mark_html(c.quote, named[Span(c.start, c.end)])
        for c in {place_of(c): c for c in citations}.values()
    )
    return (
        f'<article class="fn-card" data-marker="{marker}"><h3><span class="fn-number">{marker}'
        f'</span> {escape(title)}</h3><p class="fn-notice" role="note">{escape(say("gone"))}</p>'
        f'<p class="fn-abstract" lang="en">{marks}</p></article>'
    )


def facts_text(paper: Paper, say: Wording) -> str:
    """Say in a line what the record of a paper tells: date, authors, organisation, ids."""
    date = str(paper.date) if paper.date else say("no_date")
    if paper.date and paper.date_inferred:
        date = say("year_inferred", date=date)
    facts = [
        date,
        say("authors", paper.n_authors) if paper.n_authors else None,
        paper.organisation,
        say("upvotes", paper.upvotes) if paper.upvotes else None,
        arxiv_name(paper),
        f"doi:{paper.doi}" if paper.doi else None,
    ]
    return " · ".join(filter(None, facts))


def _authors_html(paper: Paper, say: Wording) -> str:
    if not paper.authors:
        return ""
    more = len(paper.authors) - _AUTHORS_SHOWN
    names = ", ".join(paper.authors[:_AUTHORS_SHOWN])
    if more > 0:
        names = say("and_more", names=names, count=more)
    return f'<p class="fn-facts">{escape(names)}</p>'


def _abstract_html(paper: Paper, named: Mapping[Span, str]) -> str:
    """Render an abstract sentence by sentence; only whole sentences are marked."""
    parts: list[str] = []
    for span in paper.sentences:
        text, label = paper.quote(span), named.get(span)
        parts.append(_mark_html(text, label) if label else f"<span>{escape(text)}</span>")
    return f'<p class="fn-abstract" lang="en">{" ".join(parts)}</p>'


def _mark_html(text: str, label: str) -> str:
    return f'<mark data-cite="{label}">{escape(text)}<sup>{label}</sup></mark>'


def _links_html(paper: Paper, say: Wording) -> str:
    links = [_link_html(address, name) for name, address in _addresses(paper, say).items()]
    buttons = "".join(
        f'<button type="button" class="fn-link" data-do="{do}">{escape(say(do))}</button>'
        for do in ("ask_paper", "similar", "pin")
    )
    return f'<p class="fn-links">{"".join(links)}{buttons}</p>'


def _addresses(paper: Paper, say: Wording) -> dict[str, str]:
    """Return where a paper can be read, by name; a search for its title where nothing is known."""
    found: dict[str, str] = {}
    if paper.arxiv_id:
        found["arXiv"] = f"https://arxiv.org/abs/{paper.arxiv_id}"
    if paper.doi:
        found["DOI"] = f"https://doi.org/{paper.doi}"
    is_web = paper.url and paper.url.startswith(("https://", "http://"))
    if paper.url and is_web and paper.url not in found.values():
        found[say("own_page")] = paper.url
    title = quote_plus(paper.title)
    return found or {say("search_title"): f"https://scholar.google.com/scholar?q={title}"}


def _link_html(address: str, name: str) -> str:
    return (
        f'<a href="{escape(address)}" target="_blank" rel="noopener noreferrer">{escape(name)}'
        ' <span aria-hidden="true">↗</span></a>'
    )


def _seen(paper: Paper) -> str:
    return ", ".join(seen_in(sighting.source, sighting.day) for sighting in paper.sightings)


def _verdicts(answer: Answer) -> dict[tuple[str, Span], str]:
    """Return what was found of the statements that rest on each quote, where a model wrote them."""
    if answer.mode != "llm":
        return {}
    return {
        (c.paper_id, Span(c.start, c.end)): sentence.verdict
        for sentence in answer.sentences
        for c in sentence.citations
    }
