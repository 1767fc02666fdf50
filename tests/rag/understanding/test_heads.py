"""Linear heads: what they add up, what a text is told by, and what is written of them."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.understanding.heads import (
    FOLDER,
    LinearHead,
    label_tokens,
    load_head,
    text_features,
    token_features,
    tokens_of,
    turn_features,
)

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
    assert HEAD.best([]) == "why"


def test_a_vector_adds_its_part():
    head = HEAD._replace(of_vector=np.array([[5.0, 0.0], [0.0, 5.0]], np.float32))
    assert head.best([], [1.0, 0.0]) == "count"
    assert head.best([], [0.0, 1.0]) == "why"


@given(st.text(max_size=200), st.text(max_size=50))
def test_any_text_has_features_and_a_class(text: str, before: str):
    assert HEAD.best([*text_features(text), *turn_features(text, before)]) in HEAD.classes
    tokens = tokens_of(text)
    assert [text[slice(*t.span)] for t in tokens] == [t.text for t in tokens]
    assert all(list(token_features(tokens, at, "<")) for at in range(len(tokens)))


def test_a_long_text_has_no_more_word_features_than_a_long_question():
    assert len(set(text_features("a b c " * 10_000))) < 2_000


@pytest.mark.parametrize("name", ["kind", "act", "operation", "spans"])
def test_each_head_loads_and_has_a_card(name: str):
    head = load_head(name)
    assert head.probabilities([]).sum() == pytest.approx(1)
    card = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["card"]
    assert {"examples", "held out by", "accuracy", "macro F1", "date"} <= card.keys()


def test_each_word_of_a_line_has_a_label():
    tokens = tokens_of("papers on caches since 2023?")
    assert len(label_tokens(load_head("spans"), tokens)) == len(tokens) == 6
