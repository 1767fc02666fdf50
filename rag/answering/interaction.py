"""Compare a question with a sentence word by word, by a small network over their words in context.

The linear weights of `rag.answering.sentences` know how near a sentence comes; this knows what is
asked of it. Each word of the one is set beside what of the other is most like it (decomposable
attention; Parikh et al., 2016), and what comes of all pairs is added up. `python -m
footnote.eval.train_interaction` fits it to questions with the sentences that answer them marked.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from footnote.rag.core.request import Kind

FILE = Path(__file__).with_name("interaction.npz")
KINDS = (Kind.FACT, Kind.NUMBER, Kind.DEFINITION, Kind.EXPLANATION, Kind.CLAIM)
"""Of the questions that it was fitted to."""
# The states that go in have unit norm, which is small for the numbers of such a network.
SCALE = 4.0
_FAR = -1e9


class Compared(NamedTuple):
    """How sentences compare with a question; float, (n,) each."""

    beside: np.ndarray
    """How much better each answers than the others of the same question."""
    answers: np.ndarray
    """Log odds that each answers; of the question that any does, by `any_answers`."""


def interaction_scores(asked: np.ndarray, sentences: Sequence[np.ndarray], kind: Kind) -> Compared:
    """Score how well each sentence answers.

    Args:
        asked: The words of the question in their context, float32, (n_words, width).
        sentences: Those of each sentence.
        kind: Of the question, one of `KINDS`.
    """
    weights = _weights()
    if not len(asked) or not sentences:
        return Compared(np.zeros(len(sentences)), np.zeros(len(sentences)))
    question = _dense(weights, "project", asked * SCALE)
    beside = weights["kind"][KINDS.index(kind)]
    scores = np.array([_scores(weights, question, beside, s * SCALE) for s in sentences])
    return Compared(scores[:, 0], scores[:, 1])


def any_answers(answers: Sequence[float] | np.ndarray) -> float:
    """Return the log odds that any of some sentences answers, from those of each; 0 for none.

    In [-8, 8]: a network is never surer than that.
    """
    return float(np.clip(np.logaddexp.reduce(answers), -8, 8)) if len(answers) else 0.0


def _scores(
    weights: dict[str, np.ndarray], question: np.ndarray, kind: np.ndarray, sentence: np.ndarray
) -> np.ndarray:
    """Return both scores of a sentence; float, (2,)."""
    if not len(sentence):
        return np.array([_FAR, _FAR])
    said = _dense(weights, "project", sentence)
    alike = question @ said.T * (4 / np.sqrt(said.shape[1]))
    of_question = _compared(weights, question, _softmax(alike) @ said, kind)
    of_sentence = _compared(weights, said, _softmax(alike.T) @ question, kind)
    told = np.concatenate(
        [of_question.max(0), of_question.mean(0), of_sentence.max(0), of_sentence.mean(0)]
    )
    hidden = np.maximum(_dense(weights, "join", told), 0)
    return _dense(weights, "out", hidden)


def _compared(
    weights: dict[str, np.ndarray], own: np.ndarray, other: np.ndarray, kind: np.ndarray
) -> np.ndarray:
    kinds = np.broadcast_to(kind, own.shape)
    return np.maximum(
        _dense(weights, "compare", np.concatenate([own, other, np.abs(own - other), kinds], 1)), 0
    )


def _dense(weights: dict[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _softmax(logits: np.ndarray) -> np.ndarray:
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


@cache
def _weights() -> dict[str, np.ndarray]:
    with np.load(FILE) as written:
        return {name: written[name].astype(np.float32) for name in written.files}
