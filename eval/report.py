"""A run as figures and as pages: `report.json`, `report.md`, `run.trec`, `answers.jsonl`."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from footnote.eval.datasets import Dataset
from footnote.eval.metrics import (
    RETRIEVAL,
    Confidence,
    Difference,
    Mean,
    compare,
    fact_recall,
    judge_confidence,
    mean_of,
    retrieval_values,
)
from footnote.eval.run import Outcome, Run
from footnote.rag.core.errors import DatasetError
from footnote.rag.core.records import Record, fingerprint

ANSWERING = (
    "fact recall",
    "first-sentence recall",
    "facts a sentence",
    "citation precision",
    "citation recall",
    "answered",
    "refused",
)
# Neither better nor worse when it is more.
_DESCRIBING = ("sentences",)
_HEADLINE = ("nDCG@10", "R@10", "Success@1", "fact recall", "answered", "refused")
_PLOTTED = ("nDCG@10", "fact recall")
_RUN_TAG = "footnote"
_SHOWN_HITS = 10
_PLOT_POINTS = 20


class Report(Record):
    """The figures of one run, enough to compare another with them."""

    dataset: str
    n_questions: int
    system: str
    commit: str | None
    settings: str
    """Fingerprint of the settings."""
    values: dict[str, dict[str, float]]
    """By measure and question id."""
    means: dict[str, dict[str, Mean]]
    """By kind (`all` for every question) and measure."""
    latency_ms: dict[str, dict[str, float]]
    """p50 and p95 of `search`, which finds 100 papers, its stages, and `ask`."""
    confidence: Confidence | None = None
    """Of the answers' confidence, right meaning that the best paper found is; null for none."""
    index_bytes_per_paper: int
    peak_memory_mb: float


def make_report(
    run: Run, dataset: Dataset, *, system: str, settings: str, index: Path, n_papers: int
) -> Report:
    """Figure out what a run is worth.

    `fact recall` is over questions with `must_include`; `answered` is the share of answerable
    questions that were, `refused` that of unanswerable ones that were refused.
    """
    outcomes = {o.question.id: o for o in run.outcomes}
    ranked = {i: [(h.paper.paper_id, h.score) for h in o.hits] for i, o in outcomes.items()}
    values = retrieval_values(ranked, {q.id: q.relevant for q in dataset.questions})
    values |= _answer_values(run.outcomes)
    kinds = {q.id: q.kind for q in dataset.questions}
    n_bytes = sum(f.stat().st_size for f in index.rglob("*") if f.is_file())
    return Report(
        dataset=dataset.name,
        n_questions=len(dataset.questions),
        system=system,
        commit=_commit(),
        settings=fingerprint(settings),
        values=values,
        means=_means(values, kinds),
        latency_ms={
            "search": _percentiles([o.search_ms for o in run.outcomes]),
            **{name: _percentiles(durations) for name, durations in run.stages_ms.items()},
            "ask": _percentiles([o.ask_ms for o in run.outcomes]),
        },
        confidence=_confidence(run.outcomes, values),
        index_bytes_per_paper=round(n_bytes / max(n_papers, 1)),
        peak_memory_mb=run.peak_memory_mb,
    )


def load_report(file: Path) -> Report:
    """Read an earlier report.

    Raises:
        DatasetError: The file is absent, or no report of this program.
    """
    try:
        return Report.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DatasetError(f"report {file} cannot be read: {reason}") from error


def differences(new: Report, old: Report) -> dict[str, Difference]:
    """Each measure that both have, over the questions that both asked.

    Raises:
        DatasetError: They share no question.
    """
    found = {
        name: compare(new.values[name], old.values[name])
        for name in (*RETRIEVAL, *ANSWERING)
        if new.values.get(name, {}).keys() & old.values.get(name, {}).keys()
    }
    if not found:
        raise DatasetError(
            f"the reports of {new.dataset!r} and {old.dataset!r} share no question; "
            "name a baseline over the same questions"
        )
    return found


def fallen(new: Report, old: Report, measure: str) -> list[str]:
    """Ids of the questions that score lower than before, the largest fall first."""
    before, now = old.values[measure], new.values[measure]
    drops = {q: now[q] - before[q] for q in now.keys() & before.keys() if now[q] < before[q]}
    return sorted(drops, key=lambda q: (drops[q], q))


def write_report(
    out: Path, report: Report, run: Run, dataset: Dataset, others: Sequence[Report] = ()
) -> None:
    """Write everything into a folder, which is made.

    Args:
        out: The folder; files of an earlier run are replaced.
        report: The figures.
        run: What they are of.
        dataset: The questions.
        others: Reports of other systems on the same questions, for the table.
    """
    pages = out / "questions"
    pages.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(report.model_dump_json(indent=1) + "\n")
    (out / "report.md").write_text("\n".join(_markdown(report, run, others)) + "\n")
    with (out / "run.trec").open("w") as trec, (out / "answers.jsonl").open("w") as answers:
        for outcome in run.outcomes:
            trec.writelines(f"{row}\n" for row in _trec_rows(outcome))
            said = outcome.answer.model_dump(mode="json") if outcome.answer else None
            line = {"id": outcome.question.id, "answer": said, "error": outcome.error}
            answers.write(json.dumps(line, ensure_ascii=False) + "\n")
            page = "\n".join(_question_page(outcome, report))
            (pages / f"{_file_name(outcome.question.id)}.md").write_text(page + "\n")


def table(reports: Sequence[Report]) -> Iterator[str]:
    """The systems side by side as Markdown, each with its difference to the first."""
    names = [n for n in _HEADLINE if any(n in r.means["all"] for r in reports)]
    yield "| system | " + " | ".join(names) + " | search p50 / p95 ms |"
    yield "|---" * (len(names) + 2) + "|"
    for report in reports:
        cells = [_cell(report, reports[0], name) for name in names]
        latency = report.latency_ms["search"]
        cells.append(f"{latency['p50']:.1f} / {latency['p95']:.1f}")
        yield f"| {report.system} | " + " | ".join(cells) + " |"


def _answer_values(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    values: dict[str, dict[str, float]] = {name: {} for name in (*ANSWERING, *_DESCRIBING)}
    for outcome in outcomes:
        question, answer = outcome.question, outcome.answer
        refused = answer is None or answer.refused
        sentences = answer.sentences if answer and not refused else ()
        if question.must_include:
            said = answer.answer if answer and sentences else ""
            first = sentences[0].text if sentences else ""
            recall = fact_recall(question.must_include, said)
            values["fact recall"][question.id] = recall
            values["first-sentence recall"][question.id] = fact_recall(question.must_include, first)
            n_facts = recall * len(question.must_include)
            values["facts a sentence"][question.id] = n_facts / max(len(sentences), 1)
        if sentences:
            values["sentences"][question.id] = len(sentences)
        if outcome.citations:
            values["citation precision"][question.id] = outcome.citations.precision
            values["citation recall"][question.id] = outcome.citations.recall
        values["answered" if question.relevant else "refused"][question.id] = float(
            refused is not bool(question.relevant)
        )
    return {name: found for name, found in values.items() if found}


def _confidence(
    outcomes: Sequence[Outcome], values: Mapping[str, Mapping[str, float]]
) -> Confidence | None:
    """Of all questions with an answer, or a refusal, that says how sure it is."""
    asked = [
        (answer.confidence, values["Success@1"].get(outcome.question.id, 0.0) > 0)
        for outcome in outcomes
        if (answer := outcome.answer) and answer.confidence is not None
    ]
    return judge_confidence(*zip(*asked, strict=True)) if asked else None


def _means(
    values: Mapping[str, Mapping[str, float]], kinds: Mapping[str, str]
) -> dict[str, dict[str, Mean]]:
    means: dict[str, dict[str, Mean]] = {}
    for kind in ("all", *sorted(set(kinds.values()) - {"all"})):
        for name, by_question in values.items():
            of_kind = [v for q, v in by_question.items() if kind in ("all", kinds[q])]
            if of_kind:
                means.setdefault(kind, {})[name] = mean_of(of_kind)
    return means


def _percentiles(milliseconds: Sequence[float]) -> dict[str, float]:
    if not milliseconds:
        return {"p50": 0.0, "p95": 0.0}
    p50, p95 = np.percentile(milliseconds, [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}


def _cell(report: Report, first: Report, name: str) -> str:
    mean = report.means["all"].get(name)
    if mean is None:
        return "–"
    if report is first:
        return f"**{mean.mean:.3f}** ({mean.low:.3f}–{mean.high:.3f})"
    difference = compare(report.values[name], first.values[name])
    return f"{mean.mean:.3f} ({difference.difference:+.3f}, p = {difference.p:.3f})"


def _markdown(report: Report, run: Run, others: Sequence[Report]) -> Iterator[str]:
    yield f"# {report.dataset}: {report.n_questions} questions"
    yield ""
    yield from table([report, *others])
    yield ""
    yield "Means with 95% intervals; other systems with their difference to the first."
    yield ""
    names = [n for n in (*RETRIEVAL, *ANSWERING, *_DESCRIBING) if report.values.get(n)]
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
    yield "## Speed and size"
    yield ""
    yield "| stage | p50 ms | p95 ms |"
    yield "|---|---|---|"
    for stage, times in report.latency_ms.items():
        yield f"| {stage} | {times['p50']:.1f} | {times['p95']:.1f} |"
    yield ""
    yield (
        "`search` finds 100 papers, `ask` does all there is to do. The index has "
        f"{report.index_bytes_per_paper:,} bytes a paper; the process used "
        f"{report.peak_memory_mb:,.0f} MB at most. Commit {report.commit or 'unknown'}, "
        f"settings {report.settings}."
    )
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


def _kinds_plot(report: Report) -> Iterator[str]:
    """Bars by kind of question, a plot for each measure."""
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
    """A chart as Mermaid, which code hosts and editors draw."""
    yield from ("```mermaid", "xychart-beta", f'    title "{title}"', f"    x-axis {x_axis}")
    yield from ("    y-axis 0 --> 1", f"    {series}", "```", "")


def _trec_rows(outcome: Outcome) -> Iterator[str]:
    for rank, hit in enumerate(outcome.hits, start=1):
        yield f"{outcome.question.id} Q0 {hit.paper.paper_id} {rank} {hit.score:.6f} {_RUN_TAG}"


def _question_page(outcome: Outcome, report: Report) -> Iterator[str]:
    """What was found for one question, at which rank each right paper stands, and why."""
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
    """Rank of each hit by each single signal, by paper id; only where the signal found it."""
    ranks: dict[str, dict[str, int]] = {h.paper.paper_id: {} for h in outcome.hits}
    for signal in {s for h in outcome.hits for s in h.signals}:
        found = [h for h in outcome.hits if h.signals.get(signal)]
        found.sort(key=lambda h: -h.signals[signal])
        for rank, hit in enumerate(found, start=1):
            ranks[hit.paper.paper_id][signal] = rank
    return ranks


def _file_name(question_id: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in question_id)


def _commit() -> str | None:
    command = ["git", "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() or None
