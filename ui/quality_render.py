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
from footnote.ui.wording import Wording

_HEADLINE = ("nDCG@10", "R@10", "Success@1", "fact recall", "answered", "refused")
_BY_KIND = ("nDCG@10", "R@10", "fact recall", "answered", "refused")
_SAID, _REFUSED, _CURVE_POINTS = 50, 100, 40
_GRADES = (0, 1, 2)


def frame_html() -> str:
    """Render what stands still, and room for all else; the script puts its words in."""
    return (
        '<div class="fp-tab fp-quality"><h2 class="fp-unseen" data-say="tab.quality"></h2>'
        '<p class="fp-error" role="alert" hidden></p><div class="fp-list">'
        '<div class="fp-reports"></div><div class="fp-report"></div><div class="fp-readers"></div>'
        '</div><article class="fp-shown" hidden></article></div>'
    )


def reports_html(listed: Sequence[Listed], folder: str, say: Wording) -> str:
    """Render the list of reports, newest first."""
    heading = f"<h3>{escape(say('quality.evaluation'))}</h3>"
    if not listed:
        return (
            f"{heading}<p>{escape(say('quality.no_report', folder=folder))} "
            f"<code>footnote eval QUESTIONS.jsonl --out {escape(folder)}/NAME</code></p>"
        )
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in _HEADLINE)
    rows = "".join(_report_row(each) for each in listed)
    named = _heads(say, "quality.report", "quality.when", "quality.system", "quality.questions")
    return heading + _scrolled(say("quality.reports"), f"{named}{heads}", rows)


def _heads(say: Wording, *keys: str) -> str:
    return "".join(f'<th scope="col">{escape(say(key))}</th>' for key in keys)


def _scrolled(name: str, heads: str, rows: str) -> str:
    """Lay out a table that may be wider than the screen."""
    return (
        f'<div class="fp-scroll" tabindex="0" role="region" aria-label="{escape(name)}">'
        f'<table class="fp-plain"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        "</div>"
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


def report_html(name: str, report: EvalReport, questions: Mapping[str, str], say: Wording) -> str:
    """Render one report: its means by kind, its plots, and its questions, the worst first."""
    title = report.dataset if name == "." else name
    searched = report.latency_ms.get("search")
    about = say(
        "quality.about",
        count=f"{report.n_questions:,}",
        dataset=report.dataset,
        system=report.system,
        commit=report.commit or say("quality.unknown"),
        settings=report.settings,
        ms=f"{searched['p50']:.0f}" if searched else "–",
    )
    return (
        f'<h3 tabindex="-1">{escape(title)}</h3><p class="fp-muted">{escape(about)}</p>'
        f'<div class="fp-plots">{_kind_plots(report, say)}{_risk_plot(report, say)}</div>'
        f"{_means_html(report, say)}{_questions_html(name, report, questions, say)}"
    )


def _kind_plots(report: EvalReport, say: Wording) -> str:
    return "".join(
        bars(say("quality.by_kind", measure=measure), rows, say, measure)
        for measure in _BY_KIND
        if len(rows := _by_kind(report, measure)) > 1
    )


def _by_kind(report: EvalReport, measure: str) -> list[tuple[str, float, str]]:
    found = [(kind, means[measure]) for kind, means in report.means.items() if measure in means]
    return [(kind, mean.mean, f"{mean.mean:.2f} (n = {mean.n:,})") for kind, mean in found]


def _risk_plot(report: EvalReport, say: Wording) -> str:
    if not report.confidence:
        return ""
    curve = report.confidence.curve
    step = max(len(curve) // _CURVE_POINTS, 1)
    return line(
        say("quality.risk", area=f"{report.confidence.area:.3f}"),
        (say("quality.share"), say("quality.risk_axis")),
        [*curve[step - 1 :: step]],
        say,
    )


def _means_html(report: EvalReport, say: Wording) -> str:
    every = report.means.get("all", {})
    names = [n for n in every if n in ANSWERING or n in _HEADLINE or n in ("R@100", "RR")]
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    rows = "".join(
        f'<tr><th scope="row">{escape(kind)}</th>'
        f"{''.join(_mean_cell(means.get(name)) for name in names)}</tr>"
        for kind, means in report.means.items()
    )
    table = _scrolled(say("quality.means_name"), f"{_heads(say, 'quality.kind')}{heads}", rows)
    return f"<details><summary>{escape(say('quality.means'))}</summary>{table}</details>"


def _mean_cell(mean: Mean | None) -> str:
    if mean is None:
        return "<td>–</td>"
    return f"<td>{mean.mean:.3f} <small>{mean.low:.2f}–{mean.high:.2f}</small></td>"


def _questions_html(
    name: str, report: EvalReport, questions: Mapping[str, str], say: Wording
) -> str:
    if not questions:
        return f'<p class="fp-muted">{escape(say("quality.not_beside"))}</p>'
    ndcg = report.values.get("nDCG@10", {})
    right = {**report.values.get("answered", {}), **report.values.get("refused", {})}
    ordered = sorted(questions, key=lambda q: (right.get(q, 1.0), ndcg.get(q, 2.0), q))
    rows = "".join(
        f'<tr><th scope="row"><button type="button" class="fp-open" data-question="{escape(i)}" '
        f'data-of="{escape(name)}">{escape(questions[i])}</button></th><td>{escape(i)}</td>'
        f"<td>{'–' if i not in ndcg else f'{ndcg[i]:.2f}'}</td>"
        f"<td>{_outcome(i, report, say)}</td></tr>"
        for i in ordered
    )
    heads = (
        f'{_heads(say, "quality.question", "quality.id")}<th scope="col">nDCG@10</th>'
        f"{_heads(say, 'quality.outcome')}"
    )
    worst = escape(say("quality.worst"))
    return f"<h4>{worst}</h4>{_scrolled(say('quality.questions'), heads, rows)}"


def _outcome(question_id: str, report: EvalReport, say: Wording) -> str:
    for name in ("answered", "refused"):
        if (value := report.values.get(name, {}).get(question_id)) is not None:
            bad = f'<b class="fp-notice">{escape(say(f"outcome.not_{name}"))}</b>'
            return escape(say(f"outcome.{name}")) if value else bad
    return "–"


def judged_html(judged: Judged, titles: Mapping[str, str], say: Wording) -> str:
    """Render a question of a report with its answer and the judged papers."""
    rows = "".join(
        f"<tr><td>{_title_html(paper_id, titles, say)}</td>"
        f"<td>{escape(_grade(grade, say))}</td>"
        f"<td>{judged.ranks.get(paper_id) or escape(say('quality.not_found'))}</td></tr>"
        for paper_id, grade in sorted(judged.relevant.items(), key=lambda pair: -pair[1])
    )
    heads = _heads(say, "paper", "quality.judged", "quality.rank")
    papers = (
        f'<table class="fp-plain"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        if rows
        else f"<p>{escape(say('quality.no_papers'))}</p>"
    )
    after = say("quality.after", history=" / ".join(judged.history)) if judged.history else ""
    about = [judged.kind, after]
    kind = f'<p class="fp-facts">{escape(" · ".join(filter(None, about)))}</p>'
    return (
        f'<button type="button" class="fp-back">← {escape(say("quality.all_questions"))}</button>'
        f'<h3 tabindex="-1">{escape(judged.question)}</h3>{kind}'
        f"<h4>{escape(say('quality.answer'))}</h4>{_answer_html(judged, say)}"
        f"<h4>{escape(say('quality.papers'))}</h4>{papers}"
    )


def _grade(grade: int, say: Wording) -> str:
    return say(f"grade.{grade}") if grade in _GRADES else say("grade.other", grade=grade)


def _answer_html(judged: Judged, say: Wording) -> str:
    answer = judged.answer
    if answer is None:
        return f'<p class="fp-notice">{escape(judged.error or say("quality.nothing"))}</p>'
    if answer.refused:
        nearest = "".join(
            f"<li><b>{escape(n.title)}</b>: {escape(n.quote)}</li>" for n in answer.nearest
        )
        refused = escape(say("quality.was_refused"))
        return f"<p><b>{refused}</b> {escape(answer.reason or '')}</p><ul>{nearest}</ul>"
    sources = "".join(f'<li value="{s.marker}">{escape(s.title)}</li>' for s in answer.sources)
    return f"<p>{escape(_running(answer))}</p><ol>{sources}</ol>"


def _running(answer: Answer) -> str:
    said = [
        " ".join([s.text, *dict.fromkeys(f"[{c.marker}]" for c in s.citations)])
        for s in answer.sentences
    ]
    return " ".join(said) or answer.answer


def _title_html(paper_id: str, titles: Mapping[str, str], say: Wording) -> str:
    title = titles.get(paper_id)
    gone = f"<code>{escape(paper_id)}</code> {escape(say('quality.not_here'))}"
    return escape(title) if title else gone


def readers_html(
    said: Sequence[Said], refused: Sequence[Refused], say: Wording, *, keeps: bool
) -> str:
    """Render what readers said of answers, and what was refused lately, newest first."""
    counts = Counter(each.verdict for each in said)
    tally = ", ".join(
        say(f"readers.{verdict}", count=f"{counts[verdict]:,}")
        for verdict in ("right", "wrong", "not here")
        if counts[verdict]
    )
    export = (
        "<p class=fp-muted><code>footnote feedback &gt; questions.jsonl</code> "
        f"{escape(say('readers.export'))} <code>footnote eval</code>.</p>"
        if said
        else ""
    )
    rows = "".join(
        f'<tr><td class="fp-when">{each.at:%Y-%m-%d %H:%M}</td>'
        f"<td>{escape(say(f'is.{each.verdict}'))}</td>"
        f"<td>{escape(each.question)}</td><td>{escape(each.note)}</td></tr>"
        for each in list(said)[-_SAID:][::-1]
    )
    heads = _heads(say, "quality.when", "answer_is", "quality.question", "note")
    table = _scrolled(say("readers"), heads, rows) if rows else ""
    return (
        f"<h3>{escape(say('readers'))}</h3><p>{escape(tally or say('readers.none'))}</p>"
        f"{export}{table}<h3>{escape(say('refused_lately'))}</h3>"
        f"{_refused_html(refused, say, keeps)}"
    )


def _refused_html(refused: Sequence[Refused], say: Wording, keeps: bool) -> str:
    setting = "<code>web.keep_refused: 0</code>"
    if not keeps:
        return f"<p>{escape(say('refused.not_kept'))} {setting}.</p>"
    rows = "".join(
        f'<tr><td class="fp-when">{each.at:%Y-%m-%d %H:%M}</td><td>{escape(each.question)}</td>'
        f"<td>{escape(each.reason)}{_nearest_html(each.nearest, say)}</td></tr>"
        for each in refused[:_REFUSED]
    )
    where = f'<p class="fp-muted">{escape(say("refused.where"))} {setting}.</p>'
    heads = _heads(say, "quality.when", "quality.question", "refused.why")
    none = f"<p>{escape(say('refused.none'))}</p>"
    return where + (_scrolled(say("refused_lately"), heads, rows) if rows else none)


def _nearest_html(nearest: Sequence[Shown], say: Wording) -> str:
    titles = "; ".join(each.title for each in nearest)
    said = escape(say("refused.nearest", titles=titles))
    return f'<div class="fp-muted">{said}</div>' if titles else ""
