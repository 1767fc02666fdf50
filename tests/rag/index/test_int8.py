"""Products with bytes: exact in floats, nearly so where the processor multiplies bytes."""

import numpy as np
import pytest

from footnote.rag.index import int8
from footnote.rag.index.int8 import INT8_MAX, dot_products

ROWS = np.random.default_rng(0).integers(-INT8_MAX, INT8_MAX + 1, (5_000, 128)).astype(np.int8)
ASKED = np.random.default_rng(1).normal(size=(3, 128)).astype(np.float32)
EXACT = ASKED.astype(float) @ ROWS.T.astype(float)


@pytest.mark.parametrize(
    ("in_bytes", "error"), [(True, 0.01), (False, 1e-5)], ids=["bytes", "floats"]
)
def test_products_are_those_of_the_numbers(
    monkeypatch: pytest.MonkeyPatch, in_bytes: bool, error: float
):
    monkeypatch.setattr(int8, "multiplies_here", lambda: in_bytes)
    found, scale = dot_products(ASKED, ROWS)
    lengths = np.linalg.norm(ASKED, axis=1)[:, None] * np.linalg.norm(ROWS.astype(float), axis=1)
    assert np.abs(found * scale - EXACT).max() <= error * lengths.max()


@pytest.mark.parametrize("in_bytes", [True, False], ids=["bytes", "floats"])
def test_a_vector_of_zeros_gives_zeros(monkeypatch: pytest.MonkeyPatch, in_bytes: bool):
    monkeypatch.setattr(int8, "multiplies_here", lambda: in_bytes)
    found, scale = dot_products(np.zeros((1, 128), np.float32), ROWS)
    assert not (found * scale).any()
