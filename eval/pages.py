"""Write a run down: `report.json`, `report.md`, a page a question, `run.trec`, `answers.jsonl`."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from footnote.eval.metrics import RETRIEVAL, Confidence, compare
from footnote.eval.report import ANSWERING, DESCRIBING, EvalReport
from footnote.eval.run import Outcome, Run

_HEADLINE = ("nDCG@10", "R@10", "Success@1", "fact recall", "answered", "refused")
_PLOTTED = ("nDCG@10", "fact recall")
_RUN_TAG = "footnote"
_SHOWN_HITS = 10
_PLOT_POINTS = 20


def write_report(
    out: Path, report: EvalReport, run: Run, others: Sequence[EvalReport] = ()
) -> None:
    """Write everything into a folder, which is made.

    Args:
        out: The folder; files of an earlier run are replaced.
        report: The figures.
        run: What they are of.
        others: Reports of other systems on the same questions, for the table.
    """
    pages = out / "questions"
    pages.mkdir(parents=True, exist_ok=True)
    _write(out / "report.json", report.model_dump_json(indent=1))
    _write(out / "report.md", "\n".join(_markdown(report, run, others)))
    with (
        (out / "run.trec").open("w", encoding="utf-8") as trec,
        (out / "answers.jsonl").open("w", encoding="utf-8") as answers,
    ):
        for outcome in run.outcomes:
            trec.writelines(f"{row}\n" for row in _trec_rows(outcome))
            said = outcome.answer.model_dump(mode="json") if outcome.answer else None
            asked = outcome.question.model_dump(mode="json", exclude_defaults=True)
            line = {
                "id": outcome.question.id,
                "answer": said,
                "error": outcome.error,
                "question": asked,
            }
            answers.write(json.dumps(line, ensure_ascii=False) + "\n")
            page = "\n".join(_question_page(outcome, report))
            _write(pages / f"{_file_name(outcome.question.id)}.md", page)


def table(reports: Sequence[EvalReport]) -> Iterator[str]:
    """Set the systems side by side as Markdown, each with its difference to the first."""
    names = [n for n in _HEADLINE if any(n in r.means["all"] for r in reports)]
    yield "| system | " + " | ".join(names) + " | search p50 / p95 ms |"
    yield "|---" * (len(names) + 2) + "|"
    for report in reports:
        cells = [_cell(report, reports[0], name) for name in names]
        latency = report.latency_ms.get("search")
        cells.append(f"{latency['p50']:.1f} / {latency['p95']:.1f}" if latency else "–")
        yield f"| {report.system} | " + " | ".join(cells) + " |"


def _cell(report: EvalReport, first: EvalReport, name: str) -> str:
    mean = report.means["all"].get(name)
    if mean is None:
        return "–"
    if report is first:
        return f"**{mean.mean:.3f}** ({mean.low:.3f}–{mean.high:.3f})"
    difference = compare(report.values[name], first.values[name])
    return f"{mean.mean:.3f} ({difference.difference:+.3f}, p = {difference.p:.3f})"


def _markdown(report: EvalReport, run: Run, others: Sequence[EvalReport]) -> Iterator[str]:
    yield f"# {report.dataset}: {report.n_questions} questions"
    yield ""
    yield from table([report, *others])
    yield ""
    yield "Means with 95% intervals; other systems with their difference to the first."
    yield ""
    names = [n for n in (*RETRIEVAL, *ANSWERING, *DESCRIBING) if report.values.get(n)]
    yield "| kind | n | " + " | ".join(names) + " |"
    yield "|---" * (len(names) + 2) + "|"
    for kind, means in report.means.items():
        cells = [f"{means[n].mean:.3f}" if n in means else "–" for n in names]
        n_questions = sum(kind in ("all", o.question.kind) for o in run.outcomes)
        yield f"| {kind} | {n_questions} | " + " | ".join(cells) + " |"
    yield ""
    yield from _kinds_plot(report)
    if report.confidence:
        yield from _risk_plot(report.confidence)
    if report.latency_ms:
        yield from _speed_and_size(report)
    yield f"Commit {report.commit or 'unknown'}, settings {report.settings}."
    yield ""
    yield "## Worst questions"
    yield ""
    ndcg = report.values["nDCG@10"]
    by_id = {o.question.id: o.question for o in run.outcomes}
    for question_id in sorted(ndcg, key=lambda q: (ndcg[q], q))[:20]:
        question = by_id[question_id]
        page = f"questions/{_file_name(question_id)}.md"
        link = f"[{question_id}]({page}) ({question.kind})"
        yield f"- {ndcg[question_id]:.2f} {link} {question.question}"


def _speed_and_size(report: EvalReport) -> Iterator[str]:
    yield "## Speed and size"
    yield ""
    yield "| stage | p50 ms | p95 ms |"
    yield "|---|---|---|"
    for stage, times in report.latency_ms.items():
        yield f"| {stage} | {times['p50']:.1f} | {times['p95']:.1f} |"
    yield ""
    memory = report.peak_memory_mb
    used = "" if memory is None else f"; the process used {memory:,.0f} MB at most"
    yield (
        "`search` finds 100 papers, `ask` does all there is to do. The index has "
        f"{report.index_bytes_per_paper:,} bytes a paper{used}."
    )
    yield ""


def _kinds_plot(report: EvalReport) -> Iterator[str]:
    """Draw bars by kind of question, a plot for each measure."""
    for measure in _PLOTTED:
        shown = {k: m[measure].mean for k, m in report.means.items() if measure in m}
        if len(shown) > 1:
            labels = ", ".join(f'"{kind}"' for kind in shown)
            bars = ", ".join(f"{value:.3f}" for value in shown.values())
            yield from _plot(f"{measure} by kind of question", f"[{labels}]", f"bar [{bars}]")


def _risk_plot(confidence: Confidence) -> Iterator[str]:
    step = max(len(confidence.curve) // _PLOT_POINTS, 1)
    points = confidence.curve[step - 1 :: step]
    risks = ", ".join(f"{risk:.3f}" for _, risk in points)
    axis = f'"share of questions let through" {points[0][0]:.2f} --> {points[-1][0]:.2f}'
    yield from _plot("Risk by coverage", axis, f"line [{risks}]")
    auroc = f"{confidence.auroc:.3f}" if confidence.auroc is not None else "not defined"
    yield (
        "Risk is the share of questions let through whose best paper is not right, questions that "
        f"the corpus cannot answer among them. Area under the curve {confidence.area:.3f}, AUROC "
        f"of the confidence {auroc}."
    )
    yield ""


def _plot(title: str, x_axis: str, series: str) -> Iterator[str]:
    """Draw a chart as Mermaid, which code hosts and editors draw."""
    yield from ("```mermaid", "xychart-beta", f'    title "{title}"', f"    x-axis {x_axis}")
    yield from ("    y-axis 0 --> 1", f"    {series}", "```", "")


def _trec_rows(outcome: Outcome) -> Iterator[str]:
    for rank, hit in enumerate(outcome.hits, start=1):
        yield f"{outcome.question.id} Q0 {hit.paper.paper_id} {rank} {hit.score:.6f} {_RUN_TAG}"


def _question_page(outcome: Outcome, report: EvalReport) -> Iterator[str]:
    """Show what was found for one question, and at which rank by each signal."""
    question = outcome.question
    yield f"# {question.id}: {question.question}"
    yield ""
    scores = {n: v[question.id] for n, v in report.values.items() if question.id in v}
    yield f"Kind {question.kind}. " + ", ".join(f"{n} {v:.2f}" for n, v in scores.items())
    for turn in question.history:
        yield f"> earlier: {turn}"
    yield ""
    if outcome.error:
        yield f"Failed: {outcome.error}"
    ranks = _signal_ranks(outcome)
    signals = sorted({s for by_signal in ranks.values() for s in by_signal})
    yield "| rank | grade | score | " + " | ".join(f"rank by {s}" for s in signals) + " | paper |"
    yield "|---" * (len(signals) + 4) + "|"
    for rank, hit in enumerate(outcome.hits, start=1):
        grade = question.relevant.get(hit.paper.paper_id, 0)
        if rank <= _SHOWN_HITS or grade:
            own = " | ".join(str(ranks[hit.paper.paper_id].get(s, "–")) for s in signals)
            title = hit.paper.title.replace("|", "/")
            yield f"| {rank} | {grade or ''} | {hit.score:.3f} | {own} | {title} |"
    missed = question.relevant.keys() - {h.paper.paper_id for h in outcome.hits}
    for paper_id in sorted(missed):
        grade, blank = question.relevant[paper_id], " | " * len(signals)
        yield f"| not in the first {len(outcome.hits)} | {grade} | | {blank}{paper_id} |"
    yield ""
    if outcome.answer:
        yield "## Answer"
        yield ""
        yield outcome.answer.answer
    if question.must_include:
        yield ""
        yield f"Should say: {', '.join(question.must_include)}"


def _signal_ranks(outcome: Outcome) -> dict[str, dict[str, int]]:
    """Rank the hits by each single signal, by paper id; only where the signal found them."""
    ranks: dict[str, dict[str, int]] = {h.paper.paper_id: {} for h in outcome.hits}
    for signal in {s for h in outcome.hits for s in h.signals}:
        found = [h for h in outcome.hits if h.signals.get(signal)]
        found.sort(key=lambda h: -h.signals[signal])
        for rank, hit in enumerate(found, start=1):
            ranks[hit.paper.paper_id][signal] = rank
    return ranks


def _write(file: Path, text: str) -> None:
    file.write_text(text + "\n", encoding="utf-8")


def _file_name(question_id: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in question_id)
