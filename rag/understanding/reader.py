"""Read a line by small networks: its kind, operation and act, and what each word names.

Bidirectional GRUs over the states of the words (`encoder`). `python -m footnote.eval.train_reader`
fits them to labelled lines and writes them to `weights/`, with a card that says of what data, how
good, and when.
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
    """Networks that were fitted alike from other beginnings; what they give on average counts."""

    classes: Mapping[str, tuple[str, ...]]
    """Names of what `kind`, `operation`, `act` and `label` choose from, in order."""
    weights: Mapping[str, np.ndarray]
    """By name, as torch names and lays them out: see `eval.train_reader`. One network after
    another: (m, ...)."""

    def read(self, text: str, line: Encoded, before: tuple[str, Encoded] | None = None) -> Reading:
        """Read a line.

        Args:
            text: The line.
            line: Its words; at least one.
            before: The line before it in the conversation; None where it is the first, which is
                always new.
        """
        states, pooled = self._pooled(line)
        probabilities = self._likely("label", states)
        labels = self.classes["label"]
        acts: dict[Act, float] = {}
        if before:
            likely = self._likely("act", self._turn(text, line, pooled, before))[0]
            acts = dict(zip(map(Act, self.classes["act"]), map(float, likely), strict=True))
        likely_kinds = self._likely("kind", pooled)[0]
        kinds = dict(zip(map(Kind, self.classes["kind"]), map(float, likely_kinds), strict=True))
        operation = int(self._likely("operation", pooled)[0].argmax())
        return Reading(
            kinds,
            Operation(self.classes["operation"][operation]),
            max(acts, key=acts.__getitem__, default=Act.NEW),
            acts,
            tuple(labels[at] for at in probabilities.argmax(1)),
            tuple(dict(zip(labels, map(float, row), strict=True)) for row in probabilities),
        )

    def _turn(
        self, text: str, line: Encoded, pooled: np.ndarray, before: tuple[str, Encoded]
    ) -> np.ndarray:
        """Return what tells what a line does after the one before it; (m, 1, …)."""
        earlier, encoded = before
        _, of_earlier = self._pooled(encoded)
        own, other = line.mean, encoded.mean
        told = np.concatenate([own * other, np.abs(own - other), shared_words(text, earlier)])
        return np.concatenate(
            [pooled, of_earlier[..., : -len(other)], self._for_each(told)],
            axis=2,
        )

    def _pooled(self, line: Encoded) -> tuple[np.ndarray, np.ndarray]:
        """Return the states of the words, (m, n, 2 h), and of the line, (m, 1, 4 h + 384)."""
        inputs = np.maximum(self._linear("inputs", line.states), 0.0)
        ways = [self._gru(inputs, ""), self._gru(inputs[:, ::-1], "_reverse")[:, ::-1]]
        states = np.concatenate(ways, axis=2)
        attention = _softmax(self._linear("attention", states).swapaxes(1, 2))
        largest = states.max(axis=1, keepdims=True)
        pooled = [attention @ states, largest, self._for_each(line.mean)]
        return states, np.concatenate(pooled, axis=2)

    def _gru(self, inputs: np.ndarray, way: str) -> np.ndarray:
        """Run a gated recurrent unit over the rows, as `torch.nn.GRU` defines it; (m, n, h)."""
        w = self.weights
        of_input = self._linear(f"gru.{{}}_ih_l0{way}", inputs)
        recurrent = w[f"gru.weight_hh_l0{way}"].swapaxes(1, 2)
        bias = w[f"gru.bias_hh_l0{way}"]
        size = bias.shape[1] // 3
        state = np.zeros((len(bias), size), np.float32)
        found: list[np.ndarray] = []
        for row in of_input.swapaxes(0, 1):
            of_state = (state[:, None] @ recurrent)[:, 0] + bias
            gates = _sigmoid(row[:, : 2 * size] + of_state[:, : 2 * size])
            reset, update = gates[:, :size], gates[:, size:]
            new = np.tanh(row[:, 2 * size :] + reset * of_state[:, 2 * size :])
            state = (1 - update) * new + update * state
            found.append(state)
        return np.stack(found, axis=1)

    def _likely(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Return the probability of each class for each row; (n, n_classes).

        Means of log odds keep what all are sure of; means of probabilities blur it.
        """
        return _softmax(self._linear(name, rows).mean(axis=0))

    def _linear(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Apply a layer of each network to rows, (n, …) or (m, n, …)."""
        pattern = name if "{}" in name else f"{name}.{{}}"
        weight, bias = (self.weights[pattern.format(part)] for part in ("weight", "bias"))
        return rows @ weight.swapaxes(1, 2) + bias[:, None]

    def _for_each(self, row: np.ndarray) -> np.ndarray:
        """Return a row for each network; (m, 1, …)."""
        m = len(self.weights["inputs.bias"])
        return np.broadcast_to(row, (m, 1, len(row)))


def shared_words(text: str, before: str) -> np.ndarray:
    """Return how many words a line shares with the one before it, has anew, and has; scaled."""
    said, earlier = set(words(text)), set(words(before))
    return np.array(
        [len(said & earlier) / 3, len(said - earlier) / 5, len(said) / 8], np.float32
    ).clip(max=4)


@cache
def load_reader(name: str = READER) -> Reader:
    """Load networks as they were written last.

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
