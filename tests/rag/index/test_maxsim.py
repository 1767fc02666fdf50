import numpy as np
import pytest

from footnote.rag.index.maxsim import maxsim

ASKED = np.array([[1.0, 0.0], [0.6, -0.8]], np.float32)
TOKENS = np.array([[100, 0], [0, 100], [-50, -100], [10, 20]], np.int8)


def test_each_token_takes_its_best_match_in_each_run():
    best = maxsim(ASKED, [TOKENS[:3], TOKENS[3:]], np.array([0, 2, 3]))
    # By hand: 0.6 · 100 in the first run, -0.6 · 50 + 0.8 · 100 in the second.
    assert best == pytest.approx(np.array([[100, 60], [-50, 50], [10, -10]]), abs=0.5)
    assert best.dtype == np.float32


def test_a_token_of_zeros_matches_nothing():
    best = maxsim(np.zeros((1, 2), np.float32), [TOKENS], np.array([0]))
    assert best.tolist() == [[0.0]]


@pytest.mark.parametrize("block", [1, 250, 5_000])
def test_rounding_the_question_costs_a_thousandth(block: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("footnote.rag.index.maxsim._BLOCK", block)
    rng = np.random.default_rng(0)
    asked = rng.normal(size=(20, 128))
    asked = (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)
    whole = rng.normal(size=(5_000, 128))
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    tokens = np.round(whole * 254).astype(np.int8)
    starts = np.arange(0, 5_000, 100)
    expected = np.maximum.reduceat(tokens.astype(float) @ asked.T, starts, axis=0)
    found = maxsim(asked, np.split(tokens, [100, 300, 400, 4_000]), starts)
    assert np.abs(found - expected).max() / 254 < 0.005
