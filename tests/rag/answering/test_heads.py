"""Linear heads: what they add up, and what is written of them."""

import json

import numpy as np
import pytest

from footnote.rag.answering.heads import FOLDER, LinearHead, load_head

HEAD = LinearHead(
    ("count", "why"),
    {"how many": np.array([2.0, 0.0], np.float32), "why": np.array([0.0, 3.0], np.float32)},
    np.array([0.0, 0.5], np.float32),
)


def test_probabilities_are_the_softmax_of_the_bias_and_the_known_features():
    # Two known features: (0 + 2/√2, 0.5 + 3/√2), by hand.
    logits = np.array([2 / np.sqrt(2), 0.5 + 3 / np.sqrt(2)])
    expected = np.exp(logits) / np.exp(logits).sum()
    found = HEAD.probabilities(["how many", "why", "unknown", "why"])
    assert found == pytest.approx(expected, abs=1e-6)


def test_without_a_known_feature_the_bias_decides():
    first, second = HEAD.probabilities([])
    assert second > first


@pytest.mark.parametrize("name", ["roles", "leans"])
def test_each_head_loads_and_has_a_card(name: str):
    assert load_head(name).probabilities([]).sum() == pytest.approx(1)
    card = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["card"]
    assert {"examples", "held out by", "accuracy", "macro F1", "date"} <= card.keys()
