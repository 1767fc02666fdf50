"""Score classes by trained linear heads: what a sentence does in its abstract.

Each head is a multinomial logistic regression over features that are strings, such as the words of
a sentence and rows of them. `python -m footnote.eval.train_heads` fits them to labelled sentences
and writes them to `heads/`, each with a card that says of what data, how good, and when.
"""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

FOLDER = Path(__file__).with_name("heads")


class LinearHead(NamedTuple):
    """A multinomial logistic regression over features that are there or not."""

    classes: tuple[str, ...]
    weights: Mapping[str, np.ndarray]
    """By feature; float32, (n_classes,)."""
    bias: np.ndarray
    """float32, (n_classes,)."""

    def probabilities(self, features: Iterable[str]) -> np.ndarray:
        """Return the probability of each class, in their order; float32, (n_classes,).

        Unknown features count for nothing; each known one counts once, by the length of all.
        """
        known = [self.weights[f] for f in dict.fromkeys(features) if f in self.weights]
        logits = self.bias + sum(known, np.zeros_like(self.bias)) / np.sqrt(max(len(known), 1))
        exp = np.exp(logits - logits.max())
        return exp / exp.sum()


@cache
def load_head(name: str) -> LinearHead:
    """Load a head by name, as `python -m footnote.eval.train_heads` wrote it."""
    written = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    classes, scale = tuple(written["classes"]), written["scale"]

    def dense(sparse: Mapping[str, int]) -> np.ndarray:
        row = np.zeros(len(classes), np.float32)
        for at, weight in sparse.items():
            row[int(at)] = weight * scale
        return row

    weights = {feature: dense(sparse) for feature, sparse in written["weights"].items()}
    return LinearHead(classes, weights, dense(written["bias"]))
