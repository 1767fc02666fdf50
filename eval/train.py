"""Fit the weights of `rag/answering/weights.json` to the tune questions.

`python -m footnote.eval.train INDEX` does it, over an index of the papers.
"""

import json
import math
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from footnote.eval.datasets import JudgedQuestion, load_questions
from footnote.eval.metrics import fact_recall, judge_confidence
from footnote.rag.answering.answerability import POSITIVE_FEATURES, features, set_by_hand
from footnote.rag.answering.evidence import Draft
from footnote.rag.answering.weights import FILE
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import load_config
from footnote.rag.core.request import Kind

_QUESTIONS = Path(__file__).parent / "questions" / "tune.jsonl"
_FOLDS = 10
# Of 1, 5, 10 and 30 on standardised features all gave the same AUROC to 0.002.
_RIDGE = 5.0
# The threshold that is told is the one which wrongly refuses this share of the answerable ones.
_WRONGLY_REFUSED = 0.05
# How sharply a sentence's score tells it from the others, so that the weights stay of the size
# that the thresholds in `rag/answering/evidence.py` are for; and the ridge on them.
_SHARPNESS, _SENTENCE_RIDGE = 30.0, 0.01
_SAID = 3


class Example(NamedTuple):
    """A question and what could be said to it."""

    question: JudgedQuestion
    draft: Draft


class Head(NamedTuple):
    """A fitted model: its weights by name, and what they are worth on questions left out."""

    weights: dict[str, float]
    card: dict[str, object]


def main() -> None:
    """Fit both heads on an index over the papers of the questions, and write them."""
    config = load_config(index=Path(sys.argv[1]))
    catalogue = open_index(config).catalogue
    assistant = open_assistant(config, writes=False)
    asked = load_questions(_QUESTIONS, catalogue.papers(), catalogue.aliases()).questions
    examples = [Example(q, assistant.draft(q.question, q.history)) for q in asked]
    heads = {"confidence": fit_confidence(examples), "sentences": fit_sentences(examples)}
    FILE.write_text(json.dumps({name: h._asdict() for name, h in heads.items()}, indent=1) + "\n")
    for name, head in heads.items():
        sys.stdout.write(f"{name}: {head.card}\n")


def fit_confidence(examples: Sequence[Example]) -> Head:
    """Fit a logistic model of a question's having an answer, both cases weighing alike.

    No weight has the wrong sign: without that bound a better paper lowered the confidence, since
    questions without an answer were written to name one.
    """
    found = [(e.draft.signals, bool(e.question.relevant)) for e in examples if e.draft.signals]
    names = list(features(found[0][0]))
    table = np.array([list(features(signals).values()) for signals, _ in found])
    offsets = np.array([set_by_hand(signals) for signals, _ in found])
    right = np.array([is_answerable for _, is_answerable in found])

    signs = [1 if name in POSITIVE_FEATURES else -1 for name in names]

    def fit(rows: np.ndarray) -> np.ndarray:
        return _logistic(table[rows], offsets[rows], right[rows], signs)

    left_out = np.empty(len(found))
    for rows, others in _folds(len(found)):
        weights = fit(others)
        left_out[rows] = table[rows] @ weights[:-1] + weights[-1] + offsets[rows]
    weights = dict(zip([*names, "bias"], fit(np.arange(len(found))), strict=True))
    auroc = judge_confidence(left_out.tolist(), right.tolist()).auroc
    card = _card(len(found), "AUROC, cross-validated", auroc or 0.0)
    logit = float(np.quantile(left_out[right], _WRONGLY_REFUSED))
    return Head(_rounded(weights), card | {"threshold": round(1 / (1 + math.exp(-logit)), 3)})


def fit_sentences(examples: Sequence[Example]) -> Head:
    """Fit a softmax over the sentences considered, where those that say the key facts shall win."""
    kinds = {Kind.SURVEY, Kind.COMPARISON}
    usable = [
        (e, facts)
        for e in examples
        if e.question.must_include and e.draft.kind not in kinds and e.draft.ranked
        for facts in (_facts(e),)
        if facts.any()
    ]
    names = list(usable[0][0].draft.ranked[0].features)
    tables = [
        np.array([[s.features[name] for name in names] for s in e.draft.ranked]) for e, _ in usable
    ]
    targets = [facts / facts.sum() for _, facts in usable]

    def fit(rows: np.ndarray) -> np.ndarray:
        return _softmax([tables[i] for i in rows], [targets[i] for i in rows])

    said: list[float] = []
    for rows, others in _folds(len(usable)):
        weights = fit(others)
        for i in rows:
            example, _ = usable[i]
            best = np.argsort(-(tables[i] @ weights), kind="stable")[:_SAID]
            text = " ".join(example.draft.ranked[at].quote for at in best)
            said.append(fact_recall(example.question.must_include, text))
    weights = dict(zip(names, fit(np.arange(len(usable))), strict=True))
    figure = f"key facts in the first {_SAID} sentences, cross-validated"
    return Head(_rounded(weights), _card(len(usable), figure, float(np.mean(said))))


def _facts(example: Example) -> np.ndarray:
    """Return each sentence's share of the key facts; of right papers alone, if they say any."""
    asked, ranked = example.question, example.draft.ranked
    facts = np.array([fact_recall(asked.must_include, s.quote) for s in ranked])
    of_right = facts * np.array([asked.relevant.get(s.paper.paper_id, 0) > 0 for s in ranked])
    return of_right if of_right.any() else facts


def _logistic(
    table: np.ndarray, offsets: np.ndarray, right: np.ndarray, signs: Sequence[int]
) -> np.ndarray:
    """Fit the weights of the columns, each of its sign or 0, then the bias."""
    mean, spread = table.mean(axis=0), table.std(axis=0) + 1e-9
    scaled = np.column_stack([(table - mean) / spread, np.ones(len(table))])
    sign = np.where(right, 1.0, -1.0)
    share = np.where(right, 0.5 / right.mean(), 0.5 / (1 - right.mean()))
    ridge = np.append(np.full(table.shape[1], _RIDGE), 0.0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (scaled @ weights + offsets)
        value = (share * np.logaddexp(0, -margin)).sum() + 0.5 * (ridge * weights**2).sum()
        slope = -share * sign / (1 + np.exp(margin))
        return float(value), scaled.T @ slope + ridge * weights

    bounds = [(0, None) if sign > 0 else (None, 0) for sign in signs]
    found = _least(loss, [*bounds, (None, None)])
    weights = found[:-1] / spread
    return np.append(weights, found[-1] - weights @ mean)


def _softmax(tables: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> np.ndarray:
    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = 0.0, np.zeros(len(weights))
        for table, target in zip(tables, targets, strict=True):
            scores = _SHARPNESS * (table @ weights)
            logs = scores - scores.max()
            logs -= np.log(np.exp(logs).sum())
            value -= float(target @ logs)
            slope -= _SHARPNESS * (table.T @ (target - np.exp(logs)))
        n = len(tables)
        ridge = _SENTENCE_RIDGE * weights
        return value / n + float(ridge @ weights), slope / n + 2 * ridge

    return _least(loss, [(None, None)] * tables[0].shape[1])


def _least(
    loss: Callable[[np.ndarray], tuple[float, np.ndarray]],
    bounds: Sequence[tuple[float | None, float | None]],
) -> np.ndarray:
    return minimize(loss, np.zeros(len(bounds)), jac=True, bounds=bounds, method="L-BFGS-B").x


def _folds(n: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the rows of each fold and those of the others; the same at every call."""
    fold = np.random.default_rng(0).permutation(n) % _FOLDS
    return [(np.flatnonzero(fold == i), np.flatnonzero(fold != i)) for i in range(_FOLDS)]


def _rounded(weights: dict[str, float]) -> dict[str, float]:
    return {name: round(float(weight), 3) for name, weight in weights.items()}


def _card(n: int, figure: str, value: float) -> dict[str, object]:
    day = datetime.now(UTC).date().isoformat()
    return {
        "data": _QUESTIONS.name,
        "questions": n,
        "figure": figure,
        "value": round(value, 3),
        "date": day,
    }


if __name__ == "__main__":
    main()
