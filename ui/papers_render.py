"""Render the Papers tab: the table, a paper's own page, a job. All text is escaped."""

from collections.abc import Sequence
from html import escape
from typing import Any
from urllib.parse import quote_plus

from footnote.ingest.identity.explain import Explanation
from footnote.ingest.pipeline import IngestReport
from footnote.rag.core.records import Paper
from footnote.rag.index.browse import Column, Sheet
from footnote.rag.index.facts import Facts
from footnote.ui.evidence import facts_text
from footnote.ui.jobs import Job
from footnote.ui.plots import bars, columns
from footnote.ui.render import joined_text, seen_in, withdrawal
from footnote.ui.shelf import Page, Shown, Undone
from footnote.ui.wording import Wording

Tally = Sequence[tuple[str | None, int]]

_COLUMNS: tuple[Column, ...] = ("title", "date", "organisation", "n_authors", "upvotes")
_OPTIONS, _BARS, _REFUSALS = 200, 8, 100
_PHASES = ("reading", "indexing", "fetching")
_KINDS = ("ingest", "remove", "split")


def sheet_html(page: Page, sheet: Sheet, say: Wording) -> str:
    """Render a page of the table, its columns sortable, and the way to the other pages."""
    if not page.total:
        return f'<p class="fp-empty">{escape(say("catalogue.none"))}</p>'
    heads = "".join(_head(column, sheet, say) for column in _COLUMNS)
    rows = "".join(_row(facts, page.sources.get(facts.paper_id, []), say) for facts in page.papers)
    way = "down" if sheet.descending else "up"
    caption = say(f"catalogue.caption.{way}", column=say(f"column.{sheet.sort}"))
    return (
        f'<table class="fp-sheet"><caption class="fp-unseen">{escape(caption)}</caption>'
        f'<thead><tr>{heads}<th scope="col">{escape(say("column.source"))}</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{_pages(page, sheet, say)}"
    )


def _head(column: Column, sheet: Sheet, say: Wording) -> str:
    state, sign = "none", ""
    if column == sheet.sort:
        state, sign = ("descending", "▼") if sheet.descending else ("ascending", "▲")
    return (
        f'<th scope="col" aria-sort="{state}"><button type="button" data-sort="{column}">'
        f"{escape(say(f'column.{column}'))}"
        f' <span aria-hidden="true">{sign}</span></button></th>'
    )


def _row(facts: Facts, sources: Sequence[str], say: Wording) -> str:
    more = f" +{len(sources) - 2}" if len(sources) > 2 else ""
    withdrawn = f' <b class="fp-notice">{escape(say("withdrawn"))}</b>'
    notice = withdrawn if facts.withdrawn else ""
    values = {
        "date": facts.date,
        "organisation": facts.organisation,
        "n_authors": facts.n_authors,
        "upvotes": facts.upvotes,
        "source": ", ".join(sources[:2]) + more,
    }
    cells = "".join(_cell(say(f"column.{name}"), value) for name, value in values.items())
    return (
        f'<tr><th scope="row"><button type="button" class="fp-open" data-paper='
        f'"{escape(facts.paper_id)}">{escape(facts.title)}</button>{notice}</th>{cells}</tr>'
    )


def _cell(name: str, value: object) -> str:
    text = "" if value is None else escape(str(value))
    return f'<td data-name="{escape(name)}"{"" if text else " class=fp-none"}>{text}</td>'


def _pages(page: Page, sheet: Sheet, say: Wording) -> str:
    last = min(sheet.offset + sheet.limit, page.total)
    before, after = sheet.offset > 0, last < page.total
    if not (before or after):
        return ""
    span = say(
        "catalogue.span", first=f"{sheet.offset + 1:,}", last=f"{last:,}", total=f"{page.total:,}"
    )
    return (
        f'<nav class="fp-pages" aria-label="{escape(say("catalogue.pages"))}">'
        f'<button type="button" data-offset="{max(sheet.offset - sheet.limit, 0)}"'
        f"{'' if before else ' disabled'}>{escape(say('previous'))}</button>"
        f"<span>{span}</span>"
        f'<button type="button" data-offset="{last}"{"" if after else " disabled"}>'
        f"{escape(say('following'))}</button>"
        "</nav>"
    )


def options_html(tally: Tally, first: str) -> str:
    """Render the choices of a filter, most papers first."""
    named = [(name, n) for name, n in tally if name is not None][:_OPTIONS]
    rest = "".join(f'<option value="{escape(i)}">{escape(i)} ({n:,})</option>' for i, n in named)
    return f'<option value="">{escape(first)}</option>{rest}'


def growth_html(years: Tally, organisations: Tally, sources: Tally, say: Wording) -> str:
    """Render how many papers there are by year, organisation and source."""
    dated = [(name, n) for name, n in years if name is not None]
    undated = sum(n for name, n in years if name is None)
    title = say("growth.undated", undated) if undated else say("growth.year")
    n_unknown = sum(n for name, n in organisations if name is None)
    known = len(organisations) > 1 and n_unknown
    by = say("growth.unknown", count=f"{n_unknown:,}") if known else say("growth.organisation")
    return (
        columns(title, _every_year(dated), say)
        + _bars(by, organisations, say)
        + _bars(say("growth.source"), sources, say)
    )


def _every_year(dated: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Fill in the years without a paper, so that the axis is one of time."""
    if not dated:
        return []
    counts = dict(dated)
    first, last = int(dated[0][0]), int(dated[-1][0])
    years = range(max(first, last - 99), last + 1)
    return [(str(year), counts.get(f"{year:04}", 0)) for year in years]


def _bars(title: str, tally: Tally, say: Wording) -> str:
    named = [(name, float(n), f"{n:,}") for name, n in tally if name is not None]
    rows = named[:_BARS]
    if len(named) > _BARS:
        n_rest = int(sum(n for _, n, _ in named[_BARS:]))
        rows.append((say("growth.others", count=f"{len(named) - _BARS:,}"), n_rest, f"{n_rest:,}"))
    return bars(title, rows, say)


def shown_html(shown: Shown, say: Wording, *, writable: bool) -> str:
    """Render a paper's own page: what it is, where it was seen, why it is one, what is like it."""
    paper = shown.paper
    said = withdrawal((paper.notice or "") if paper.withdrawn else None)
    notice = f'<p class="fp-notice" role="note">{escape(said)}</p>' if said else ""
    authors = f'<p class="fp-authors">{escape(", ".join(paper.authors))}</p>'
    return (
        f'<button type="button" class="fp-back">← {escape(say("all_papers"))}</button>'
        f'<h3 tabindex="-1">{escape(paper.title)}</h3>'
        f'<p class="fp-facts">{escape(facts_text(paper, say))}</p>'
        f"{authors if paper.authors else ''}{notice}"
        f'<p class="fp-abstract">{escape(paper.abstract)}</p>'
        f'<p class="fp-links">{_links(paper, say)}</p>{_records_html(shown.explanation, say)}'
        f"{_changes_html(shown, writable, say)}{_similar_html(shown, say)}"
    )


def _links(paper: Paper, say: Wording) -> str:
    links: list[tuple[str, str]] = []
    if paper.url and paper.url.startswith(("https://", "http://")):
        links.append((paper.url, say("own_page")))
    if paper.arxiv_id:
        version = f"v{paper.version_number}" if paper.version_number else ""
        links.append((f"https://arxiv.org/abs/{paper.arxiv_id}{version}", "arXiv"))
    if paper.doi:
        links.append((f"https://doi.org/{paper.doi}", "DOI"))
    if not links:
        links.append(
            (f"https://scholar.google.com/scholar?q={quote_plus(paper.title)}", say("search_title"))
        )
    return " ".join(
        f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{escape(name)} '
        '<span aria-hidden="true">↗</span><span class="fp-unseen"> '
        f"{escape(say('new_tab'))}</span></a>"
        for url, name in links
    )


def _records_html(explanation: Explanation, say: Wording) -> str:
    rows = "".join(
        f"<tr><td>{record.number}</td><td>{escape(seen_in(record.source, record.day))}</td>"
        f"<td>{escape(record.title)}</td><td>{escape(_version(record))}</td></tr>"
        for record in explanation.records
    )
    joins = "".join(f"<li>{escape(joined_text(join))}</li>" for join in explanation.joins)
    why = f"<p>{escape(say('why_one'))}</p><ul>{joins}</ul>" if joins else ""
    where = escape(say("seen_where"))
    heads = "".join(
        f'<th scope="col">{escape(say(key))}</th>' for key in ("seen_in", "title_there", "version")
    )
    return (
        f'<h4>{where}</h4><div class="fp-scroll" tabindex="0" role="region" aria-label="{where}">'
        f'<table class="fp-plain"><thead><tr><th scope="col">#</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{why}"
    )


def _version(record: Any) -> str:  # noqa: ANN401 - a `SeenRecord`
    version = f"v{record.version_number}" if record.version_number else ""
    named = [
        f"arXiv:{record.arxiv_id}{version}" if record.arxiv_id else version,
        f"doi:{record.doi}" if record.doi else "",
        f"key {record.cite_key}" if record.cite_key else "",
    ]
    return ", ".join(filter(None, named)) or "–"


def _changes_html(shown: Shown, writable: bool, say: Wording) -> str:
    if not writable:
        return ""
    n_records = len(shown.explanation.records)
    split = (
        '<button type="button" data-do="split" data-ask="'
        f'{escape(say("really_split", count=f"{n_records:,}"))}">{escape(say("split"))}</button>'
    )
    return (
        f'<p class="fp-changes">{split if n_records > 1 else ""}'
        '<button type="button" class="fp-danger" data-do="remove" data-ask="'
        f'{escape(say("really_remove"))}">{escape(say("take_out"))}</button></p>'
    )


def _similar_html(shown: Shown, say: Wording) -> str:
    rows = "".join(
        f'<li><button type="button" class="fp-open" data-paper="{escape(paper.paper_id)}">'
        f'{escape(paper.title)}</button> <span class="fp-muted">{cosine:.2f}</span></li>'
        for paper, cosine in shown.similar
    )
    return f"<h4>{escape(say('similar'))}</h4><ul>{rows}</ul>" if rows else ""


def job_html(job: Job, say: Wording) -> str:
    """Render how far a job is, or what came of it."""
    kind = job.kind if job.kind in _KINDS else "other"
    what = say(f"job.{kind}", what=job.label)
    if not job.is_over:
        return _running_html(job, what, say)
    dismiss = f'<button type="button" class="fp-dismiss">{escape(say("dismiss"))}</button>'
    return f'<div class="fp-job fp-{job.state}">{_ended_html(job, what, say)}{dismiss}</div>'


def _running_html(job: Job, what: str, say: Wording) -> str:
    said = [_far_text(job, say), _rate_text(job.rate, say), _left_text(job.seconds_left, say)]
    value = f' value="{job.done}" max="{max(job.total, 1)}"' if job.total is not None else ""
    button = f'<button type="button" class="fp-cancel">{escape(say("cancel"))}</button>'
    cancel = button if job.kind == "ingest" else ""
    if job.state == "cancelling":
        said, cancel = [say("job.cancelling")], ""
    return (
        f'<div class="fp-job fp-running"><p><b>{escape(what)}</b></p>'
        f'<progress aria-label="{escape(what)}"{value}></progress>'
        f"<p>{escape(' · '.join(filter(None, said)))}</p>{cancel}</div>"
    )


def _far_text(job: Job, say: Wording) -> str:
    if not job.phase:
        return say("job.starting")
    phase = say(f"job.{job.phase}") if job.phase in _PHASES else job.phase.capitalize()
    if job.total is None:
        return say("job.far", phase=phase, done=f"{job.done:,}")
    return say("job.far_of", phase=phase, done=f"{job.done:,}", total=f"{job.total:,}")


def _rate_text(rate: float | None, say: Wording) -> str:
    if not rate:
        return ""
    slow = say("job.a_minute", count=f"{rate * 60:,.0f}")
    return say("job.a_second", count=f"{rate:,.0f}") if rate >= 1 else slow


def _left_text(seconds: float | None, say: Wording) -> str:
    if seconds is None:
        return ""
    if seconds >= 90:
        return say("job.minutes", count=f"{seconds / 60:,.0f}")
    return say("job.seconds", count=f"{max(seconds, 1):.0f}")


def _ended_html(job: Job, what: str, say: Wording) -> str:
    if job.state == "failed":
        why = escape(say("job.failed", why=job.error or ""))
        return f'<p role="alert"><b>{escape(what)}</b> {why}</p>'
    if isinstance(job.result, Undone):
        n = job.result.taken_back
        said = [say("job.stay"), say("job.taken_back", n) if n else ""]
        stay = escape(" ".join(filter(None, said)))
        return f"<p><b>{escape(say('job.cancelled'))}</b> {stay}</p>"
    if isinstance(job.result, IngestReport):
        return _report_html(job.result, job.label, say)
    done = {
        "remove": say("job.removed", what=job.label),
        "split": say("job.split_into", count=str(job.result), what=job.label),
    }
    return f"<p><b>{escape(done.get(job.kind) or say('job.done', what=job.label))}</b></p>"


def _report_html(report: IngestReport, label: str, say: Wording) -> str:
    n_refused = report.refused_count + report.refused_sources
    counts = say(
        "job.counts",
        added=f"{report.added:,}",
        updated=f"{report.updated:,}",
        unchanged=f"{report.unchanged:,}",
        refused=f"{n_refused:,}",
        seconds=f"{report.seconds:,.0f}",
    )
    items = "".join(
        f"<li><b>{escape(f'{r.source}: {r.record}' if r.record else r.source)}</b>: "
        f"{escape(r.reason)}</li>"
        for r in report.refused[:_REFUSALS]
    )
    n_more = n_refused - min(len(report.refused), _REFUSALS)
    more = f"<li>{escape(say('job.more', count=f'{n_more:,}'))}</li>" if n_more > 0 else ""
    refused = (
        f"<details><summary>{escape(say('job.refused', count=f'{n_refused:,}'))}</summary>"
        f"<ul>{items}{more}</ul></details>"
    )
    return f"<p><b>{escape(label)}</b>: {escape(counts)}.</p>{refused if n_refused else ''}"


def frame_html(*, writable: bool, upload_mb: float) -> str:
    """Render what stands still: the filters, the form to add papers, and room for all else.

    The script puts its words in, where `data-say` names them.
    """
    add = (
        f"""<section class="fp-box fp-add"><h3 data-say="add"></h3>
<form><div class="fp-drop"><label><span data-say="add.files"></span>
<input type="file" name="files" multiple></label>
<span class="fp-muted fp-limit" data-size="{upload_mb:g}"></span></div>
<label><span data-say="add.service"></span> <input name="query" placeholder="arxiv:2309.06180"
autocomplete="off" spellcheck="false" aria-describedby="fp-query-help"></label>
<p class="fp-muted" id="fp-query-help"><code>arxiv:cat:cs.DC 2025-01-01..2025-01-07</code>
<code>hf:2025-01-01..2025-01-07</code></p>
<button type="submit" class="fp-primary" data-say="add.do"></button></form></section>"""
        if writable
        else ""
    )
    return f"""<div class="fp-tab fp-papers">
<h2 class="fp-unseen" data-say="tab.papers"></h2>
<div class="fp-jobs" role="status"></div>
<p class="fp-error" role="alert" hidden></p>
<div class="fp-columns"><div class="fp-main">
<div class="fp-list"><form class="fp-filters" role="search" data-say-label="tab.papers">
<label class="fp-wide"><span data-say="search"></span> <input type="search" name="text"
maxlength="500" autocomplete="off" data-say-placeholder="search.what"></label>
<label><span data-say="organisation"></span> <select name="organisation"></select></label>
<label><span data-say="source"></span> <select name="source"></select></label>
<label><span data-say="from"></span> <input type="date" name="since"></label>
<label><span data-say="to"></span> <input type="date" name="until"></label>
<label class="fp-check"><input type="checkbox" name="undated">
<span data-say="without_date"></span></label>
<button type="reset" data-say="clear"></button></form>
<p class="fp-count" role="status"></p><div class="fp-table"></div></div>
<article class="fp-shown" hidden></article></div>
<aside class="fp-side" data-say-label="adding_and_growth">{add}
<section class="fp-box"><h3 data-say="growth"></h3><div class="fp-growth"></div></section></aside>
</div><dialog class="fp-dialog" data-say-label="sure"><p></p><form method="dialog">
<button value="no" data-say="keep_as_is"></button>
<button value="yes" class="fp-danger" data-say="go_on"></button>
</form></dialog></div>"""
