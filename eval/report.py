"""The figures of a run: each question's, their means, and what it took."""

import datetime
import subprocess
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from footnote.eval.datasets import Dataset, JudgedQuestion
from footnote.eval.metrics import (
    Confidence,
    Mean,
    fact_recall,
    judge_confidence,
    mean_of,
    retrieval_values,
)
from footnote.eval.run import Outcome, Run
from footnote.rag.answering.collection import PAGE
from footnote.rag.core.base import Record
from footnote.rag.core.errors import DatasetError
from footnote.rag.core.records import Answer, Sentence, fingerprint
from footnote.rag.core.request import Kind

ANSWERING = (
    "fact recall",
    "first-sentence recall",
    "facts a sentence",
    "first sentence answers",
    "sentences that belong",
    "right paper first",
    "in the abstract's order",
    "sides covered",
    "listed, F1",
    "count right",
    "act read",
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
    """p50 and p95 of `search`, which finds 100 papers, its stages, and `ask`; of what was timed."""
    confidence: Confidence | None = None
    """Of the answers' confidence, right meaning that the best paper found is; null for none."""
    index_bytes_per_paper: int
    peak_memory_mb: float | None
    """Of the process that asked; null where nobody counted it."""
    day: datetime.date | None = None
    """When it was measured; null in reports of before these three were noted."""
    version: str | None = None
    """Of Footnote, which measured."""
    corpus: str | None = None
    """Fingerprint of the versions of all papers that were there."""


def make_report(
    run: Run,
    dataset: Dataset,
    *,
    system: str,
    settings: str,
    index: Path,
    n_papers: int,
    corpus: str | None = None,
) -> EvalReport:
    """Compute what a run is worth.

    `first sentence answers` is over questions with marked sentences that neither list nor compare,
    a refusal scoring 0, and `sentences that belong` over those with marked sentences that were
    answered. A friendly line to small talk counts as a refusal. `right paper first` is over
    questions with an answer; `sides covered`, `listed, F1` (of a list of more than a page, a page
    is wanted), `count right` and `act read` over those that say what is right; a refusal scores 0.
    `in the abstract's order` is the share of sentences in a row of one paper that stand in its
    order, over answers with such.
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
            name: _percentiles(durations) for name, durations in _timed(run).items() if durations
        },
        confidence=_confidence(run.outcomes, values),
        index_bytes_per_paper=round(n_bytes / max(n_papers, 1)),
        peak_memory_mb=run.peak_memory_mb,
        day=datetime.datetime.now(datetime.UTC).date(),
        version=version("footnote-papers"),
        corpus=corpus,
    )


def _timed(run: Run) -> dict[str, list[float]]:
    """Return how long each part took, for each question that was timed."""
    return {
        "search": [o.search_ms for o in run.outcomes if o.search_ms is not None],
        **{name: list(durations) for name, durations in run.stages_ms.items()},
        "ask": [o.ask_ms for o in run.outcomes if o.ask_ms is not None],
    }


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
        answer = outcome.answer
        said = answer if answer and not answer.refused and not _is_chat(answer) else None
        sentences = said.sentences if said else ()
        found = {
            **_facts(outcome.question, said),
            **_marked(outcome, sentences),
            **_laid_out(outcome, answer),
        }
        if sentences:
            found["sentences"] = len(sentences)
        if outcome.citations:
            found["citation precision"] = outcome.citations.precision
            found["citation recall"] = outcome.citations.recall
        is_answerable = outcome.question.is_answerable
        found["answered" if is_answerable else "refused"] = float(bool(said) is is_answerable)
        for name, value in found.items():
            values[name][outcome.question.id] = value
    return {name: found for name, found in values.items() if found}


def _is_chat(answer: Answer) -> bool:
    """Return True for a friendly line to small talk, which answers nothing."""
    return answer.request is not None and answer.request.kind is Kind.CHAT


def _facts(question: JudgedQuestion, said: Answer | None) -> dict[str, float]:
    """Measure which of the key facts are said."""
    if not question.must_include:
        return {}
    sentences = said.sentences if said else ()
    recall = fact_recall(question.must_include, said.answer if said and sentences else "")
    first = sentences[0].text if sentences else ""
    return {
        "fact recall": recall,
        "first-sentence recall": fact_recall(question.must_include, first),
        "facts a sentence": recall * len(question.must_include) / max(len(sentences), 1),
    }


def _marked(outcome: Outcome, sentences: Sequence[Sentence]) -> dict[str, float]:
    """Measure which of the sentences said are marked."""
    question = outcome.question
    if not question.answers:
        return {}
    grades = _grades(outcome, sentences)
    found: dict[str, float] = {}
    if not question.lists and not question.sides:  # no paper of several has to come first
        found["first sentence answers"] = float(any(g > 1 for g in grades[:1]))
    if grades:
        found["sentences that belong"] = sum(map(bool, grades)) / len(grades)
    return found


def _laid_out(outcome: Outcome, answer: Answer | None) -> dict[str, float]:
    """Measure what an answer lists, counts and compares, and in which order it quotes."""
    question, found = outcome.question, dict[str, float]()
    cited = [source.paper_id for source in answer.sources] if answer else []
    if question.act:
        request = answer.request if answer else None
        found["act read"] = float(bool(request and request.act == question.act))
    if question.count is not None:
        counted = [b.n for b in answer.blocks if b.n is not None] if answer else []
        found["count right"] = float(counted[:1] == [question.count])
    if question.sides:
        found["sides covered"] = len({*question.sides} & {*cited}) / len(question.sides)
    if question.lists:
        right = len({*question.lists} & {*cited})
        found["listed, F1"] = 2 * right / (len(cited) + min(len(question.lists), PAGE))
    if question.relevant:
        found["right paper first"] = float(question.relevant.get((*cited, "")[0], 0) > 0)
    if pairs := _successive(answer):
        found["in the abstract's order"] = sum(a < b for a, b in pairs) / len(pairs)
    return found


def _successive(answer: Answer | None) -> list[tuple[int, int]]:
    """Return where the quotes begin of each two sentences in a row that cite the same paper."""
    pairs: list[tuple[int, int]] = []
    for block in answer.blocks if answer else ():
        said = [answer.sentences[at].citations for at in block.sentences] if answer else []
        pairs += [
            (before[0].start, after[0].start)
            for before, after in pairwise(each for each in said if each)
            if before[0].paper_id == after[0].paper_id
        ]
    return pairs


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
