import numpy as np
import pytest

from footnote.rag.index.int4 import UNIT, scale, to_int4, unpack
from footnote.rag.index.maxsim import maxsim

ASKED = np.array([[1.0, 0.0], [0.6, -0.8]], np.float32)
# Steps of four bits.
TOKENS = np.array([[7, 0], [0, 7], [-4, -7], [1, 2]])


def packed(steps: np.ndarray) -> np.ndarray:
    return to_int4((steps / scale(steps.shape[1])).astype(np.float32))


def test_each_token_takes_its_best_match_in_each_run():
    best = maxsim(ASKED, [packed(TOKENS[:3]), packed(TOKENS[3:])], np.array([0, 2, 3])) / UNIT
    # By hand: 0.6 · 7 in the first run, -0.6 · 4 + 0.8 · 7 in the second.
    assert best == pytest.approx(np.array([[7, 4.2], [-4, 3.2], [1, -1]]), abs=0.05)
    assert best.dtype == np.float32


def test_a_token_of_zeros_matches_nothing():
    best = maxsim(np.zeros((1, 2), np.float32), [packed(TOKENS)], np.array([0]))
    assert best.tolist() == [[0.0]]


@pytest.mark.parametrize("block", [1, 250, 5_000])
def test_rounding_the_question_costs_a_thousandth(block: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("footnote.rag.index.maxsim._BLOCK", block)
    rng = np.random.default_rng(0)
    asked = rng.normal(size=(20, 128))
    asked = (asked / np.linalg.norm(asked, axis=1, keepdims=True)).astype(np.float32)
    whole = rng.normal(size=(5_000, 128)).astype(np.float32)
    whole /= np.linalg.norm(whole, axis=1, keepdims=True)
    tokens = to_int4(whole)
    starts = np.arange(0, 5_000, 100)
    expected = np.maximum.reduceat(unpack(tokens).astype(float) @ asked.T, starts, axis=0)
    found = maxsim(asked, np.split(tokens, [100, 300, 400, 4_000]), starts)
    assert np.abs(found - expected).max() / (scale(128) * UNIT) < 0.005
