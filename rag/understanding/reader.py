"""Read a line by one small network: its kind, operation and act, and what each word names.

A bidirectional GRU over the states of the words (`encoder`). `python -m footnote.eval.train_reader`
fits it to labelled lines and writes it to `weights/`, with a card that says of what data, how good,
and when.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from footnote.rag.core.request import Act, Kind, Operation
from footnote.rag.core.text import words
from footnote.rag.understanding.encoder import Encoded

FOLDER = Path(__file__).with_name("weights")
READER, COLLECTION = "reader", "collection"
NO_LABEL = ""


class Reading(NamedTuple):
    """What the network says of a line."""

    kinds: Mapping[Kind, float]
    """Probability of each."""
    operation: Operation
    """Should the kind be `catalogue`."""
    act: Act
    acts: Mapping[Act, float]
    """Probability of each; empty where no line is before it."""
    labels: tuple[str, ...]
    """Which part of the request each word names; `NO_LABEL` for none."""
    likely: tuple[Mapping[str, float], ...]
    """Of each word, the probability of each label."""


class Reader(NamedTuple):
    """The network."""

    classes: Mapping[str, tuple[str, ...]]
    """Names of what `kind`, `operation`, `act` and `label` choose from, in order."""
    weights: Mapping[str, np.ndarray]
    """By name, as torch names and lays them out: see `eval.train_reader`."""

    def read(self, text: str, line: Encoded, before: tuple[str, Encoded] | None = None) -> Reading:
        """Read a line.

        Args:
            text: The line.
            line: Its words; at least one.
            before: The line before it in the conversation; None where it is the first, which is
                always new.
        """
        states, pooled = self._pooled(line)
        probabilities = _softmax(self._linear("label", states))
        labels = self.classes["label"]
        acts: dict[Act, float] = {}
        if before:
            likely = _softmax(self._linear("act", self._turn(text, line, pooled, before)))
            acts = dict(zip(map(Act, self.classes["act"]), map(float, likely), strict=True))
        likely_kinds = _softmax(self._linear("kind", pooled))
        kinds = dict(zip(map(Kind, self.classes["kind"]), map(float, likely_kinds), strict=True))
        return Reading(
            kinds,
            Operation(self._best("operation", pooled)),
            max(acts, key=acts.__getitem__, default=Act.NEW),
            acts,
            tuple(labels[at] for at in probabilities.argmax(1)),
            tuple(dict(zip(labels, map(float, row), strict=True)) for row in probabilities),
        )

    def _turn(
        self, text: str, line: Encoded, pooled: np.ndarray, before: tuple[str, Encoded]
    ) -> np.ndarray:
        """Return what tells what a line does after the one before it."""
        earlier, encoded = before
        _, of_earlier = self._pooled(encoded)
        own, other = line.mean, encoded.mean
        return np.concatenate(
            [
                pooled,
                of_earlier[: -len(other)],
                own * other,
                np.abs(own - other),
                shared_words(text, earlier),
            ]
        )

    def _pooled(self, line: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """Return the states of the words, (n, 2 h), and of the whole line, (4 h + 384,)."""
        inputs = np.maximum(self._linear("inputs", line.states), 0.0)
        states = np.concatenate(
            [self._gru(inputs, ""), self._gru(inputs[::-1], "_reverse")[::-1]], axis=1
        )
        attention = _softmax(self._linear("attention", states)[:, 0])
        return states, np.concatenate([attention @ states, states.max(0), line.mean])

    def _gru(self, inputs: np.ndarray, way: str) -> np.ndarray:
        """Run a gated recurrent unit over the rows, as `torch.nn.GRU` defines it."""
        w = self.weights
        of_input = inputs @ w[f"gru.weight_ih_l0{way}"].T + w[f"gru.bias_ih_l0{way}"]
        recurrent, bias = w[f"gru.weight_hh_l0{way}"].T, w[f"gru.bias_hh_l0{way}"]
        size = len(bias) // 3
        state = np.zeros(size, np.float32)
        found: list[np.ndarray] = []
        for row in of_input:
            of_state = state @ recurrent + bias
            reset, update = np.split(_sigmoid(row[: 2 * size] + of_state[: 2 * size]), 2)
            new = np.tanh(row[2 * size :] + reset * of_state[2 * size :])
            state = (1 - update) * new + update * state
            found.append(state)
        return np.array(found)

    def _best(self, name: str, row: np.ndarray) -> str:
        return self.classes[name][int(self._linear(name, row).argmax())]

    def _linear(self, name: str, rows: np.ndarray) -> np.ndarray:
        return rows @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]


def shared_words(text: str, before: str) -> np.ndarray:
    """Return how many words a line shares with the one before it, has anew, and has; scaled."""
    said, earlier = set(words(text)), set(words(before))
    return np.array(
        [len(said & earlier) / 3, len(said - earlier) / 5, len(said) / 8], np.float32
    ).clip(max=4)


@cache
def load_reader(name: str = READER) -> Reader:
    """Load a network as it was written last.

    Args:
        name: `READER`, which reads all lines, or `COLLECTION`, which reads those about the
            collection better, and others less well.
    """
    card = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    with np.load(FOLDER / f"{name}.npz") as stored:
        weights = {name: stored[name].astype(np.float32) for name in stored.files}
    return Reader({name: tuple(of) for name, of in card["classes"].items()}, weights)


def _softmax(logits: np.ndarray) -> np.ndarray:
    exp = np.exp(logits - logits.max(-1, keepdims=True))
    return exp / exp.sum(-1, keepdims=True)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))
