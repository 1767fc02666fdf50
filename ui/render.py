"""Show records: JSON rows for programs, HTML for the page, lines for a terminal."""

import re
from calendar import month_name
from collections import Counter
from collections.abc import Iterator, Sequence
from html import escape
from urllib.parse import quote, unquote

from footnote.ingest.identity.explain import Explanation, Joined
from footnote.rag.answering.citations import markers_of
from footnote.rag.core.records import (
    Answer,
    Block,
    Cell,
    Citation,
    Claim,
    Hit,
    Paper,
    Sentence,
    Source,
    Writing,
)
from footnote.rag.core.request import Request
from footnote.rag.core.text import Span
from footnote.rag.replay import Difference

# A citation marker links to a fragment that the page turns into an opened paper.
_FRAGMENT = "#cite="
_MARKER_LINK = re.compile(_FRAGMENT + r"(.+)@([0-9]{1,9})-([0-9]{1,9})", re.DOTALL)
_AUTHORS_SHOWN = 8
_KEY_NAMES = {
    "same": "the same title and abstract",
    "arxiv": "the arXiv id",
    "doi": "the DOI",
    "abstract": "the same abstract",
    "title": "the same title",
    "start": "abstracts that begin alike",
}
_STATES = {
    "checked": "checked",
    "quoted": "quoted",
    "differs": "in which something differs",
    "unbound": "uncited (in italics)",
}


def paper_row(paper: Paper) -> dict[str, object]:
    """Make a row of `footnote papers --json`; what is not known is null."""
    return {
        "paper_id": paper.paper_id,
        "title": paper.title,
        "date": paper.date and paper.date.isoformat(),
        "n_authors": paper.n_authors,
        "organisation": paper.organisation,
        "upvotes": paper.upvotes,
        "sources": list(dict.fromkeys(s.source for s in paper.sightings)),
    }


def hit_rows(hits: Sequence[Hit]) -> list[dict[str, object]]:
    """Make the rows of `footnote search --json`, best first; offsets count in the abstract."""
    return [
        {
            "rank": rank,
            "paper_id": hit.paper.paper_id,
            "title": hit.paper.title,
            "score": round(hit.score, 4),
            "passage": hit.paper.quote(hit.passage),
            "start": hit.passage.start,
            "end": hit.passage.end,
        }
        for rank, hit in enumerate(hits, start=1)
    ]


def answer_html(answer: Answer) -> str:
    """Render an answer for the chat: its sentences with markers that open papers, its sources.

    All text is escaped. It is one block without blank lines, so that Markdown leaves it alone.
    """
    understood = (
        f'<p class="understood">Understood as: {escape(answer.understood_as)}</p>'
        if answer.understood_as
        else ""
    )
    blocks = "".join(_block_html(block, answer) for block in answer.blocks)
    body = blocks or _running_html(answer.sentences)
    sources = "".join(
        f'<li value="{s.marker}">{_source_html(s, answer)}{_remarks_html(s)}</li>'
        for s in answer.sources
    )
    if answer.refused:
        body = f"<p>{escape(answer.reason or answer.answer)}</p>{blocks}{_nearest_html(answer)}"
    listed = f'<div class="sources">Sources<ol>{sources}</ol></div>' if answer.sources else ""
    note = writing_note(answer)
    mode = f'<div class="mode">{escape(note)}</div>' if note else ""
    return (
        f'<div class="footnote-answer{" refused" if answer.refused else ""}">'
        f"{understood}{_request_html(answer)}{body}{listed}{mode}</div>"
    )


def request_text(request: Request) -> str:
    """Say in a line how a question was understood: its kind, its topic or sides, its filters."""
    filters = request.filters
    said = [
        str(request.operation or request.kind).replace("_", " "),
        " / ".join(f"“{side}”" for side in request.sides),
        f"“{request.topic}”" if request.topic and not request.sides else "",
        f"since {filters.since}" if filters.since else "",
        f"until {filters.until}" if filters.until else "",
        f"from {filters.organisation}" if filters.organisation else "",
        f"seen in {filters.source}" if filters.source else "",
        f"by {filters.author}" if filters.author else "",
        "withdrawn" if filters.withdrawn else "",
    ]
    return " · ".join(filter(None, said))


def draft_html(sentences: Sequence[Sentence], status: str) -> str:
    """Render what there is of an answer that is being written. All text is escaped.

    Args:
        sentences: Those that were bound, in order.
        status: What goes on, shown while there is no sentence.
    """
    body = _running_html(sentences) if sentences else ""
    # It stays on the page when the reader stops the model.
    note = "So far; the answer is not complete." if sentences else f"{escape(status)} …"
    return f'<div class="footnote-draft">{body}<div class="mode">{note}</div></div>'


def writing_note(answer: Answer) -> str | None:
    """Say in a line who wrote the answer and what was left out; None where no model was asked."""
    writing = answer.writing
    if writing is None:
        return None
    if answer.mode == "llm":
        parts = [f"Written by {writing.model}.", *_states(answer.sentences)]
        if writing.fault:
            parts.append(_ended(f"It ends early: the model {writing.fault}"))
    elif writing.fault:
        parts = [_ended(f"Quotes only: the model {writing.model} {writing.fault}")]
    else:
        parts = [f"{writing.model} read the question."]
    if n := writing.left_out:
        was = "statement of the draft was" if n == 1 else "statements of the draft were"
        parts.append(f"{n} {was} left out: no sentence here says so.")
    if n := writing.mended:
        were = "statement that differed was" if n == 1 else "statements that differed were"
        parts.append(f"{n} {were} rewritten by the model.")
    if n := writing.sources_left_out:
        papers = "paper that was found does" if n == 1 else "papers that were found do"
        parts.append(f"{n} {papers} not fit into what the model reads at once.")
    return " ".join([*parts, *_taken(writing)])


def _taken(writing: Writing) -> Iterator[str]:
    """Say what an answer took of the model, or that it was kept."""
    if writing.cached:
        yield "The reply was kept from before."
    if writing.tokens_in:
        about = "About " if writing.estimated else ""
        cost = "" if writing.cost is None else f", {_money(writing.cost)}"
        yield f"{about}{writing.tokens_in:,} tokens read, {writing.tokens_out:,} written{cost}."


def _money(cost: float) -> str:
    """Write a cost with two figures at least, and without a currency."""
    return f"{cost:,.2f}" if cost >= 1 else f"{cost:.6f}".rstrip("0").rstrip(".")


def _states(sentences: Sequence[Sentence]) -> Iterator[str]:
    """Say how many statements there are in each state, and what the states mean."""
    if not sentences:
        return
    counts = Counter(s.verdict for s in sentences)
    said = [f"{counts[verdict]} {name}" for verdict, name in _STATES.items() if counts[verdict]]
    is_unjudged = bool(counts["quoted"]) and not counts["checked"]
    yield f"Of its statements: {', '.join(said)}."
    if is_unjudged:
        yield "Quoted: bound to exact sentences, and nothing found that differs; not judged."


def _ended(text: str) -> str:
    return text if text.endswith("?") else f"{text}."


def sentence_text(sentence: Sentence) -> str:
    """Write a sentence and its markers for a terminal, with in what it differs from its quotes."""
    marked = f"{sentence.text} {markers_of(sentence)}".rstrip()
    if sentence.verdict == "unbound":
        return f"{marked} (uncited)"
    return f"{marked} (differs: {sentence.reason})" if sentence.verdict == "differs" else marked


def claim_lines(claim: Claim) -> list[str]:
    """Write a statement for a terminal: its state, and the sentences that speak to it."""
    why = f" ({claim.reason})" if claim.reason else ""
    cited = [f"    {c.title}: {c.quote}" for c in claim.citations]
    return [f"{claim.verdict}: {claim.text}{why}", *cited]


def difference_lines(difference: Difference) -> list[str]:
    """Write for a terminal in what an answer differs from the one before."""
    lines = [f"{'same' if difference.same else 'differs'}: {difference.question}"]
    if difference.refused_before is not difference.refused_now:
        lines.append(
            "  was answered, is refused now"
            if difference.refused_now
            else "  was refused, is answered now"
        )
    lines += [f"  + {text}" for text in difference.said_now]
    lines += [f"  - {text}" for text in difference.gone]
    lines += [f"  + cites {source.title}" for source in difference.papers_now]
    lines += [f"  - cited {source.title}" for source in difference.papers_gone]
    for changed in difference.quotes_changed:
        now = f"now says: {changed.now}" if changed.now else "is no paper here any more"
        lines.append(f"  {changed.quote.title} {now}; was quoted: {changed.quote.quote}")
    names = ", ".join(change.what for change in difference.changed)
    return [*lines, f"  changed since: {names}"] if names else lines


def source_text(source: Source) -> str:
    """Write a cited paper for a terminal, with its version and its withdrawal, if any."""
    remarks = [f"v{source.version}" if source.version else None, withdrawal(source.withdrawn)]
    return f"[{source.marker}] {', '.join([source.title, *filter(None, remarks)])}"


def paper_html(paper: Paper, quoted: Span | None) -> str:
    """Render a paper with its abstract, the quoted sentence highlighted. All text is escaped."""
    seen = ", ".join(seen_in(sighting.source, sighting.day) for sighting in paper.sightings)
    facts = [
        f"{paper.date}{', year inferred' * paper.date_inferred}" if paper.date else None,
        f"{paper.n_authors} author{'s' * (paper.n_authors > 1)}" if paper.n_authors else None,
        paper.organisation,
        f"{paper.upvotes} upvote{'s' * (paper.upvotes > 1)}" if paper.upvotes else None,
        arxiv_name(paper),
        f"doi:{paper.doi}" if paper.doi else None,
    ]
    return (
        f'<article class="footnote-paper"><h3>{_linked(paper)}</h3>'
        f'<p class="facts">{escape(" · ".join(filter(None, facts)))}</p>'
        f"{_authors_html(paper)}{_notice_html(paper)}"
        f"<p>{_abstract_html(paper, quoted)}</p>"
        f'<p class="seen">Seen in {escape(seen)}</p></article>'
    )


def explanation_lines(explanation: Explanation) -> list[str]:
    """Write for a terminal why the records of a paper are one."""
    lines = [f"{explanation.paper_id}  {explanation.title}"]
    if explanation.aliases:
        lines.append(f"also known as {', '.join(explanation.aliases)}")
    for record in explanation.records:
        ids = [
            f"arXiv:{record.arxiv_id}" if record.arxiv_id else None,
            f"v{record.version_number}" if record.version_number else None,
            f"doi:{record.doi}" if record.doi else None,
            f"key {record.cite_key}" if record.cite_key else None,
        ]
        seen = seen_in(record.source, record.day)
        lines.append(f"  {record.number}. {seen}: {record.title} {' '.join(filter(None, ids))}")
    return lines + [f"  {joined_text(join)}" for join in explanation.joins]


def joined_text(join: Joined) -> str:
    """Say what two records of a paper have in common."""
    kind, _, value = join.key.partition(":")
    named = f"{_KEY_NAMES[kind]} {value}" if kind in ("arxiv", "doi") else _KEY_NAMES[kind]
    alike = f"({join.likeness:.0%} of the words of their abstracts)"
    return f"{join.one} and {join.other} have {named} {alike}"


def parse_fragment(fragment: str) -> tuple[str, Span] | None:
    """Read the paper id and the offsets of a marker's link; None for any other text."""
    match = _MARKER_LINK.fullmatch(fragment)
    if not match:
        return None
    paper_id, start, end = match.groups()
    span = Span(int(start), int(end))
    return (unquote(paper_id), span) if span.start < span.end else None


def seen_in(source: str, day: str | None) -> str:
    """Write where a paper was seen, and when: `page.txt (14 March, year not given)`."""
    if day and day.startswith("--"):
        _, _, month, day_of_month = day.split("-")
        day = f"{int(day_of_month)} {month_name[int(month)]}, year not given"
    return f"{source} ({day})" if day else source


def arxiv_name(paper: Paper) -> str | None:
    """Write the arXiv id of a paper with its version; None for a paper without."""
    version = f"v{paper.version_number}" if paper.version_number else ""
    return f"arXiv:{paper.arxiv_id}{version}" if paper.arxiv_id else None


def _linked(paper: Paper) -> str:
    if not paper.url or not paper.url.startswith(("https://", "http://")):
        return escape(paper.title)
    return (
        f'<a href="{escape(paper.url)}" target="_blank" rel="noopener noreferrer">'
        f"{escape(paper.title)}</a>"
    )


def _authors_html(paper: Paper) -> str:
    if not paper.authors:
        return ""
    more = len(paper.authors) - _AUTHORS_SHOWN
    names = ", ".join(paper.authors[:_AUTHORS_SHOWN]) + (f" and {more} more" if more > 0 else "")
    return f'<p class="authors">{escape(names)}</p>'


def _notice_html(paper: Paper) -> str:
    said = withdrawal((paper.notice or "") if paper.withdrawn else None)
    return f'<p class="notice" role="note">{escape(said)}</p>' if said else ""


def _remarks_html(source: Source) -> str:
    version = f" v{source.version}" if source.version else ""
    said = withdrawal(source.withdrawn)
    return version + (f' <b class="notice">{escape(said)}</b>' if said else "")


def withdrawal(said: str | None) -> str | None:
    """Say that a paper was withdrawn, with the reason if one is known; None if it was not."""
    if said is None:
        return None
    return f"Withdrawn or retracted: {said}" if said else "Withdrawn or retracted"


def _request_html(answer: Answer) -> str:
    if not answer.request:
        return ""
    return f'<p class="request">{escape(request_text(answer.request))}</p>'


def _block_html(block: Block, answer: Answer) -> str:
    """Render a part of an answer; what is ours in words of ours, the rest as quotes."""
    said = [answer.sentences[at] for at in block.sentences]
    heading = f"<h4>{escape(block.heading)}</h4>" if block.heading else ""
    text = f"<p>{escape(block.text)}</p>" if block.text else ""
    if block.form == "list":
        body = f"<ul>{''.join(f'<li>{_said_html(s)}</li>' for s in said)}</ul>"
    else:
        body = _running_html(said) if said else ""
    more = f'<p class="more">{block.n_more:,} more: ask for more</p>' if block.n_more else ""
    return f"{heading}{text}{body}{_table_html(block, answer)}{more}"


def _table_html(block: Block, answer: Answer) -> str:
    if not block.rows:
        return ""
    # A column that no row has anything in is left out: few pages date their papers.
    shown = [
        at for at in range(len(block.columns)) if any(_has_content(row[at]) for row in block.rows)
    ]
    heads = "".join(f"<th>{escape(block.columns[at])}</th>" for at in shown)
    rows = "".join(
        f"<tr>{''.join(f'<td>{_cell_html(row[at], answer)}</td>' for at in shown)}</tr>"
        for row in block.rows
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _has_content(cell: Cell) -> bool:
    return bool(cell.text or cell.sentences)


def _cell_html(cell: Cell, answer: Answer) -> str:
    text = escape(cell.text)
    if cell.marker:
        source = next((s for s in answer.sources if s.marker == cell.marker), None)
        text = f"{_source_html(source, answer)} [{cell.marker}]" if source else text
    said = " ".join(_said_html(answer.sentences[at]) for at in cell.sentences)
    return " ".join(filter(None, (text, said)))


def _source_html(source: Source, answer: Answer) -> str:
    """Render a source's title, linked to the first of its quotes where it has one."""
    quotes = (c for s in answer.sentences for c in s.citations if c.marker == source.marker)
    first = next(quotes, None)
    if first is None:
        return escape(source.title)
    return f'<a href="{_fragment(first.paper_id, first)}">{escape(source.title)}</a>'


def _nearest_html(answer: Answer) -> str:
    rows = "".join(
        f'<li><a href="{_fragment(n.paper_id, n)}">{escape(n.title)}</a>: {escape(n.quote)}</li>'
        for n in answer.nearest
    )
    return f'<div class="nearest">Nearest to it<ul>{rows}</ul></div>' if rows else ""


def _running_html(sentences: Sequence[Sentence]) -> str:
    return f"<p>{' '.join(map(_said_html, sentences))}</p>"


def _said_html(sentence: Sentence) -> str:
    """Render a sentence and its markers, with in what it differs from its quotes."""
    html = _sentence_html(sentence)
    if sentence.verdict == "unbound":
        return f'<span class="unbound" title="No sentence is cited for this.">{html}</span>'
    if sentence.verdict == "differs":
        why = escape(sentence.reason or "")
        html = f'<span class="differs">{html}</span> <small>(differs: {why})</small>'
    return f"{html}{_markers_html(sentence)}"


def _sentence_html(sentence: Sentence) -> str:
    """Render a sentence, what stands before its quote in bold."""
    quoted = sentence.citations[0].quote if sentence.citations else ""
    if not quoted or not sentence.text.endswith(quoted):
        return escape(sentence.text)
    said_by = sentence.text.removesuffix(quoted)
    return f"<b>{escape(said_by)}</b>{escape(sentence.text[len(said_by) :])}"


def _markers_html(sentence: Sentence) -> str:
    return "".join(
        f' <a class="marker" href="{_fragment(c.paper_id, c)}" title="{escape(c.title)}">'
        f"[{c.marker}]</a>"
        for c in sentence.citations
    )


def _fragment(paper_id: str, citation: Citation) -> str:
    return f"{_FRAGMENT}{quote(paper_id, safe='')}@{citation.start}-{citation.end}"


def _abstract_html(paper: Paper, quoted: Span | None) -> str:
    text = paper.abstract
    # A quote is a sentence; what is none was one of an abstract that has been replaced since.
    if quoted is None or quoted not in paper.sentences:
        return escape(text)
    before, within, after = text[: quoted.start], paper.quote(quoted), text[quoted.end :]
    return f"{escape(before)}<mark>{escape(within)}</mark>{escape(after)}"
