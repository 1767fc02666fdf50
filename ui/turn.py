"""Render an answer as the page shows it: how it was understood, its parts, what to do next."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from footnote.export.forms import plugged_forms
from footnote.export.names import Form
from footnote.rag.core.records import Answer, Paper, Report, Sentence
from footnote.rag.core.request import Kind, RecordField, Request
from footnote.rag.core.text import short_name
from footnote.ui.blocks import Blocks
from footnote.ui.render import order_note, writing_note
from footnote.ui.wording import Wording

# What a reader may take a question for; small talk is never meant by correcting.
_KINDS = [kind for kind in Kind if kind is not Kind.CHAT]
_FILTERS = (
    "since",
    "until",
    "undated",
    "organisation",
    "other_organisations",
    "without",
    "source",
    "other_sources",
    "author",
    "withdrawn",
    "reports_number",
    "min_upvotes",
    "max_upvotes",
    "min_authors",
    "max_authors",
    "min_sources",
    "max_sources",
    "told",
    "untold",
)
# What a question about the collection asks of titles, or of the order of a list.
_FLAGS = ("in_title", "begins", "fewest_first", "by_title")
_SUGGESTED = 4
# What is done with an answer, and with a report, beside taking it away.
_WITH_ANSWER = ("link", "edit", "again", "compare", "report", "watch", "right", "wrong")
_WITH_REPORT = ("edit", "again")


def turn_html(answer: Answer, papers: Mapping[str, Paper], say: Wording) -> str:
    """Render what stands below a question. All text is escaped.

    Args:
        answer: An answer or a refusal.
        papers: The cited papers as they are now, by id.
        say: The page's words.
    """
    blocks = Blocks(answer, papers, say)
    is_chat = bool(answer.request and answer.request.kind is Kind.CHAT)
    return (
        _understood_html(answer, say)
        + ("" if is_chat else _chips_html(answer.request, say) + _counts_html(answer, say))
        + _queries_html(answer, say)
        + _lacking_html(answer, say)
        + _views_html(answer, blocks, say)
        + ("" if is_chat else _actions_html(answer, _WITH_ANSWER, say))
        + _next_html(answer, papers, say)
    )


def report_html(report: Report, papers: Mapping[str, Paper], say: Wording) -> str:
    """Render what stands below the topic of a report. All text is escaped.

    Args:
        report: The report, or a refusal.
        papers: The cited papers as they are now, by id.
        say: The page's words.
    """
    answer, blocks = report.answer, Blocks(report.answer, papers, say)
    if answer.refused:
        said = _views_html(answer, blocks, say)
    else:
        views = {"report": sections_html(report, papers, say), "papers": blocks.as_papers()}
        said = _counts_html(answer, say) + _lacking_html(answer, say)
        said += _opened_html(views, answer, say) + _writer_html(answer)
    return said + _actions_html(answer, _WITH_REPORT, say)


def sections_html(report: Report, papers: Mapping[str, Paper], say: Wording) -> str:
    """Render the title of a report and its sections, as many as there are. All text is escaped."""
    answer, blocks = report.answer, Blocks(report.answer, papers, say)
    said = "".join(
        blocks.block(answer.blocks[at], level=3 if n == 0 else 4)
        for section in report.sections
        for n, at in enumerate(section.blocks)
    )
    return f'<p class="fn-report-title" lang="en">{escape(report.title)}</p>{said}'


def section_draft_html(sentences: Sequence[Sentence], status: str) -> str:
    """Render the section of a report that is being written. All text is escaped.

    Its markers are given when it is whole: they count through the report.
    """
    said = escape(" ".join(sentence.text for sentence in sentences))
    draft = f'<p lang="en">{said}</p>' if said else ""
    return f'{draft}<p class="fn-writer fn-thinking">{escape(status)}</p>'


def draft_html(sentences: Sequence[Sentence], status: str, say: Wording) -> str:
    """Render what there is of an answer that is being written. All text is escaped.

    Args:
        sentences: Those that were bound, in order.
        status: What goes on, shown while there is no sentence.
        say: The page's words.
    """
    drafted = Answer(
        question="", answer="", refused=False, reason=None, sentences=tuple(sentences),
        sources=(), mode="llm",
    )  # fmt: skip
    # It stays on the page when the reader stops the model.
    note = say("draft") if sentences else f"{status} …"
    return f'{Blocks(drafted, {}, say).as_prose()}<p class="fn-writer">{escape(note)}</p>'


def _understood_html(answer: Answer, say: Wording) -> str:
    if not answer.understood_as:
        return ""
    meant = escape(say("understood", question=answer.understood_as))
    alone = escape(say("alone"))
    return (
        f'<p class="fn-understood">{meant} <button type="button" class="fn-soft" data-do="alone">'
        f"{alone}</button></p>"
    )


def _chips_html(request: Request | None, say: Wording) -> str:
    """Render how a question was understood: its kind as a menu, sides and filters with a ×."""
    if request is None:
        return ""
    options = "".join(
        f'<option value="{kind}"{" selected" if kind is request.kind else ""}>'
        f"{escape(say(f'kind.{kind}'))}</option>"
        for kind in _KINDS
    )
    chips = [
        f'<label class="fn-chip fn-kind"><span class="fn-unseen">{escape(say("kind"))}</span>'
        f'<select data-do="kind">{options}</select></label>'
    ]
    chips += [_chip_html("side", str(n), side, say) for n, side in enumerate(request.sides)]
    chips += [_chip_html("filter", name, text, say) for name, text in _filters(request, say)]
    chips += [_chip_html("part", name, say(name), say) for name in _FLAGS if getattr(request, name)]
    if request.each:
        chips.append(_chip_html("part", "each", say(f"each.{request.each}"), say))
    if request.limit:
        chips.append(_chip_html("part", "limit", say("limit", request.limit), say))
    if request.also:
        asked = "; ".join(each.question for each in request.also)
        chips.append(_chip_html("part", "also", say("also", what=asked), say))
    label = escape(say("chips"))
    return f'<div class="fn-chips" role="group" aria-label="{label}">{"".join(chips)}</div>'


def _chip_html(what: str, name: str, text: str, say: Wording) -> str:
    label = escape(say("remove", what=text))
    return (
        f'<span class="fn-chip">{escape(text)}<button type="button" data-do="drop_{what}"'
        f' data-name="{name}" aria-label="{label}">×</button></span>'
    )


def _filters(request: Request, say: Wording) -> Iterator[tuple[str, str]]:
    for name in _FILTERS:
        value = getattr(request.filters, name)
        if value is False:
            yield name, say(f"filter.not_{name}")
        elif isinstance(value, tuple):
            named = [say(f"field.{v}") if isinstance(v, RecordField) else v for v in value]
            yield name, say(f"filter.{name}", value=", ".join(named))
        elif value is not None:
            yield name, say(f"filter.{name}", value=value)
    if (chosen := request.filters.papers) is not None:
        yield "papers", say("filter.papers", len(chosen))


def _counts_html(answer: Answer, say: Wording) -> str:
    """Say how many papers answer and come near, and who wrote it."""
    n_near = len(answer.nearest) + sum(block.n_more for block in answer.blocks)
    written = answer.writing and answer.mode == "llm"
    said = [
        "" if answer.refused else say("papers_answer", len(answer.sources)),
        say("near" if answer.refused else "come_near", n_near) if n_near else "",
        "" if written or answer.refused or not answer.sentences else say("by_quotes"),
        say("by_model", model=answer.writing.model) if answer.writing and written else "",
    ]
    return f'<p class="fn-counts">{escape(" · ".join(filter(None, said)))}</p>'


def _queries_html(answer: Answer, say: Wording) -> str:
    """Say what was searched for beside the question."""
    queries = answer.receipt.queries if answer.receipt else ()
    if not queries:
        return ""
    said = escape(say("queries", queries="; ".join(queries)))
    return f'<p class="fn-counts fn-queries">{said}</p>'


def _lacking_html(answer: Answer, say: Wording) -> str:
    """Say that papers could not be asked, where that is so."""
    receipt = answer.receipt
    if not receipt or not receipt.n_not_asked:
        return ""
    said = say("not_asked", receipt.n_not_asked, total=f"{receipt.n_papers:,}")
    return f'<p class="fn-lacking" role="note">{escape(said)}</p>'


def _views_html(answer: Answer, blocks: Blocks, say: Wording) -> str:
    writer = _writer_html(answer)
    if answer.refused:
        near = f"<h3>{escape(say('nearest'))}</h3>{blocks.as_papers()}" if answer.nearest else ""
        said = f'<p class="fn-refused" lang="en">{escape(answer.reason or answer.answer)}</p>'
        return f"{said}{blocks.as_written()}{near}{writer}"
    views = {"written": blocks.as_written()}
    if len(answer.sources) > 1:
        is_table = any(block.form == "table" for block in answer.blocks)
        other = "prose" if is_table else "table"
        views[other] = blocks.as_prose() if is_table else blocks.as_table()
        views["papers"] = blocks.as_papers()
    views = {name: html for name, html in views.items() if html}
    if len(views) == 1:
        return views["written"] + writer
    return _opened_html(views, answer, say) + writer


def _writer_html(answer: Answer) -> str:
    note = " ".join(filter(None, (order_note(answer.receipt), writing_note(answer))))
    return f'<p class="fn-writer" lang="en">{escape(note)}</p>' if note else ""


def _opened_html(views: Mapping[str, str], answer: Answer, say: Wording) -> str:
    """Render ways to read an answer, of which the first is open."""
    tabs = panels = ""
    for n, (name, html) in enumerate(views.items()):
        is_open, title = n == 0, escape(_view_name(name, answer, say))
        tabs += (
            f'<button type="button" data-do="view" data-view="{name}"'
            f' aria-pressed="{"true" if is_open else "false"}">{title}</button>'
        )
        hidden = "" if is_open else " hidden"
        panels += f'<div class="fn-view" data-view="{name}"{hidden}>{html}</div>'
    label = escape(say("views"))
    return f'<div class="fn-views" role="group" aria-label="{label}">{tabs}</div>{panels}'


def _view_name(name: str, answer: Answer, say: Wording) -> str:
    if name == "papers":
        return say("view.papers", count=len(answer.sources))
    if name == "written":
        form = "table" if any(b.form == "table" for b in answer.blocks) else "prose"
        return say(f"view.{form}")
    return say(f"view.{name}")


def _actions_html(answer: Answer, does: Sequence[str], say: Wording) -> str:
    """Render what can be done with an answer: take it away, and what is named."""
    forms = {str(form): say(f"form.{form}") for form in Form} | {
        name: name for name in plugged_forms() if name not in [*Form]
    }
    away = ""
    if answer.sources:
        items = "".join(
            f'<button type="button" data-do="export" data-form="{escape(form)}">'
            f"{escape(name)}</button>"
            for form, name in forms.items()
        )
        # Offered once some of its papers are pinned.
        pinned = (
            '<label class="fn-only" hidden><input type="checkbox" data-only> <span></span></label>'
        )
        away = (
            f'<details class="fn-menu"><summary>{escape(say("export"))}</summary>'
            f'<div class="fn-list">{pinned}{items}</div></details>'
        )
    copy = _button("copy", say) if answer.sources else ""
    others = "".join(_button(do, say) for do in does)
    return (
        f'<div class="fn-acts" role="group" aria-label="{escape(say("actions"))}">{copy}{away}'
        f"{others}</div>"
    )


def _button(do: str, say: Wording) -> str:
    return f'<button type="button" data-do="{do}">{escape(say(do))}</button>'


def _next_html(answer: Answer, papers: Mapping[str, Paper], say: Wording) -> str:
    asked = list(dict.fromkeys(suggestions(answer)))[:_SUGGESTED]
    buttons = "".join(
        f'<button type="button" data-ask="{escape(question)}" lang="en">{escape(question)}</button>'
        for question in asked
    )
    if since := _newer(answer, papers):
        said = escape(say("only_since", year=since))
        buttons += f'<button type="button" data-do="since" data-year="{since}">{said}</button>'
    if not buttons:
        return ""
    return f'<div class="fn-next" role="group" aria-label="{escape(say("next"))}">{buttons}</div>'


def suggestions(answer: Answer) -> Iterator[str]:
    """Yield what could be asked next, from the papers of an answer and how it was understood."""
    titles = [s.title for s in answer.sources] or [c.title for c in answer.nearest]
    names = [name for title in titles if (name := short_name(title))]
    kind = answer.request.kind if answer.request else None
    if len(names) > 1 and kind is not Kind.COMPARISON:
        yield f"Compare {names[0]} and {names[1]}"
    for name in names[:2]:
        yield f"How does {name} work?" if kind is not Kind.EXPLANATION else f"What is {name}?"
    if names and kind is not Kind.NUMBER:
        yield f"What does {names[0]} report?"
    if kind in (Kind.SURVEY, Kind.CATALOGUE) and len(answer.sources) > 1:
        yield "Tell me about the second one"


def _newer(answer: Answer, papers: Mapping[str, Paper]) -> int | None:
    """Return the year that would leave the newer papers of a survey, where there are older ones."""
    request = answer.request
    if not request or request.kind is not Kind.SURVEY or request.filters.since:
        return None
    years = {
        paper.date.year for s in answer.sources if (paper := papers.get(s.paper_id)) and paper.date
    }
    return max(years) if len(years) > 1 else None
