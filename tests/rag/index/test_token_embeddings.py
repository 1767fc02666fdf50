"""Rows of unit norm."""

import numpy as np

from footnote.rag.index.token_embeddings import unit_rows


def test_rows_have_unit_norm_and_zeros_stay_zeros():
    rows = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -2.0]])
    assert unit_rows(rows).tolist() == [[0.6, 0.8], [0.0, 0.0], [0.0, -1.0]]


def test_no_rows_are_no_rows():
    assert unit_rows(np.empty((0, 2))).shape == (0, 2)
