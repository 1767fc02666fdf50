"""Tokens of a sentence are merged two by two, by numbers computed by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.rag.index.pooling import pooled

AXES = np.eye(4, dtype=np.float32)


def near(axis: int, other: int) -> np.ndarray:
    """A unit vector close to one axis, leaning to another."""
    return np.float32(0.8) * AXES[axis] + np.float32(0.6) * AXES[other]


def test_the_nearest_are_merged_until_half_are_left():
    vectors = np.stack([AXES[0], AXES[1], AXES[2], AXES[0], AXES[1], AXES[2]])
    merged, runs = pooled(vectors, np.zeros(6, int))
    assert runs.tolist() == [0, 0, 0]
    assert {tuple(row) for row in merged.tolist()} == {tuple(row) for row in AXES[:3].tolist()}


def test_what_was_merged_is_the_mean_of_its_own_with_unit_norm():
    vectors = np.stack([AXES[0], near(0, 1), AXES[2], AXES[2], AXES[3], AXES[3]])
    merged, _ = pooled(vectors, np.zeros(6, int))
    # (1 + 0.8, 0.6), of length sqrt(3.6).
    expected = np.array([1.8, 0.6, 0, 0]) / 3.6**0.5
    assert min(np.abs(merged - expected).max(axis=1)) == pytest.approx(0, abs=1e-6)


def test_a_short_run_is_kept_whole_and_no_two_runs_are_mixed():
    vectors = np.stack([AXES[0]] * 4 + [AXES[0]] * 6)
    merged, runs = pooled(vectors, np.array([-1] * 4 + [0] * 6))
    assert runs.tolist() == [-1] * 4 + [0]
    assert merged.tolist() == [AXES[0].tolist()] * 5


def test_nothing_stays_nothing():
    merged, runs = pooled(np.empty((0, 4), np.float32), np.empty(0, int))
    assert len(merged) == len(runs) == 0


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(0, 99))
def test_each_run_has_half_as_many_at_most_and_none_is_lost(lengths: list[int], seed: int):
    vectors = np.random.default_rng(seed).normal(size=(sum(lengths), 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    merged, runs = pooled(vectors, np.repeat(np.arange(len(lengths)), lengths))
    for run, length in enumerate(lengths):
        assert 1 <= (runs == run).sum() <= (length if length <= 4 else (length + 1) // 2)
    assert np.allclose(np.linalg.norm(merged, axis=1), 1, atol=1e-5)
