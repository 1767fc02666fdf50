"""Render the Quality tab: reports, their questions, what readers said. All text is escaped."""

from collections import Counter
from collections.abc import Mapping, Sequence
from html import escape

from footnote.eval.metrics import Mean
from footnote.eval.report import ANSWERING, EvalReport
from footnote.rag.core.records import Answer
from footnote.ui.feedback import Refused, Said, Shown
from footnote.ui.plots import bars, line
from footnote.ui.reports import Judged, Listed

_HEADLINE = ("nDCG@10", "R@10", "Success@1", "fact recall", "answered", "refused")
_BY_KIND = ("nDCG@10", "R@10", "fact recall", "answered", "refused")
_SAID, _REFUSED, _CURVE_POINTS = 50, 100, 40
_PAPER_GRADES = {0: "not relevant", 1: "relevant", 2: "answers"}


def frame_html() -> str:
    """Render what stands still, and room for all else."""
    return (
        '<div class="fp-tab fp-quality"><h2 class="fp-unseen">Quality</h2>'
        '<p class="fp-error" role="alert" hidden></p><div class="fp-list">'
        '<div class="fp-reports"></div><div class="fp-report"></div><div class="fp-readers"></div>'
        '</div><article class="fp-shown" hidden></article></div>'
    )


def reports_html(listed: Sequence[Listed], folder: str) -> str:
    """Render the list of reports, newest first."""
    if not listed:
        return (
            f"<h3>Evaluation</h3><p>No report in <code>{escape(folder)}</code> yet. Measure with "
            f"<code>footnote eval QUESTIONS.jsonl --out {escape(folder)}/NAME</code>.</p>"
        )
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in _HEADLINE)
    rows = "".join(_report_row(each) for each in listed)
    return (
        '<h3>Evaluation</h3><div class="fp-scroll" tabindex="0" role="region" aria-label="Reports">'
        '<table class="fp-plain"><thead><tr><th scope="col">Report</th><th scope="col">When</th>'
        f'<th scope="col">System</th><th scope="col">Questions</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _report_row(listed: Listed) -> str:
    report = listed.report
    means = report.means.get("all", {})
    cells = "".join(f"<td>{_number(means.get(name))}</td>" for name in _HEADLINE)
    name = report.dataset if listed.name == "." else listed.name
    return (
        f'<tr><th scope="row"><button type="button" class="fp-open" data-report='
        f'"{escape(listed.name)}">{escape(name)}</button></th>'
        f'<td class="fp-when">{listed.at:%Y-%m-%d %H:%M}</td><td>{escape(report.system)}</td>'
        f"<td>{report.n_questions:,}</td>{cells}</tr>"
    )


def _number(mean: Mean | None) -> str:
    return "–" if mean is None else f"{mean.mean:.3f}"


def report_html(name: str, report: EvalReport, questions: Mapping[str, str]) -> str:
    """Render one report: its means by kind, its plots, and its questions, the worst first."""
    title = report.dataset if name == "." else name
    about = (
        f"{report.n_questions:,} questions of {report.dataset}, system {report.system}, commit "
        f"{report.commit or 'unknown'}, settings {report.settings}; "
        f"a search takes {report.latency_ms.get('search', {}).get('p50', 0):.0f} ms in the median"
    )
    return (
        f'<h3 tabindex="-1">{escape(title)}</h3><p class="fp-muted">{escape(about)}.</p>'
        f'<div class="fp-plots">{_kind_plots(report)}{_risk_plot(report)}</div>'
        f"{_means_html(report)}{_questions_html(name, report, questions)}"
    )


def _kind_plots(report: EvalReport) -> str:
    return "".join(
        bars(f"{measure} by kind", rows, measure)
        for measure in _BY_KIND
        if len(rows := _by_kind(report, measure)) > 1
    )


def _by_kind(report: EvalReport, measure: str) -> list[tuple[str, float, str]]:
    found = [(kind, means[measure]) for kind, means in report.means.items() if measure in means]
    return [(kind, mean.mean, f"{mean.mean:.2f} (n = {mean.n:,})") for kind, mean in found]


def _risk_plot(report: EvalReport) -> str:
    if not report.confidence:
        return ""
    curve = report.confidence.curve
    step = max(len(curve) // _CURVE_POINTS, 1)
    return line(
        f"Risk by coverage; area {report.confidence.area:.3f}",
        ("share of questions let through", "risk"),
        [*curve[step - 1 :: step]],
    )


def _means_html(report: EvalReport) -> str:
    every = report.means.get("all", {})
    names = [n for n in every if n in ANSWERING or n in _HEADLINE or n in ("R@100", "RR")]
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{escape(kind)}</th>'
        f"{''.join(_mean_cell(means.get(name)) for name in names)}</tr>"
        for kind, means in report.means.items()
    )
    return (
        "<details><summary>All means by kind, with 95% intervals</summary>"
        '<div class="fp-scroll" tabindex="0" role="region" aria-label="Means by kind">'
        f'<table class="fp-plain"><thead><tr><th scope="col">Kind</th>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )


def _mean_cell(mean: Mean | None) -> str:
    if mean is None:
        return "<td>–</td>"
    return f"<td>{mean.mean:.3f} <small>{mean.low:.2f}–{mean.high:.2f}</small></td>"


def _questions_html(name: str, report: EvalReport, questions: Mapping[str, str]) -> str:
    if not questions:
        return '<p class="fp-muted">Its answers are not beside it.</p>'
    ndcg = report.values.get("nDCG@10", {})
    right = {**report.values.get("answered", {}), **report.values.get("refused", {})}
    ordered = sorted(questions, key=lambda q: (right.get(q, 1.0), ndcg.get(q, 2.0), q))
    rows = "".join(
        f'<tr><th scope="row"><button type="button" class="fp-open" data-question="{escape(i)}" '
        f'data-of="{escape(name)}">{escape(questions[i])}</button></th><td>{escape(i)}</td>'
        f"<td>{'–' if i not in ndcg else f'{ndcg[i]:.2f}'}</td>"
        f"<td>{_outcome(i, report)}</td></tr>"
        for i in ordered
    )
    return (
        f"<h4>Questions, the worst first</h4>"
        '<div class="fp-scroll" tabindex="0" role="region" aria-label="Questions">'
        '<table class="fp-plain"><thead><tr><th scope="col">Question</th><th scope="col">Id</th>'
        f'<th scope="col">nDCG@10</th><th scope="col">Outcome</th></tr></thead><tbody>{rows}'
        "</tbody></table></div>"
    )


def _outcome(question_id: str, report: EvalReport) -> str:
    for name, good, bad in (
        ("answered", "answered", "refused, has an answer"),
        ("refused", "refused rightly", "answered, has none"),
    ):
        if (value := report.values.get(name, {}).get(question_id)) is not None:
            return good if value else f'<b class="fp-notice">{bad}</b>'
    return "–"


def judged_html(judged: Judged, titles: Mapping[str, str]) -> str:
    """Render a question of a report with its answer and the judged papers."""
    rows = "".join(
        f"<tr><td>{_title_html(paper_id, titles)}</td>"
        f"<td>{escape(_PAPER_GRADES.get(grade, f'grade {grade}'))}</td>"
        f"<td>{judged.ranks.get(paper_id, 'not found')}</td></tr>"
        for paper_id, grade in sorted(judged.relevant.items(), key=lambda pair: -pair[1])
    )
    papers = (
        '<table class="fp-plain"><thead><tr><th scope="col">Paper</th><th scope="col">Judged</th>'
        f'<th scope="col">Found at rank</th></tr></thead><tbody>{rows}</tbody></table>'
        if rows
        else "<p>None: the papers hold no answer, or the report is of an earlier version.</p>"
    )
    about = [judged.kind, f"after: {' / '.join(judged.history)}" if judged.history else ""]
    kind = f'<p class="fp-facts">{escape(" · ".join(filter(None, about)))}</p>'
    return (
        '<button type="button" class="fp-back">← All questions</button>'
        f'<h3 tabindex="-1">{escape(judged.question)}</h3>{kind}'
        f"<h4>What was answered</h4>{_answer_html(judged)}<h4>Judged papers</h4>{papers}"
    )


def _answer_html(judged: Judged) -> str:
    answer = judged.answer
    if answer is None:
        return f'<p class="fp-notice">{escape(judged.error or "nothing")}</p>'
    if answer.refused:
        nearest = "".join(
            f"<li><b>{escape(n.title)}</b>: {escape(n.quote)}</li>" for n in answer.nearest
        )
        return f"<p><b>Refused.</b> {escape(answer.reason or '')}</p><ul>{nearest}</ul>"
    sources = "".join(f'<li value="{s.marker}">{escape(s.title)}</li>' for s in answer.sources)
    return f"<p>{escape(_running(answer))}</p><ol>{sources}</ol>"


def _running(answer: Answer) -> str:
    said = [
        " ".join([s.text, *dict.fromkeys(f"[{c.marker}]" for c in s.citations)])
        for s in answer.sentences
    ]
    return " ".join(said) or answer.answer


def _title_html(paper_id: str, titles: Mapping[str, str]) -> str:
    title = titles.get(paper_id)
    return escape(title) if title else f"<code>{escape(paper_id)}</code> (not in this index)"


def readers_html(said: Sequence[Said], refused: Sequence[Refused], *, keeps: bool) -> str:
    """Render what readers said of answers, and what was refused lately, newest first."""
    counts = Counter(each.verdict for each in said)
    tally = ", ".join(f"{counts[v]:,} {v}" for v in ("right", "wrong", "not here") if counts[v])
    export = (
        "<p class=fp-muted><code>footnote feedback &gt; questions.jsonl</code> makes a question "
        "file of it for <code>footnote eval</code>.</p>"
        if said
        else ""
    )
    rows = "".join(
        f'<tr><td class="fp-when">{each.at:%Y-%m-%d %H:%M}</td><td>{escape(each.verdict)}</td>'
        f"<td>{escape(each.question)}</td><td>{escape(each.note)}</td></tr>"
        for each in list(said)[-_SAID:][::-1]
    )
    return (
        f"<h3>What readers said</h3><p>{escape(tally or 'Nothing yet.')}</p>{export}"
        + _table("What readers said", ("When", "Answer is", "Question", "Note"), rows)
        + "<h3>Refused lately</h3>"
        + _refused_html(refused, keeps)
    )


def _refused_html(refused: Sequence[Refused], keeps: bool) -> str:
    if not keeps:
        return "<p>Refused questions are not kept (<code>web.keep_refused</code> is 0).</p>"
    rows = "".join(
        f'<tr><td class="fp-when">{each.at:%Y-%m-%d %H:%M}</td><td>{escape(each.question)}</td>'
        f"<td>{escape(each.reason)}{_nearest_html(each.nearest)}</td></tr>"
        for each in refused[:_REFUSED]
    )
    where = (
        '<p class="fp-muted">Kept on this machine alone, in the index folder; '
        "<code>web.keep_refused: 0</code> keeps none.</p>"
    )
    table = _table("Refused lately", ("When", "Question", "Why, and what comes nearest"), rows)
    return f"{where}{table or '<p>Nothing was refused yet.</p>'}"


def _nearest_html(nearest: Sequence[Shown]) -> str:
    titles = "; ".join(each.title for each in nearest)
    return f'<div class="fp-muted">Nearest: {escape(titles)}</div>' if titles else ""


def _table(name: str, heads: Sequence[str], rows: str) -> str:
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    return (
        f'<div class="fp-scroll" tabindex="0" role="region" aria-label="{escape(name)}">'
        f'<table class="fp-plain"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )
