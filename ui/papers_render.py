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
from footnote.ui.jobs import Job
from footnote.ui.plots import bars, columns
from footnote.ui.render import arxiv_name, joined_text, seen_in, withdrawal
from footnote.ui.shelf import Page, Shown, Undone

Tally = Sequence[tuple[str | None, int]]

_COLUMNS: dict[Column, str] = {
    "title": "Title",
    "date": "Date",
    "organisation": "Organisation",
    "n_authors": "Authors",
    "upvotes": "Upvotes",
}
_OPTIONS, _BARS, _REFUSALS = 200, 8, 100
_DOING = {"reading": "Reading", "indexing": "Indexing", "fetching": "Fetching"}
_KINDS = {"ingest": "Adding", "remove": "Removing", "split": "Splitting"}


def sheet_html(page: Page, sheet: Sheet) -> str:
    """Render a page of the table, its columns sortable, and the way to the other pages."""
    if not page.total:
        return '<p class="fp-empty">No paper is like that. Clear the filters to see all.</p>'
    heads = "".join(_head(column, name, sheet) for column, name in _COLUMNS.items())
    rows = "".join(_row(facts, page.sources.get(facts.paper_id, [])) for facts in page.papers)
    return (
        '<table class="fp-sheet"><caption class="fp-unseen">Papers, sorted by '
        f"{_COLUMNS[sheet.sort].lower()}, {'largest' if sheet.descending else 'smallest'} first"
        f'</caption><thead><tr>{heads}<th scope="col">Source</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{_pages(page, sheet)}"
    )


def _head(column: Column, name: str, sheet: Sheet) -> str:
    state, sign = "none", ""
    if column == sheet.sort:
        state, sign = ("descending", "▼") if sheet.descending else ("ascending", "▲")
    return (
        f'<th scope="col" aria-sort="{state}"><button type="button" data-sort="{column}">{name}'
        f' <span aria-hidden="true">{sign}</span></button></th>'
    )


def _row(facts: Facts, sources: Sequence[str]) -> str:
    more = f" +{len(sources) - 2}" if len(sources) > 2 else ""
    notice = ' <b class="fp-notice">withdrawn</b>' if facts.withdrawn else ""
    values = {
        "Date": facts.date,
        "Organisation": facts.organisation,
        "Authors": facts.n_authors,
        "Upvotes": facts.upvotes,
        "Source": ", ".join(sources[:2]) + more,
    }
    cells = "".join(
        f'<td data-name="{name}"{"" if value not in (None, "") else " class=fp-none"}>'
        f"{escape(str('' if value is None else value))}</td>"
        for name, value in values.items()
    )
    return (
        f'<tr><th scope="row"><button type="button" class="fp-open" data-paper='
        f'"{escape(facts.paper_id)}">{escape(facts.title)}</button>{notice}</th>{cells}</tr>'
    )


def _pages(page: Page, sheet: Sheet) -> str:
    last = min(sheet.offset + sheet.limit, page.total)
    before, after = sheet.offset > 0, last < page.total
    if not (before or after):
        return ""
    return (
        '<nav class="fp-pages" aria-label="Pages of the table">'
        f'<button type="button" data-offset="{max(sheet.offset - sheet.limit, 0)}"'
        f"{'' if before else ' disabled'}>Previous</button>"
        f"<span>{sheet.offset + 1:,}–{last:,} of {page.total:,}</span>"
        f'<button type="button" data-offset="{last}"{"" if after else " disabled"}>Next</button>'
        "</nav>"
    )


def options_html(tally: Tally, first: str) -> str:
    """Render the choices of a filter, most papers first."""
    named = [(name, n) for name, n in tally if name is not None][:_OPTIONS]
    rest = "".join(f'<option value="{escape(i)}">{escape(i)} ({n:,})</option>' for i, n in named)
    return f'<option value="">{escape(first)}</option>{rest}'


def growth_html(years: Tally, organisations: Tally, sources: Tally) -> str:
    """Render how many papers there are by year, organisation and source."""
    dated = [(name, n) for name, n in years if name is not None]
    undated = sum(n for name, n in years if name is None)
    without = f", and {undated:,} without a date" if undated else ""
    return (
        columns(f"Papers by year{without}", _every_year(dated))
        + _bars("Papers by organisation", organisations, "not known")
        + _bars("Papers by source", sources, "")
    )


def _every_year(dated: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """Fill in the years without a paper, so that the axis is one of time."""
    if not dated:
        return []
    counts = dict(dated)
    first, last = int(dated[0][0]), int(dated[-1][0])
    years = range(max(first, last - 99), last + 1)
    return [(str(year), counts.get(f"{year:04}", 0)) for year in years]


def _bars(title: str, tally: Tally, unknown: str) -> str:
    named = [(name, float(n), f"{n:,}") for name, n in tally if name is not None]
    rows = named[:_BARS]
    if len(named) > _BARS:
        n_rest = int(sum(n for _, n, _ in named[_BARS:]))
        rows.append((f"{len(named) - _BARS:,} others", n_rest, f"{n_rest:,}"))
    n_unknown = sum(n for name, n in tally if name is None)
    what = f"{title}; {n_unknown:,} {unknown}" if n_unknown and rows else title
    return bars(what, rows)


def shown_html(shown: Shown, *, writable: bool) -> str:
    """Render a paper's own page: what it is, where it was seen, why it is one, what is like it."""
    paper = shown.paper
    facts = [
        f"{paper.date}{', year inferred' * paper.date_inferred}" if paper.date else "no date",
        f"{paper.n_authors} author{'s' * (paper.n_authors > 1)}" if paper.n_authors else None,
        paper.organisation,
        f"{paper.upvotes:,} upvote{'s' * (paper.upvotes > 1)}" if paper.upvotes else None,
        arxiv_name(paper),
        f"doi:{paper.doi}" if paper.doi else None,
    ]
    said = withdrawal((paper.notice or "") if paper.withdrawn else None)
    notice = f'<p class="fp-notice" role="note">{escape(said)}</p>' if said else ""
    authors = f'<p class="fp-authors">{escape(", ".join(paper.authors))}</p>'
    return (
        '<button type="button" class="fp-back">← All papers</button>'
        f'<h3 tabindex="-1">{escape(paper.title)}</h3>'
        f'<p class="fp-facts">{escape(" · ".join(filter(None, facts)))}</p>'
        f"{authors if paper.authors else ''}{notice}"
        f'<p class="fp-abstract">{escape(paper.abstract)}</p>'
        f'<p class="fp-links">{_links(paper)}</p>'
        f"{_records_html(shown.explanation)}{_changes_html(shown, writable)}{_similar_html(shown)}"
    )


def _links(paper: Paper) -> str:
    links: list[tuple[str, str]] = []
    if paper.url and paper.url.startswith(("https://", "http://")):
        links.append((paper.url, "Its own page"))
    if paper.arxiv_id:
        version = f"v{paper.version_number}" if paper.version_number else ""
        links.append((f"https://arxiv.org/abs/{paper.arxiv_id}{version}", "arXiv"))
    if paper.doi:
        links.append((f"https://doi.org/{paper.doi}", "DOI"))
    if not links:
        links.append(
            (f"https://scholar.google.com/scholar?q={quote_plus(paper.title)}", "Find its title")
        )
    return " ".join(
        f'<a href="{escape(url)}" target="_blank" rel="noopener noreferrer">{escape(name)} '
        '<span aria-hidden="true">↗</span><span class="fp-unseen"> (new tab)</span></a>'
        for url, name in links
    )


def _records_html(explanation: Explanation) -> str:
    rows = "".join(
        f"<tr><td>{record.number}</td><td>{escape(seen_in(record.source, record.day))}</td>"
        f"<td>{escape(record.title)}</td><td>{escape(_version(record))}</td></tr>"
        for record in explanation.records
    )
    joins = "".join(f"<li>{escape(joined_text(join))}</li>" for join in explanation.joins)
    why = f"<p>Why they are one paper:</p><ul>{joins}</ul>" if joins else ""
    return (
        '<h4>Where it was seen</h4><div class="fp-scroll" tabindex="0" role="region" '
        'aria-label="Where it was seen"><table class="fp-plain"><thead><tr><th scope="col">#</th>'
        '<th scope="col">Seen in</th><th scope="col">Title there</th><th scope="col">Version</th>'
        f"</tr></thead><tbody>{rows}</tbody></table></div>{why}"
    )


def _version(record: Any) -> str:  # noqa: ANN401 - a `SeenRecord`
    version = f"v{record.version_number}" if record.version_number else ""
    named = [
        f"arXiv:{record.arxiv_id}{version}" if record.arxiv_id else version,
        f"doi:{record.doi}" if record.doi else "",
        f"key {record.cite_key}" if record.cite_key else "",
    ]
    return ", ".join(filter(None, named)) or "–"


def _changes_html(shown: Shown, writable: bool) -> str:
    if not writable:
        return ""
    n_records = len(shown.explanation.records)
    split = (
        '<button type="button" data-do="split" data-ask="Make the records of this paper papers of '
        f"their own, for good? Those with the same text stay together. It has {n_records} records."
        '">Split …</button>'
    )
    return (
        f'<p class="fp-changes">{split if n_records > 1 else ""}'
        '<button type="button" class="fp-danger" data-do="remove" data-ask="Remove this paper from '
        'the index? Adding its source again brings it back.">Remove …</button></p>'
    )


def _similar_html(shown: Shown) -> str:
    rows = "".join(
        f'<li><button type="button" class="fp-open" data-paper="{escape(paper.paper_id)}">'
        f'{escape(paper.title)}</button> <span class="fp-muted">{cosine:.2f}</span></li>'
        for paper, cosine in shown.similar
    )
    return f"<h4>Similar papers</h4><ul>{rows}</ul>" if rows else ""


def job_html(job: Job) -> str:
    """Render how far a job is, or what came of it."""
    what = f"{_KINDS.get(job.kind, job.kind)} {job.label}"
    if not job.is_over:
        return _running_html(job, what)
    dismiss = '<button type="button" class="fp-dismiss">Dismiss</button>'
    return f'<div class="fp-job fp-{job.state}">{_ended_html(job, what)}{dismiss}</div>'


def _running_html(job: Job, what: str) -> str:
    doing = _DOING.get(job.phase, job.phase.capitalize() or "Starting")
    of = f" of {job.total:,}" if job.total is not None else ""
    said = [
        f"{doing} {job.done:,}{of}" if job.phase else f"{doing} …",
        _rate_text(job.rate),
        _left_text(job.seconds_left),
    ]
    value = f' value="{job.done}" max="{max(job.total, 1)}"' if job.total is not None else ""
    cancel = (
        '<button type="button" class="fp-cancel">Cancel</button>' if job.kind == "ingest" else ""
    )
    if job.state == "cancelling":
        said, cancel = ["Cancelling: what is being written is finished first …"], ""
    return (
        f'<div class="fp-job fp-running"><p><b>{escape(what)}</b></p>'
        f'<progress aria-label="{escape(what)}"{value}></progress>'
        f"<p>{escape(' · '.join(filter(None, said)))}</p>{cancel}</div>"
    )


def _rate_text(rate: float | None) -> str:
    if not rate:
        return ""
    return f"{rate:,.0f} a second" if rate >= 1 else f"{rate * 60:,.0f} a minute"


def _left_text(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds / 60:,.0f} min left" if seconds >= 90 else f"{max(seconds, 1):.0f} s left"


def _ended_html(job: Job, what: str) -> str:
    if job.state == "failed":
        return f'<p role="alert"><b>{escape(what)}</b> failed: {escape(job.error or "")}</p>'
    if isinstance(job.result, Undone):
        n = job.result.taken_back
        left = f" {n:,} that were read and not indexed yet were taken back." if n else ""
        return f"<p><b>Cancelled.</b> Papers that were indexed stay.{left}</p>"
    if isinstance(job.result, IngestReport):
        return _report_html(job.result, job.label)
    done = {"remove": "Removed", "split": f"Split into {job.result} papers:"}
    return f"<p><b>{escape(done.get(job.kind, 'Done:'))} {escape(job.label)}</b></p>"


def _report_html(report: IngestReport, label: str) -> str:
    n_refused = report.refused_count + report.refused_sources
    counts = (
        f"{report.added:,} added, {report.updated:,} updated, {report.unchanged:,} unchanged, "
        f"{n_refused:,} refused, in {report.seconds:,.0f} s"
    )
    items = "".join(
        f"<li><b>{escape(f'{r.source}: {r.record}' if r.record else r.source)}</b>: "
        f"{escape(r.reason)}</li>"
        for r in report.refused[:_REFUSALS]
    )
    n_more = n_refused - min(len(report.refused), _REFUSALS)
    more = f"<li>and {n_more:,} more</li>" if n_more > 0 else ""
    refused = (
        f"<details><summary>What was refused, and why ({n_refused:,})</summary>"
        f"<ul>{items}{more}</ul></details>"
    )
    return f"<p><b>{escape(label)}</b>: {counts}.</p>{refused if n_refused else ''}"


def frame_html(*, writable: bool, upload_mb: float) -> str:
    """Render what stands still: the filters, the form to add papers, and room for all else."""
    add = (
        f"""<section class="fp-box fp-add"><h3>Add papers</h3>
<form><div class="fp-drop"><label>Files: BibTeX, RIS, CSL-JSON, CSV, JSONL, listing pages
<input type="file" name="files" multiple></label>
<span class="fp-muted">or drop them here, up to {upload_mb:g} MB each</span></div>
<label>Ask a service for some <input name="query" placeholder="arxiv:2309.06180" autocomplete="off"
spellcheck="false" aria-describedby="fp-query-help"></label>
<p class="fp-muted" id="fp-query-help"><code>arxiv:cat:cs.DC 2025-01-01..2025-01-07</code>
<code>hf:2025-01-01..2025-01-07</code></p>
<button type="submit" class="fp-primary">Add</button></form></section>"""
        if writable
        else ""
    )
    return f"""<div class="fp-tab fp-papers">
<h2 class="fp-unseen">Papers</h2>
<div class="fp-jobs" role="status"></div>
<p class="fp-error" role="alert" hidden></p>
<div class="fp-columns"><div class="fp-main">
<div class="fp-list"><form class="fp-filters" role="search" aria-label="Papers">
<label class="fp-wide">Search <input type="search" name="text" maxlength="500" autocomplete="off"
placeholder="Title, author or words"></label>
<label>Organisation <select name="organisation"></select></label>
<label>Source <select name="source"></select></label>
<label>From <input type="date" name="since"></label>
<label>To <input type="date" name="until"></label>
<label class="fp-check"><input type="checkbox" name="undated"> Without a date</label>
<button type="reset">Clear</button></form>
<p class="fp-count" role="status"></p><div class="fp-table"></div></div>
<article class="fp-shown" hidden></article></div>
<aside class="fp-side" aria-label="Adding and growth">{add}
<section class="fp-box"><h3>Growth</h3><div class="fp-growth"></div></section></aside></div>
<dialog class="fp-dialog" aria-label="Are you sure?"><p></p><form method="dialog">
<button value="no">Keep it as it is</button><button value="yes" class="fp-danger">Go on</button>
</form></dialog></div>"""
