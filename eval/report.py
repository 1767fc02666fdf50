"""The figures of a run: each question's, their means, and what it took."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from footnote.eval.datasets import Dataset
from footnote.eval.metrics import (
    Confidence,
    Mean,
    fact_recall,
    judge_confidence,
    mean_of,
    retrieval_values,
)
from footnote.eval.run import Outcome, Run
from footnote.rag.core.base import Record
from footnote.rag.core.errors import DatasetError
from footnote.rag.core.records import Sentence, fingerprint

ANSWERING = (
    "fact recall",
    "first-sentence recall",
    "facts a sentence",
    "first sentence answers",
    "sentences that belong",
    "citation precision",
    "citation recall",
    "answered",
    "refused",
)
# Neither better nor worse when it is more.
DESCRIBING = ("sentences",)


class EvalReport(Record):
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
) -> EvalReport:
    """Compute what a run is worth.

    `first sentence answers` is over questions with marked sentences, a refusal scoring 0, and
    `sentences that belong` over those of them that were answered. A friendly line to small talk
    counts as a refusal.
    `fact recall` is over questions with `must_include`; `answered` is the share of answerable
    questions that were, `refused` that of unanswerable ones that were refused. Citations are
    judged for answers that a model wrote, and for no others.
    """
    outcomes = {o.question.id: o for o in run.outcomes}
    ranked = {i: [(h.paper.paper_id, h.score) for h in o.hits] for i, o in outcomes.items()}
    values = retrieval_values(ranked, {q.id: q.relevant for q in dataset.questions})
    values |= _answer_values(run.outcomes)
    kinds = {q.id: q.kind for q in dataset.questions}
    n_bytes = sum(f.stat().st_size for f in index.rglob("*") if f.is_file())
    return EvalReport(
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


def load_report(file: Path) -> EvalReport:
    """Read an earlier report.

    Raises:
        DatasetError: The file is absent, or no report of this program.
    """
    try:
        return EvalReport.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DatasetError(f"report {file} cannot be read: {reason}") from error


def _answer_values(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    values: dict[str, dict[str, float]] = {name: {} for name in (*ANSWERING, *DESCRIBING)}
    for outcome in outcomes:
        question, answer = outcome.question, outcome.answer
        # A friendly line to small talk answers nothing.
        refused = answer is None or answer.refused or not answer.sources
        sentences = answer.sentences if answer and not refused else ()
        if question.must_include:
            said = answer.answer if answer and sentences else ""
            first = sentences[0].text if sentences else ""
            recall = fact_recall(question.must_include, said)
            values["fact recall"][question.id] = recall
            values["first-sentence recall"][question.id] = fact_recall(question.must_include, first)
            n_facts = recall * len(question.must_include)
            values["facts a sentence"][question.id] = n_facts / max(len(sentences), 1)
        if question.answers:
            grades = _grades(outcome, sentences)
            values["first sentence answers"][question.id] = float(any(g > 1 for g in grades[:1]))
            if grades:
                values["sentences that belong"][question.id] = sum(map(bool, grades)) / len(grades)
        if sentences:
            values["sentences"][question.id] = len(sentences)
        if outcome.citations:
            values["citation precision"][question.id] = outcome.citations.precision
            values["citation recall"][question.id] = outcome.citations.recall
        values["answered" if question.relevant else "refused"][question.id] = float(
            refused is not bool(question.relevant)
        )
    return {name: found for name, found in values.items() if found}


def _grades(outcome: Outcome, sentences: Sequence[Sentence]) -> list[int]:
    """Return the grade of each sentence said; 0 for one without a mark."""
    graded = {
        (hit.paper.paper_id, hit.paper.sentences[number].start): grade
        for hit in outcome.hits
        for number, grade in outcome.question.answers.get(hit.paper.paper_id, {}).items()
        if number < len(hit.paper.sentences)
    }
    return [
        max((graded.get((c.paper_id, c.start), 0) for c in s.citations), default=0)
        for s in sentences
    ]


def _confidence(
    outcomes: Sequence[Outcome], values: Mapping[str, Mapping[str, float]]
) -> Confidence | None:
    """Judge the confidence of all answers and refusals that say how sure they are."""
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


def _commit() -> str | None:
    command = ["git", "rev-parse", "--short", "HEAD"]
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() or None
