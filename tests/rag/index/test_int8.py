"""Products with bytes are those of the numbers, but for what rounding takes."""

import numpy as np

from footnote.rag.index.int8 import INT8_MAX, dot_products

ROWS = np.random.default_rng(0).integers(-INT8_MAX, INT8_MAX + 1, (5_000, 128)).astype(np.int8)
ASKED = np.random.default_rng(1).normal(size=(3, 128)).astype(np.float32)


def test_products_are_those_of_the_numbers():
    found, scale = dot_products(ASKED, ROWS)
    exact = ROWS.astype(float) @ ASKED.T.astype(float)
    lengths = np.linalg.norm(ROWS.astype(float), axis=1)[:, None] * np.linalg.norm(ASKED, axis=1)
    assert found.shape == (5_000, 3)
    assert np.abs(found * scale - exact).max() <= 0.01 * lengths.max()


def test_whole_numbers_are_multiplied_exactly():
    asked = ROWS[:4].astype(np.float32)
    asked[:, 0] = INT8_MAX  # so that each is its own scale
    found, scale = dot_products(asked, ROWS)
    assert scale.tolist() == [1.0] * 4
    assert (found == ROWS.astype(int) @ asked.T.astype(int)).all()


def test_a_vector_of_zeros_gives_zeros():
    found, scale = dot_products(np.zeros((1, 128), np.float32), ROWS)
    assert not (found * scale).any()
