"""Four bits a number: what is rounded, how it lies in bytes, and what comes back."""

import numpy as np
import pytest

from footnote.rag.index.int4 import UNIT, scale, to_int4, unpack


def test_numbers_lie_two_in_a_byte_and_come_back_rounded():
    step = 1 / scale(4)
    packed = to_int4(np.array([[2.2, -1.4, 7.4, -90]], np.float32) * step)
    # 2 below 7, -1 below -7: in two's complement of four bits 0111 0010 and 1001 1111.
    assert packed.tolist() == [[0b0111_0010, 0b1001_1111]]
    assert (unpack(packed) // UNIT).tolist() == [[2, -1, 7, -7]]


def test_every_number_comes_back():
    numbers = np.random.default_rng(0).integers(-7, 8, (100, 128))
    packed = to_int4((numbers / scale(128)).astype(np.float32))
    assert packed.shape == (100, 64)
    assert packed.dtype == np.uint8
    assert (unpack(packed) == numbers * UNIT).all()


def test_a_product_of_unit_vectors_is_nearly_kept():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(2, 5_000, 128)).astype(np.float32)
    asked, rows = vectors / np.linalg.norm(vectors, axis=2, keepdims=True)
    found = (asked * unpack(to_int4(rows))).sum(axis=1) / (scale(128) * UNIT)
    # Of a normal number 0.0129 of the variance is lost, and so of each product.
    assert np.std(found - (asked * rows).sum(axis=1)) == pytest.approx(
        np.sqrt(0.0129 / 128), rel=0.1
    )
