"""Fit what ranks sentences to questions with marks, and what tells if the papers answer.

`python -m footnote.eval.train_ranking SHARED WORK` builds an index of each collection in WORK,
those of SHARED beside the bundled, and writes the weights that rank to `rag/answering`; those that
tell if the papers answer are fitted by `train_interaction` after that.
"""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from footnote.eval import labels
from footnote.eval.datasets import JudgedQuestion, load_questions
from footnote.eval.metrics import fact_recall
from footnote.ingest.identity.keys import identity_keys
from footnote.rag.answering.answerability import POSITIVE_FEATURES, Signals
from footnote.rag.answering.draft import Draft
from footnote.rag.answering.rows import NAMES as NAMES_OF_ROWS
from footnote.rag.answering.rows import row_features
from footnote.rag.answering.sentences import feature_names
from footnote.rag.answering.weights import FILE, load_weights
from footnote.rag.build import open_assistant, open_index
from footnote.rag.core.config import load_config
from footnote.rag.core.records import Hit, Paper
from footnote.rag.core.request import Kind, Request
from footnote.rag.index.writer import IndexWriter, unwatched
from footnote.rag.understanding.request import read_request

_TUNE = Path(__file__).parent / "questions" / "tune.jsonl"
# Surveys and comparisons are laid out by paper; their marks do not say what comes first.
_RANKED = frozenset({Kind.FACT, Kind.NUMBER, Kind.DEFINITION, Kind.EXPLANATION, Kind.CLAIM})
_INVERSE_RIDGE = 0.1
_FOLDS = 8
NAMES = feature_names(sorted(_RANKED))
"""Of the features of a sentence, in the order of a table's columns."""
# The threshold that is told is the one which wrongly refuses this share of the answerable ones.
_WRONGLY_REFUSED = 0.05
# Without bounds a better paper lowered the confidence: questions without an answer were written to
# come near.
# Of 1, 5, 10 and 30 on standardised features all gave the same AUROC to 0.002.
_RIDGE = 5.0
_LISTWISE_RIDGE = 5.0
_ANSWERS = 2


class Ranked(NamedTuple):
    """A question with the sentences considered and the grade of each."""

    id: str
    writer: str
    kind: Kind
    table: np.ndarray
    """float, (n_sentences, n_features)."""
    grades: np.ndarray
    """int, (n_sentences,): 2 answers, 1 belongs, 0 neither."""
    question: str = ""
    quotes: tuple[str, ...] = ()
    """The sentences, best first by the weights of now."""
    scores: np.ndarray = np.empty(0)
    """float, (n_sentences,), in [0, 1]: how likely each answers by these weights."""
    is_answerable: bool = True


class Listed(NamedTuple):
    """A paper that a question is about, with its sentences and which of them answer."""

    writer: str
    question: str
    table: np.ndarray
    """float, (n_sentences, n_features)."""
    answers: np.ndarray
    """bool, (n_sentences,)."""


class Judged(NamedTuple):
    """A question with the signals of what was found, and if the papers answer it."""

    writer: str
    features: dict[str, float]
    offset: float
    """What is added to the logit with no fitted weight."""
    is_answerable: bool


class Asked(NamedTuple):
    """A question, answerable or not, with what could be said."""

    field: str
    ranked: Ranked
    signals: Signals | None
    """None where nothing was found."""


def fit_ranking(shared: Path, work: Path) -> None:
    """Index each collection in `work`, fit the weights one after the other, and write them."""
    heads: dict[str, dict[str, object]] = {}
    collections = {field: papers for field, papers in labels.collections(shared) if papers}
    for field, papers in collections.items():
        make_index(work / field, papers)
    marked = ranked_examples(work, collections)
    tune = tune_examples(work / "systems") if "systems" in collections else []
    for head, least, examples in (("answers", 2, [*marked, *tune]), ("belongs", 1, marked)):
        heads[head] = _fit_sentences(examples, least)
        sys.stdout.write(f"{head}: {heads[head]['card']}\n")
    for head, examples in row_examples(work, collections).items():
        heads[head] = fit_listwise(examples, NAMES_OF_ROWS[head])
        sys.stdout.write(f"{head}: {heads[head]['card']}\n")
    write_weights(heads)


def make_index(folder: Path, papers: Sequence[Paper]) -> None:
    """Index exactly these papers; what is there already is kept."""
    index = open_index(load_config(index=folder), create=True)
    writer = IndexWriter(index)
    with writer.writing():
        held = index.catalogue.get(paper.paper_id for paper in papers)
        new = [paper for paper in papers if paper.paper_id not in held]
        index.catalogue.save(((paper, identity_keys(paper)) for paper in new), {})
        writer.update(unwatched)


def ranked_examples(work: Path, collections: dict[str, list[Paper]]) -> list[Ranked]:
    """Return each marked question with the sentences that would be considered for it."""
    found: list[Ranked] = []
    for field in collections:
        assistant = open_assistant(load_config(index=work / field), writes=False)
        for mark in labels.marks():
            if mark.field != field or mark.kind not in _RANKED or not mark.answers:
                continue
            draft = assistant.draft(mark.question, request=_request(mark))
            if draft.ranked:
                found.append(_ranked(mark.id, mark.writer, draft, _marked(mark, draft)))
    return found


def tune_examples(index: Path) -> list[Ranked]:
    """Return each tune question whose key facts some sentence of a right paper says.

    Such a sentence answers; which others belong to the answer is not known.
    """
    assistant = open_assistant(load_config(index=index), writes=False)
    drafts = ((q, assistant.draft(q.question, q.history)) for q in _tune(index))
    found = [_of_tune(q, draft) for q, draft in drafts if draft.ranked]
    return [e for e in found if e.kind in _RANKED and e.grades.any()]


def _of_tune(asked: JudgedQuestion, draft: Draft) -> Ranked:
    says = [
        2 * (asked.relevant.get(e.paper.paper_id, 0) > 0)
        * bool(asked.must_include and fact_recall(asked.must_include, e.quote))
        for e in draft.ranked
    ]  # fmt: skip
    found = _ranked(asked.id, f"tune-{asked.id[0]}", draft, says)
    return found._replace(is_answerable=bool(asked.relevant))


def _marked(mark: labels.MarkedQuestion, draft: Draft) -> list[int]:
    return [mark.answers.get(e.paper.title, {}).get(e.number, 0) for e in draft.ranked]


def _ranked(id_: str, writer: str, draft: Draft, grades: Sequence[int]) -> Ranked:
    return Ranked(
        id_,
        writer,
        draft.request.kind,
        np.array([[e.features.get(name, 0.0) for name in NAMES] for e in draft.ranked]),
        np.array(grades),
        draft.request.question,
        tuple(e.quote for e in draft.ranked),
        np.array([e.score for e in draft.ranked]),
    )


def _tune(index: Path) -> list[JudgedQuestion]:
    """Return the tune questions of which no one has marked the sentences."""
    catalogue = open_index(load_config(index=index)).catalogue
    marked = {mark.id for mark in labels.marks()}
    questions = load_questions(_TUNE, catalogue.papers(), catalogue.aliases()).questions
    return [question for question in questions if question.id not in marked]


def _request(mark: labels.MarkedQuestion) -> Request:
    topic = read_request(mark.question).topic
    return Request(question=mark.question, kind=mark.kind, topic=topic, sides=mark.sides)


def _fit_sentences(examples: Sequence[Ranked], least: int) -> dict[str, object]:
    """Fit the probability that a sentence has at least a grade, cross-validated by writer."""
    writers = np.array([e.writer for e in examples])
    groups = writers if len(set(writers)) > 1 else _fold_names(len(examples))
    first: list[bool] = []
    for group in sorted(set(groups)):
        others = [examples[at] for at in np.flatnonzero(groups != group).tolist()]
        weights = _sentence_weights(others, least)
        for at in np.flatnonzero(groups == group).tolist():
            example = examples[at]
            best = int((example.table @ weights[:-1]).argmax())
            first.append(bool(example.grades[best] >= least))
    weights = _sentence_weights(examples, least)
    return {
        "weights": {
            **{n: round(float(w), 3) for n, w in zip(NAMES, weights, strict=False)},
            "bias": round(float(weights[-1]), 3),
        },
        "card": {
            "questions": len(examples),
            "figure": "the first sentence has this grade, writers held out",
            "value": round(float(np.mean(first)), 3),
            "date": datetime.now(UTC).date().isoformat(),
        },
    }


def row_examples(work: Path, collections: dict[str, list[Paper]]) -> dict[str, list[Listed]]:
    """Return of each model of `rag.answering.rows` the marked papers that it is fitted to."""
    heads = {Kind.SURVEY: "shows", Kind.NUMBER: "headline"}
    found: dict[str, list[Listed]] = {head: [] for head in heads.values()}
    for field, papers in collections.items():
        assistant = open_assistant(load_config(index=work / field), writes=False)
        by_title = {paper.title: paper for paper in papers}
        for mark in labels.marks():
            if mark.field != field or mark.kind not in heads:
                continue
            for title, grades in mark.answers.items():
                paper = by_title[title]
                hit = Hit(paper=paper, score=1.0, passage=paper.sentences[0])
                own = assistant.evidence(mark.question, [hit])
                answers = np.array([grades.get(e.number, 0) == _ANSWERS for e in own])
                if answers.any():
                    head = heads[mark.kind]
                    table = row_features(own, head)
                    found[head].append(Listed(mark.writer, mark.question, table, answers))
    return found


def fit_listwise(examples: Sequence[Listed], names: Sequence[str]) -> dict[str, object]:
    """Fit a softmax over the sentences of each paper, cross-validated by writer."""
    writers = sorted({e.writer for e in examples})
    first: list[bool] = []
    for fold in range(_FOLDS):
        held = set(writers[fold::_FOLDS])
        others = [e for e in examples if e.writer not in held]
        if not held or not others:
            continue
        weights = _listwise_weights(others)
        own = (e for e in examples if e.writer in held)
        first += [bool(e.answers[int((e.table @ weights).argmax())]) for e in own]
    weights = _listwise_weights(examples)
    return {
        "weights": {n: round(float(w), 3) for n, w in zip(names, weights, strict=True)},
        "card": {
            "questions": len({e.question for e in examples}),
            "papers": len(examples),
            "figure": "the first sentence of a paper answers, writers held out",
            "value": round(float(np.mean(first)), 3) if first else None,
            "date": datetime.now(UTC).date().isoformat(),
        },
    }


def _listwise_weights(examples: Sequence[Listed]) -> np.ndarray:
    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        value, slope = _LISTWISE_RIDGE / 2 * float(weights @ weights), _LISTWISE_RIDGE * weights
        for e in examples:
            scores = e.table @ weights
            odds = np.exp(scores - scores.max())
            shares = odds / odds.sum()
            right = shares * e.answers
            value -= float(np.log(right.sum()))
            slope = slope + e.table.T @ (shares - right / right.sum())
        return value, slope

    start = np.zeros(examples[0].table.shape[1])
    return minimize(loss, start, jac=True, method="L-BFGS-B").x


def _sentence_weights(examples: Sequence[Ranked], least: int) -> np.ndarray:
    table = np.vstack([e.table for e in examples])
    grades = np.concatenate([e.grades for e in examples])
    return _logistic(table, grades >= least, _INVERSE_RIDGE, balanced=False)


def _logistic(table: np.ndarray, right: np.ndarray, c: float, *, balanced: bool) -> np.ndarray:
    """Fit weights of plain features, the bias last, on standardised ones."""
    mean, spread = table.mean(axis=0), table.std(axis=0) + 1e-9
    model = LogisticRegression(C=c, max_iter=1000, class_weight="balanced" if balanced else None)
    model.fit((table - mean) / spread, right)
    weights = np.asarray(model.coef_)[0] / spread
    return np.append(weights, np.asarray(model.intercept_)[0] - weights @ mean)


def _fold_names(n: int) -> np.ndarray:
    return np.random.default_rng(0).permutation(n) % _FOLDS


def asked_examples(work: Path, collections: dict[str, list[Paper]]) -> Iterator[Asked]:
    """Yield every question, answerable or not, as it is read when it is asked."""
    for field in collections:
        assistant = open_assistant(load_config(index=work / field), writes=False)
        for mark in labels.marks():
            if mark.field == field:
                draft = assistant.draft(mark.question)
                found = _ranked(mark.id, mark.writer, draft, _marked(mark, draft))
                found = found._replace(is_answerable=bool(mark.answers))
                yield Asked(field, found, draft.signals)
        if field == "systems":
            for question in _tune(work / field):
                draft = assistant.draft(question.question, question.history)
                yield Asked(field, _of_tune(question, draft), draft.signals)


def fit_confidence(examples: Sequence[Judged]) -> dict[str, object]:
    """Fit the probability that the papers answer, both cases weighing alike."""
    names = list(examples[0].features)
    table = np.array([[e.features[name] for name in names] for e in examples])
    right = np.array([e.is_answerable for e in examples])
    offsets = np.array([e.offset for e in examples])
    groups = np.array([e.writer for e in examples])
    left_out = np.empty(len(examples))
    bounds = [_bound(name) for name in names]
    for group in set(groups):
        weights = _bounded(
            table[groups != group], offsets[groups != group], right[groups != group], bounds
        )
        left_out[groups == group] = (
            table[groups == group] @ weights[:-1] + weights[-1] + offsets[groups == group]
        )
    weights = _bounded(table, offsets, right, bounds)
    logit = float(np.quantile(left_out[right], _WRONGLY_REFUSED))
    refused = float((left_out[~right] < logit).mean())
    return {
        "weights": {
            **{n: round(float(w), 3) for n, w in zip(names, weights, strict=False)},
            "bias": round(float(weights[-1]), 3),
        },
        "card": {
            "questions": len(examples),
            "unanswerable": int((~right).sum()),
            "figure": "AUROC, writers held out",
            "value": round(float(roc_auc_score(right, left_out)), 3),
            "threshold": round(float(1 / (1 + np.exp(-logit))), 3),
            "refused at the threshold": round(refused, 3),
            "wrongly refused": _WRONGLY_REFUSED,
            "date": datetime.now(UTC).date().isoformat(),
        },
    }


def _bound(name: str) -> tuple[float | None, float | None]:
    return (0, None) if name in POSITIVE_FEATURES else (None, 0)


def _bounded(
    table: np.ndarray,
    offsets: np.ndarray,
    right: np.ndarray,
    bounds: Sequence[tuple[float | None, float | None]],
) -> np.ndarray:
    """Fit weights of plain features within bounds, the bias last, both classes weighing alike."""
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

    start = np.zeros(scaled.shape[1])
    bounds = [*bounds, (None, None)]
    found = minimize(loss, start, jac=True, bounds=bounds, method="L-BFGS-B").x
    weights = found[:-1] / spread
    return np.append(weights, found[-1] - weights @ mean)


def write_weights(heads: Mapping[str, object]) -> None:
    """Write these heads, in place of those of the same names."""
    kept = json.loads(FILE.read_text(encoding="utf-8"))
    FILE.write_text(json.dumps(kept | heads, indent=1) + "\n", encoding="utf-8")
    load_weights.cache_clear()


if __name__ == "__main__":
    fit_ranking(Path(sys.argv[1]), Path(sys.argv[2]))
