"""Fit the heads that read a line or a sentence to what people labelled, and write their cards.

`python -m footnote.eval.train_heads` does it; `eval/labels.py` reads the labels.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, f1_score

from footnote.eval import labels
from footnote.rag.answering.roles import Role, sentence_features
from footnote.rag.core.text import Span
from footnote.rag.index.embedding import BUNDLED, load_embedder
from footnote.rag.understanding.heads import (
    BEGIN,
    FOLDER,
    NO_LABEL,
    text_features,
    token_features,
    tokens_of,
    turn_features,
)

# A feature that fewer lines have tells nothing of others.
_LEAST_COUNT = 2
# Of 3, 10, 30 and 100 the macro-F1 across writers differed by less than 0.01.
_INVERSE_RIDGE = 10.0
# Weights are written as whole numbers of this.
_SCALE = 0.02
# Smaller ones change nothing that is told, and are most of a file.
_LEAST_WRITTEN = 3
# Where all are of one group.
_FOLDS = 5
_LETTERS = {role.value[0].upper(): role.value for role in Role}
_SEVERAL = ("sides",)


Vectors = Mapping[str, np.ndarray]
"""The bundled embedder's vectors of lines, by their text."""


class Example(NamedTuple):
    """What a head is fitted to."""

    features: Sequence[str]
    label: str
    group: str
    """Held out together: a writer, or a field."""
    text: str = ""
    """Of a line, whose vector may count too."""


class Fitted(NamedTuple):
    """A logistic regression over the features that were seen often enough."""

    model: LogisticRegression
    vocabulary: Mapping[str, int]

    def predict(self, examples: Sequence[Example], vectors: Vectors | None) -> np.ndarray:
        """Return the most probable class of each."""
        return np.asarray(self.model.predict(_matrix(examples, self.vocabulary, vectors)))


def main() -> None:
    """Fit the heads, each with and without the vector of a line where that may count, and write."""
    for name, examples in head_examples().items():
        _tell(name, write_head(name, examples))
        if examples[0].text:
            _tell(f"{name} with vector", write_head(name, examples, _vectors(examples)))


def _tell(name: str, card: Mapping[str, object]) -> None:
    sys.stdout.write(f"{name}: {json.dumps(card, ensure_ascii=False)}\n")


def _vectors(examples: Sequence[Example]) -> Vectors:
    texts = sorted({e.text for e in examples})
    embedder = load_embedder(BUNDLED)
    found = embedder.get_text_embedding_batch(texts)
    return dict(zip(texts, np.array(found, np.float32), strict=True))


def head_examples() -> dict[str, list[Example]]:
    """Return the examples of each head, by its name."""
    lines, marks, abstracts = labels.lines(), labels.marks(), labels.abstracts()
    kinds = [Example(list(text_features(x.text)), x.kind, x.writer, x.text) for x in lines]
    kinds += [
        Example(list(text_features(m.question)), m.kind, m.writer, m.question)
        for m in marks
        if m.kind_known
    ]
    asked = [x for x in lines if x.history]
    return {
        "kind": kinds,
        "operation": [
            Example(list(text_features(x.text)), x.operation, x.writer, x.text)
            for x in lines
            if x.operation
        ],
        "act": [
            *(
                Example(list(turn_features(x.text, x.history[-1])), x.act, x.writer, x.text)
                for x in asked
            ),
            *_turns(),
        ],
        "spans": [
            *(e for x in lines for e in _tagged(x.text, x.spans, x.writer)),
            *(
                e
                for m in marks
                if m.topic or m.sides
                for e in _tagged(m.question, {"topic": m.topic or "", "sides": m.sides}, m.writer)
            ),
        ],
        **_sentence_examples(abstracts),
    }


def _turns() -> Iterable[Example]:
    for talk in labels.talks():
        for before, turn in zip(talk.turns, talk.turns[1:], strict=False):
            features = list(turn_features(turn.text, before.text))
            yield Example(features, turn.act, f"talks-{talk.field}", turn.text)


def _tagged(text: str, spans: Mapping[str, str | Sequence[str]], writer: str) -> Iterable[Example]:
    """Yield an example a word: the part of the request that it names."""
    tokens = tokens_of(text)
    named: list[tuple[Span, str]] = []
    for label, parts in spans.items():
        for part in [parts] if isinstance(parts, str) else parts:
            at = text.find(part)
            if part and at >= 0:
                named.append((Span(at, at + len(part)), label))
    before = BEGIN
    for at, token in enumerate(tokens):
        label = next(
            (
                label
                for span, label in named
                if span.start <= token.span.start and token.span.end <= span.end
            ),
            NO_LABEL,
        )
        yield Example(list(token_features(tokens, at, before)), label, writer)
        before = label


def _sentence_examples(abstracts: Sequence[labels.LabelledAbstract]) -> dict[str, list[Example]]:
    roles: list[Example] = []
    leans: list[Example] = []
    texts = labels.sentences_by_title()
    for abstract in abstracts:
        sentences = texts.get(abstract.title, ())
        if len(sentences) != len(abstract.roles):
            continue
        for at, (sentence, letter) in enumerate(zip(sentences, abstract.roles, strict=True)):
            features = list(sentence_features(sentence, at, len(sentences)))
            roles.append(Example(features, _LETTERS[letter.upper()], abstract.field))
            if abstract.leans_known:
                leans.append(Example(features, "yes" if letter.islower() else "no", abstract.field))
    return {"roles": roles, "leans": leans}


def fit(examples: Sequence[Example], vectors: Vectors | None = None) -> Fitted:
    """Fit a multinomial logistic regression."""
    counts = Counter(f for e in examples for f in set(e.features))
    known = sorted(f for f, count in counts.items() if count >= _LEAST_COUNT)
    vocabulary = {feature: at for at, feature in enumerate(known)}
    table = _matrix(examples, vocabulary, vectors)
    model = LogisticRegression(C=_INVERSE_RIDGE, max_iter=400)
    return Fitted(model.fit(table, [e.label for e in examples]), vocabulary)


def cross_validated(examples: Sequence[Example], vectors: Vectors | None = None) -> np.ndarray:
    """Return the class predicted of each example by a head that never saw its group."""
    groups = np.array([e.group for e in examples])
    if len(set(groups)) == 1:
        groups = np.array([f"{at % _FOLDS}" for at in range(len(examples))])
    predicted = np.empty(len(examples), object)
    for group in sorted(set(groups)):
        own = np.flatnonzero(groups == group)
        others = [examples[at] for at in np.flatnonzero(groups != group).tolist()]
        predicted[own] = fit(others, vectors).predict(
            [examples[at] for at in own.tolist()], vectors
        )
    return predicted.astype(str)


def write_head(
    name: str, examples: Sequence[Example], vectors: Vectors | None = None
) -> dict[str, object]:
    """Fit a head, write it to its file, and return its card."""
    fitted = fit(examples, vectors)
    rows, bias = _by_class(fitted.model)
    card = _card(examples, vectors)
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
    if vectors:
        of_vector = np.rint(rows[:, len(fitted.vocabulary) :].T / _SCALE).astype(int)
        written["vector"] = of_vector.tolist()
    FOLDER.mkdir(exist_ok=True)
    text = json.dumps(written, ensure_ascii=False, separators=(",", ":"))
    file = FOLDER / f"{name}{'_vector' if vectors else ''}.json"
    file.write_text(text.replace('},"', '},\n"') + "\n", encoding="utf-8")
    return card


def _by_class(model: LogisticRegression) -> tuple[np.ndarray, np.ndarray]:
    """Return a row of weights a class, and their biases; of two classes only one has its own."""
    rows, bias = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(rows) == 1:
        return np.vstack([-rows, rows]) / 2, np.array([-bias[0], bias[0]]) / 2
    return rows, bias


def _card(examples: Sequence[Example], vectors: Vectors | None) -> dict[str, object]:
    right = np.array([e.label for e in examples])
    predicted = cross_validated(examples, vectors)
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


def _matrix(
    examples: Sequence[Example], vocabulary: Mapping[str, int], vectors: Vectors | None
) -> csr_matrix:
    """Return a row an example: 1 for each known feature, by the length of all; then its vector."""
    values: list[float] = []
    columns: list[int] = []
    ends = [0]
    for example in examples:
        known = sorted({vocabulary[f] for f in example.features if f in vocabulary})
        columns += known
        values += [1 / np.sqrt(max(len(known), 1))] * len(known)
        ends.append(len(columns))
    table = csr_matrix((values, columns, ends), shape=(len(examples), len(vocabulary)))
    if not vectors:
        return table
    return csr_matrix(hstack([table, np.array([vectors[e.text] for e in examples])]))


if __name__ == "__main__":
    main()
