"""Fit the heads that tell what a sentence does to what people labelled, and write their cards.

`python -m footnote.eval.train_heads` does it; `eval/labels.py` reads the labels.
"""

import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, f1_score

from footnote.eval import labels
from footnote.rag.answering.heads import FOLDER
from footnote.rag.answering.roles import Role, sentence_features

# A feature that fewer lines have tells nothing of others.
_LEAST_COUNT = 2
# Of 3, 10, 30 and 100 the macro-F1 across writers differed by less than 0.01.
_INVERSE_RIDGE = 10.0
# Weights are written as whole numbers of this.
_SCALE = 0.02
# Smaller ones change nothing that is told, and are most of a file.
_LEAST_WRITTEN = 3
# All digests are by one hand and of one field. With a weight of one the likeliest idea of abstracts
# of fields that were held out is one for 0.80 of 405; without digests for 0.82, as with this.
_WEIGHTS = {"digests": 0.15}
# Where all are of one group.
_FOLDS = 5
_LETTERS = {role.value[0].upper(): role.value for role in Role}


class Example(NamedTuple):
    """What a head is fitted to."""

    features: Sequence[str]
    label: str
    group: str
    """Held out together: a field."""


class Fitted(NamedTuple):
    """A logistic regression over the features that were seen often enough."""

    model: LogisticRegression
    vocabulary: Mapping[str, int]

    def predict(self, examples: Sequence[Example]) -> np.ndarray:
        """Return the most probable class of each."""
        return np.asarray(self.model.predict(_matrix(examples, self.vocabulary)))


def main() -> None:
    """Fit the heads, and write them."""
    for name, examples in head_examples().items():
        _tell(name, write_head(name, examples))


def _tell(name: str, card: Mapping[str, object]) -> None:
    sys.stdout.write(f"{name}: {json.dumps(card, ensure_ascii=False)}\n")


def head_examples() -> dict[str, list[Example]]:
    """Return the examples of each head, by its name."""
    roles: list[Example] = []
    leans: list[Example] = []
    texts = labels.sentences_of_abstracts()
    for abstract in labels.abstracts():
        sentences = texts.get((abstract.field, abstract.title), ())
        if len(sentences) != len(abstract.roles):
            continue
        for at, (sentence, letter) in enumerate(zip(sentences, abstract.roles, strict=True)):
            features = list(sentence_features(sentence, at, len(sentences)))
            roles.append(Example(features, _LETTERS[letter.upper()], abstract.field))
            if abstract.leans_known:
                leans.append(Example(features, "yes" if letter.islower() else "no", abstract.field))
    return {"roles": roles, "leans": leans}


def fit(examples: Sequence[Example]) -> Fitted:
    """Fit a multinomial logistic regression."""
    counts = Counter(f for e in examples for f in set(e.features))
    known = sorted(f for f, count in counts.items() if count >= _LEAST_COUNT)
    vocabulary = {feature: at for at, feature in enumerate(known)}
    table = _matrix(examples, vocabulary)
    model = LogisticRegression(C=_INVERSE_RIDGE, max_iter=400)
    weights = [_WEIGHTS.get(e.group, 1.0) for e in examples]
    return Fitted(model.fit(table, [e.label for e in examples], weights), vocabulary)


def cross_validated(examples: Sequence[Example]) -> np.ndarray:
    """Return the class predicted of each example by a head that never saw its group."""
    groups = np.array([e.group for e in examples])
    if len(set(groups)) == 1:
        groups = np.array([f"{at % _FOLDS}" for at in range(len(examples))])
    predicted = np.empty(len(examples), object)
    for group in sorted(set(groups)):
        own = np.flatnonzero(groups == group)
        others = [examples[at] for at in np.flatnonzero(groups != group).tolist()]
        predicted[own] = fit(others).predict([examples[at] for at in own.tolist()])
    return predicted.astype(str)


def write_head(name: str, examples: Sequence[Example]) -> dict[str, object]:
    """Fit a head, write it to its file, and return its card."""
    fitted = fit(examples)
    rows, bias = _by_class(fitted.model)
    card = _card(examples)
    written: dict[str, object] = {
        "card": card,
        "classes": fitted.model.classes_.tolist(),
        "scale": _SCALE,
        "bias": _sparse(bias),
        "weights": {
            feature: sparse
            for feature, at in fitted.vocabulary.items()
            if (sparse := _sparse(rows[:, at]))
        },
    }
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(written, ensure_ascii=False, separators=(",", ":"))
    file = FOLDER / f"{name}.json"
    file.write_text(text.replace('},"', '},\n"') + "\n", encoding="utf-8")
    return card


def _by_class(model: LogisticRegression) -> tuple[np.ndarray, np.ndarray]:
    """Return a row of weights a class, and their biases; of two classes only one has its own."""
    rows, bias = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(rows) == 1:
        return np.vstack([-rows, rows]) / 2, np.array([-bias[0], bias[0]]) / 2
    return rows, bias


def _card(examples: Sequence[Example]) -> dict[str, object]:
    right = np.array([e.label for e in examples])
    predicted = cross_validated(examples)
    classes = sorted(set(right))
    return {
        "examples": len(examples),
        "held out by": dict(Counter(e.group for e in examples)),
        "accuracy": round(float((right == predicted).mean()), 3),
        "macro F1": round(float(f1_score(right, predicted, average="macro")), 3),
        "confusion (rows: labelled)": {
            label: dict(zip(classes, row, strict=True))
            for label, row in zip(
                classes, confusion_matrix(right, predicted, labels=classes).tolist(), strict=True
            )
        },
        "date": datetime.now(UTC).date().isoformat(),
    }


def _sparse(row: np.ndarray) -> dict[str, int]:
    whole = np.rint(row / _SCALE).astype(int)
    return {str(at): int(whole[at]) for at in np.flatnonzero(np.abs(whole) >= _LEAST_WRITTEN)}


def _matrix(examples: Sequence[Example], vocabulary: Mapping[str, int]) -> csr_matrix:
    """Return a row an example: 1 for each known feature, by the length of all."""
    values: list[float] = []
    columns: list[int] = []
    ends = [0]
    for example in examples:
        known = sorted({vocabulary[f] for f in example.features if f in vocabulary})
        columns += known
        values += [1 / np.sqrt(max(len(known), 1))] * len(known)
        ends.append(len(columns))
    return csr_matrix((values, columns, ends), shape=(len(examples), len(vocabulary)))


if __name__ == "__main__":
    main()
