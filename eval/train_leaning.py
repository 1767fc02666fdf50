"""Fit what tells if a line of a conversation leans on what was said before it.

`python -m footnote.eval.train_leaning WORK` replays labelled conversations over the indexes
that `train_ranking` made in WORK, and writes the weights with their card.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from footnote.eval import labels
from footnote.rag.assistant import Assistant
from footnote.rag.build import open_assistant
from footnote.rag.core.config import load_config
from footnote.rag.core.records import Answer
from footnote.rag.core.request import Act
from footnote.rag.understanding.dialogue import last_said
from footnote.rag.understanding.leaning import FILE, Leaning, leans

_INVERSE_RIDGE = 1.0


class Example(NamedTuple):
    """A line that could be a follow-up and could be new."""

    writer: str
    leaning: Leaning
    leans: bool


def main(work: Path) -> None:
    """Fit the weights, and write them."""
    talks = labels.leaning_talks()
    examples: list[Example] = []
    for field in sorted({talk.field for talk in talks}):
        assistant = open_assistant(load_config(index=work / field), writes=False)
        for talk in talks:
            if talk.field == field:
                examples += replayed(assistant, talk)
    head = fit_leaning(examples)
    FILE.write_text(json.dumps(head, indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(f"{head['card']}\n")


def replayed(assistant: Assistant, talk: labels.Talk) -> Iterator[Example]:
    """Yield each later line that asks something which a paper answers.

    It leans if the papers that answer it were cited last, or nothing was and it cannot be
    understood alone. The lines before it are asked as they were written out in full: what is
    fitted here changes nothing of what was said.
    """
    turns: list[Answer] = []
    for line in talk.turns:
        said = last_said(turns)
        cited = {source.title for source in said.sources} if said else set[str]()
        if turns and line.relevant and line.act in (Act.NEW, Act.FOLLOW_UP):
            found = assistant.leaning(line.text, turns)
            is_said = not cited.isdisjoint(line.relevant)
            if found:
                yield Example(talk.writer, found, is_said or not (cited or line.stands_alone))
        turns.append(assistant.ask(line.full))


def fit_leaning(examples: Sequence[Example]) -> dict[str, object]:
    """Fit the probability that a line leans, and say how good it is of writers left out."""
    writers = np.array([e.writer for e in examples])
    right = np.array([e.leans for e in examples])
    told = np.empty(len(examples), bool)
    for writer in sorted(set(writers)):
        others = [e for e in examples if e.writer != writer]
        weights = _weights(others or examples)
        for at in np.flatnonzero(writers == writer).tolist():
            told[at] = leans(examples[at].leaning, weights)
    return {
        "weights": {name: round(value, 3) for name, value in _weights(examples).items()},
        "card": {
            "lines": len(examples),
            "held out by": {str(w): int((writers == w).sum()) for w in sorted(set(writers))},
            "leaning": int(right.sum()),
            "accuracy": round(float((told == right).mean()), 3),
            "leaning lines found": round(float(told[right].mean()), 3),
            "others taken for leaning": round(float(told[~right].mean()), 3),
            "date": datetime.now(UTC).date().isoformat(),
        },
    }


def _weights(examples: Sequence[Example]) -> dict[str, float]:
    """Fit weights of plain features, and the bias, on standardised ones."""
    table = np.array([e.leaning for e in examples])
    mean, spread = table.mean(0), table.std(0) + 1e-9
    model = LogisticRegression(C=_INVERSE_RIDGE, max_iter=1000)
    model.fit((table - mean) / spread, [e.leans for e in examples])
    weights = np.asarray(model.coef_)[0] / spread
    bias = float(np.asarray(model.intercept_)[0] - weights @ mean)
    return dict(zip(Leaning._fields, map(float, weights), strict=True)) | {"bias": bias}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
